/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport idp test: reach a provider as the portal does, step by step, and say where that ends.
 * The last steps ask for a device code, which nobody enters, and whether it was entered: only that
 * proves client id and secret right. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/idp/idp.h"
#include "identity/oidc/oidc.h"
#include "identity/oidc/vendor.h"
#include "io/fetch/fetch.h"
#include "io/files/files.h"
#include "io/loop/clock.h"
#include "json/own.h"

#define SECRET_BYTES_MAX 4096u

SP_DEFINE_CLEANUP(struct sp_oidc *, sp_oidc_free);
SP_DEFINE_CLEANUP(struct sp_idp_flow *, sp_idp_flow_free);

struct tour {
	const struct sp_cli *cli;
	const struct sp_fetch_trust *trust;
	json_t *steps; /* NULL: as text */
	bool failed;
};

static void print_step(const struct sp_cli *cli, const char *step, const char *url,
		       const struct sp_finding *trouble)
{
	sp_cli_print("%-10s %s%s%s  %s", step, sp_cli_paint(cli, trouble ? SP_RED : SP_GREEN),
		     trouble ? "failed" : "ok", sp_cli_paint(cli, SP_PLAIN), url ? url : "");
	if (trouble && url)
		sp_cli_print("\n           ");
	sp_cli_print("%s\n", trouble ? trouble->detail : "");
}

static void tour_report(struct tour *tour, const char *step, const char *url,
			const struct sp_finding *trouble)
{
	tour->failed |= trouble != NULL;
	if (tour->steps)
		json_array_append_new(tour->steps,
				      json_pack("{s:s, s:b, s:s?, s:s?, s:s?}", "step", step, "ok",
						!trouble, "url", url, "reason",
						trouble ? sp_refusal_word(trouble->reason) : NULL,
						"detail", trouble ? trouble->detail : NULL));
	else
		print_step(tour->cli, step, url, trouble);
}

static struct sp_idp_time time_now(void)
{
	return (struct sp_idp_time){ sp_clock_realtime_s(), sp_clock_boottime_ns() };
}

/* Carry out @request, which is used up. A request that cannot be begun counts as unanswered. */
static void tour_fetch(const struct tour *tour, struct sp_http_request *request,
		       struct sp_http_reply *ret_reply, char **ret_body)
{
	int r = sp_fetch(request, tour->trust, ret_reply, ret_body);

	if (r < 0 && !ret_reply->failure)
		ret_reply->failure = sp_err_text(r);
	if (r < 0)
		ret_reply->status = 0;
	sp_http_request_done(request);
}

/* Fetch discovery or keys. Returns whether the next step has what it needs. */
static bool fetch_document(struct tour *tour, struct sp_oidc *oidc, const char *step)
{
	struct sp_idp_time now = time_now();
	struct sp_http_request request;
	struct sp_http_reply reply = { 0 };
	__sp_free char *body = NULL, *url = NULL;
	uint64_t due_ns;

	if (sp_oidc_next(oidc, &now, &request, &due_ns) != SP_IDP_FETCH)
		return false;
	url = strdup(request.url);
	tour_fetch(tour, &request, &reply, &body);
	now = time_now();
	sp_oidc_take(oidc, &now, &reply);
	tour_report(tour, step, url, sp_oidc_trouble(oidc));
	return !sp_oidc_trouble(oidc);
}

/* Let @flow ask once, as of @now. Gives the status that was answered with; 0: nothing was asked, or
 * nothing came. @ret_url: malloc'ed, NULL: nothing was asked. */
static int flow_ask_once(const struct tour *tour, struct sp_idp_flow *flow, struct sp_idp_time *now,
			 char **ret_url)
{
	struct sp_http_request request;
	struct sp_http_reply reply = { 0 };
	__sp_free char *body = NULL;
	uint64_t due_ns;
	enum sp_idp_step step = sp_idp_flow_next(flow, now, &request, &due_ns);

	if (step == SP_IDP_WAIT && due_ns != UINT64_MAX) {
		now->boot_ns = due_ns; /* between two questions there is a pause; this is one */
		step = sp_idp_flow_next(flow, now, &request, &due_ns);
	}
	if (step != SP_IDP_FETCH)
		return 0;
	*ret_url = strdup(request.url);
	tour_fetch(tour, &request, &reply, &body);
	sp_idp_flow_take(flow, now, &reply);
	if (body)
		sp_wipe(body, reply.body ? reply.body_len : 0);
	return reply.status;
}

/* A code, which nobody enters, and whether it was entered: some providers look at client and secret
 * only then. */
static void ask_for_code(struct tour *tour, struct sp_oidc *oidc)
{
	__sp_cleanup(sp_idp_flow_freep) struct sp_idp_flow *flow = NULL;
	struct sp_idp_time now = time_now();
	__sp_free char *device_url = NULL, *token_url = NULL;
	const struct sp_finding *finding;
	int status;

	if (sp_oidc_flow_device(oidc, &flow) < 0)
		return;
	finding = sp_idp_flow_finding(flow);
	(void)flow_ask_once(tour, flow, &now, &device_url);
	tour_report(tour, "device", device_url, sp_idp_flow_prompt(flow) ? NULL : finding);
	if (!sp_idp_flow_prompt(flow))
		return;
	status = flow_ask_once(tour, flow, &now, &token_url);
	tour_report(tour, "token", token_url,
		    finding->reason != SP_REFUSAL_NONE || status == 0 ? finding : NULL);
}

/* A relative name in a provider's file is beside that file. */
static int resolve_path(const struct sp_paths *paths, const char *name, char **ret_path)
{
	return name[0] == '/' ? sp_str_format(ret_path, "%s", name)
			      : sp_str_format(ret_path, "%s/%s", paths->idp_dir, name);
}

/* *@ret_secret NULL: a public client. */
static int read_secret(const struct sp_paths *paths, const struct sp_idp *idp, char **ret_secret,
		       size_t *ret_len)
{
	__sp_free char *path = NULL;
	int r;

	if (!idp->client_secret_file)
		return SP_EXIT_OK;
	r = resolve_path(paths, idp->client_secret_file, &path);
	if (r == 0)
		r = sp_file_read(path, SECRET_BYTES_MAX, ret_secret, ret_len);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "cannot read client-secret-file %s: %s",
				   path ? path : "", sp_err_text(r));
	(*ret_secret)[strcspn(*ret_secret, "\r\n")] = '\0';
	return SP_EXIT_OK;
}

/* ---- what providers of its kind need ---- */

static void take_advice(void *arg, const char *text)
{
	json_array_append_new(arg, json_string(text));
}

static void print_advice(const struct sp_cli *cli, const char *title, const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		sp_cli_print("%s%-10s%s %s\n", sp_cli_paint(cli, SP_YELLOW), i == 0 ? title : "",
			     sp_cli_paint(cli, SP_PLAIN), json_string_value(item));
}

/* Returns what is wrong in the file here. @ret_there: what to set at the provider. @ret_vendor
 * NULL: it is none of the known vendors. */
static json_t *advice_make(const struct sp_idp *idp, const struct sp_oidc *oidc,
			   const struct sp_vendor **ret_vendor, json_t **ret_there)
{
	const struct sp_discovery *discovery = sp_oidc_get_discovery(oidc);
	const struct sp_vendor *vendor = sp_vendor_recognise(idp->issuer, discovery);
	json_t *here = json_array(), *there = json_array();

	sp_vendor_check(vendor, idp, discovery, take_advice, here);
	for (size_t i = 0; vendor && vendor->there[i]; i++)
		take_advice(there, vendor->there[i]);
	*ret_vendor = vendor;
	*ret_there = there;
	return here;
}

static int print_end(const struct sp_cli *cli, const struct sp_idp *idp, const struct sp_oidc *oidc,
		     struct tour *tour)
{
	const struct sp_vendor *vendor;
	__sp_json json_t *there = NULL, *here = advice_make(idp, oidc, &vendor, &there);

	if (cli->json)
		return sp_cli_print_json(json_pack("{s:i, s:b, s:s, s:s, s:s?, s:o, s:O, s:O}", "v",
						   1, "ok", !tour->failed, "name", idp->name,
						   "issuer", idp->issuer, "vendor",
						   vendor ? vendor->name : NULL, "steps",
						   tour->steps, "here", here, "there", there));
	print_advice(cli, "here", here);
	if (vendor)
		sp_cli_print("%-10s %s: docs/providers.md, \"%s\"\n", "provider", vendor->name,
			     vendor->section);
	print_advice(cli, "there", there);
	return SP_EXIT_OK;
}

static int run_tour(const struct sp_cli *cli, const struct sp_paths *paths,
		    const struct sp_idp *idp, const char *secret)
{
	__sp_cleanup(sp_oidc_freep) struct sp_oidc *oidc = NULL;
	__sp_free char *ca = NULL;
	struct sp_fetch_trust trust = { 0 };
	struct tour tour = { .cli = cli, .trust = &trust };
	int r = idp->ca ? resolve_path(paths, idp->ca, &ca) : 0;

	if (r == 0)
		r = sp_oidc_new(idp, secret, &oidc);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "provider %s cannot be used: %s", idp->name,
				   sp_err_text(r));
	trust.ca_file = ca;
	tour.steps = cli->json ? json_array() : NULL;
	if (fetch_document(&tour, oidc, "discovery") && fetch_document(&tour, oidc, "keys"))
		ask_for_code(&tour, oidc);
	if (print_end(cli, idp, oidc, &tour) != SP_EXIT_OK)
		return SP_EXIT_FAILED;
	return tour.failed ? SP_EXIT_FAILED : SP_EXIT_OK;
}

int sp_cli_idp_test(struct sp_cli *cli, int argc, char **argv)
{
	static const struct sp_option options[] = { { 0 } };
	__sp_paths struct sp_paths paths = { 0 };
	__sp_cleanup(sp_idp_freep) struct sp_idp *idp = NULL;
	__sp_free char *secret = NULL;
	const char *name[1];
	size_t count, secret_len = 0;
	int r;

	r = sp_cli_options(cli, "idp test", argc, argv, options, name, 1, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	if (count != 1)
		return sp_cli_fail(SP_EXIT_USAGE, "idp test needs a provider's name");
	r = sp_paths_init(&paths, cli->root);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "--root: %s", sp_err_text(r));
	r = sp_cli_idp_load_oidc(cli, &paths, name[0], &idp);
	if (r != SP_EXIT_OK)
		return r;
	signal(SIGPIPE, SIG_IGN); /* SIGPIPE must not end us: a server that hangs up is an answer */
	r = read_secret(&paths, idp, &secret, &secret_len);
	if (r == SP_EXIT_OK)
		r = run_tour(cli, &paths, idp, secret);
	if (secret)
		sp_wipe(secret, secret_len);
	return r;
}
