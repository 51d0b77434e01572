/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport up, down: this device's tunnel, by wg-quick. The configuration is read from the
 * person's folder, renewed at the portal if it answers, checked against what tunnel_file.h allows,
 * and handed over in a folder that root alone can use. Root writes nothing into the person's
 * folder. */
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/portal/portal_call.h"
#include "cli/portal/profile.h"
#include "cli/screen/when.h"
#include "cli/tunnel/handshake.h"
#include "cli/tunnel/tunnel_file.h"
#include "cli/tunnel/tunnel_load.h"
#include "cli/tunnel/tunnel_reach.h"
#include "cli/tunnel/tunnel_routes.h"
#include "cli/tunnel/wg_quick.h"
#include "io/files/files.h"
#include "io/files/paths.h"
#include "io/loop/clock.h"
#include "net/addr.h"

#define HANDSHAKE_WAIT_MS 5000
#define LATELY_S 180 /* a tunnel in use shakes hands every two minutes */
#define ROUTES_SHOWN 8

struct tunnel {
	struct sp_cli *cli;
	const char *iface;
	char *file;   /* RUN/client/IFACE.conf: the configuration the tunnel was brought up with */
	char *plain;  /* RUN/client/IFACE.wg: the same for wg(8), for a moment */
	char *before; /* the text of @file; NULL: there is none */
};

static void tunnel_done(struct tunnel *tunnel)
{
	free(tunnel->file);
	free(tunnel->plain);
	sp_secret_freep(&tunnel->before);
}

static int fail_memory(void)
{
	return sp_cli_fail(SP_EXIT_FAILED, "out of memory");
}

/* A name wg-quick takes for an interface. */
static bool is_iface(const char *name)
{
	const size_t len = strlen(name);

	return len >= 1 && len < IFNAMSIZ && name[0] != '-' && name[0] != '.' &&
	       strspn(name,
		      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=+.-") == len;
}

/* RUN/client: made, or root's own already. */
static int make_run_dir(const struct sp_paths *paths, char **ret_dir)
{
	__sp_free char *dir = NULL;
	struct stat state;
	int r;

	if (sp_str_format(&dir, "%s/client", paths->run_dir) < 0)
		return fail_memory();
	r = sp_dir_make(dir, 0700);
	if (r < 0 || lstat(dir, &state) < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "cannot make %s: %s", dir,
				   sp_err_text(r < 0 ? r : sp_errno()));
	if (!S_ISDIR(state.st_mode) || state.st_uid != 0 || (state.st_mode & 077))
		return sp_cli_fail(SP_EXIT_FAILED,
				   "%s must be a folder of root's with mode 0700: remove it", dir);
	*ret_dir = SP_TAKE_PTR(dir);
	return SP_EXIT_OK;
}

static int tunnel_begin(struct tunnel *tunnel, const char *verb)
{
	__sp_paths struct sp_paths paths = { 0 };
	__sp_free char *dir = NULL;
	size_t len;
	int r;

	if (!is_iface(tunnel->iface))
		return sp_cli_fail(
			SP_EXIT_USAGE,
			"--iface %s: no name for an interface (at most 15 letters and digits)",
			tunnel->iface);
	if (geteuid() != 0)
		return sp_cli_fail(SP_EXIT_NOT_PERMITTED,
				   "%s changes interfaces and routes: sudo sallyport %s", verb,
				   verb);
	r = sp_paths_init(&paths, tunnel->cli->root);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_USAGE, "--root: %s", sp_err_text(r));
	r = make_run_dir(&paths, &dir);
	if (r != SP_EXIT_OK)
		return r;
	if (sp_str_format(&tunnel->file, "%s/%s.conf", dir, tunnel->iface) < 0 ||
	    sp_str_format(&tunnel->plain, "%s/%s.wg", dir, tunnel->iface) < 0)
		return fail_memory();
	r = sp_file_read(tunnel->file, SP_TUNNEL_FILE_MAX, &tunnel->before, &len);
	return r < 0 && r != -ENOENT
		       ? sp_cli_fail(SP_EXIT_FAILED, "%s: %s", tunnel->file, sp_err_text(r))
		       : SP_EXIT_OK;
}

static bool is_up(const struct tunnel *tunnel)
{
	return if_nametoindex(tunnel->iface) != 0;
}

static int write_secret(const char *path, const char *text)
{
	const int r = sp_file_replace(path, text, strlen(text), 0600, 0, 0);

	return r < 0 ? sp_cli_fail(SP_EXIT_FAILED, "cannot write %s: %s", path, sp_err_text(r))
		     : SP_EXIT_OK;
}

/* ---- up ---- */

/* @before NULL: there were none. */
static int set_routes(const struct tunnel *tunnel, const char *before, const char *after)
{
	__sp_cleanup(sp_tunnel_routes_done) struct sp_tunnel_routes from = { 0 }, to = { 0 };
	char text[SP_PREFIX_TEXT_MAX];
	struct sp_prefix first;
	size_t taken;
	int r = before ? sp_tunnel_routes_read(before, &from) : 0;

	if (r == 0)
		r = sp_tunnel_routes_read(after, &to);
	if (r == 0)
		r = sp_tunnel_routes_change(tunnel->iface, &from, &to, &taken, &first);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "the routes of %s cannot be set: %s",
				   tunnel->iface, sp_err_text(r));
	if (taken)
		sp_cli_fail(0, "%s%s this machine's own already, and not sent into the tunnel",
			    sp_prefix_format(&first, text), taken > 1 ? " and others are" : " is");
	return SP_EXIT_OK;
}

static int tunnel_take_down(const struct tunnel *tunnel)
{
	const char *const argv[] = { "wg-quick", "down", tunnel->file, NULL };
	const int r = sp_wg_quick(argv);

	if (r == SP_EXIT_OK)
		unlink(tunnel->file);
	return r;
}

static int tunnel_bring_up(const struct tunnel *tunnel, const char *conf)
{
	const char *const argv[] = { "wg-quick", "up", tunnel->file, NULL };
	int r = write_secret(tunnel->file, conf);

	if (r == SP_EXIT_OK)
		r = sp_wg_quick(argv);
	if (r != SP_EXIT_OK) {
		unlink(tunnel->file);
		return r;
	}
	if (sp_tunnel_file_has_routes_of_its_own(conf))
		r = set_routes(tunnel, NULL, conf);
	if (r != SP_EXIT_OK)
		tunnel_take_down(tunnel);
	return r;
}

/* Keys, endpoints and networks change in the running tunnel, no connection is cut. */
static int change_running(const struct tunnel *tunnel, const char *conf)
{
	const char *const argv[] = { "wg", "syncconf", tunnel->iface, tunnel->plain, NULL };
	__sp_secret char *plain = NULL;
	int r;

	if (sp_tunnel_file_without(conf, SP_TUNNEL_QUICK, &plain) < 0)
		return fail_memory();
	r = write_secret(tunnel->plain, plain);
	if (r == SP_EXIT_OK)
		r = sp_wg_quick(argv);
	unlink(tunnel->plain);
	if (r == SP_EXIT_OK && sp_tunnel_file_has_routes_of_its_own(conf))
		r = set_routes(tunnel, tunnel->before, conf);
	return r == SP_EXIT_OK ? write_secret(tunnel->file, conf) : r;
}

enum change { CHANGE_NONE, CHANGE_LIVE, CHANGE_ALL };

static int find_change(const char *before, const char *after, enum change *ret_change)
{
	__sp_secret char *old_rest = NULL, *new_rest = NULL;
	/* wg-quick made the routes, so they change with the whole tunnel only */
	const enum sp_tunnel_lines live =
		sp_tunnel_file_has_routes_of_its_own(after) ? SP_TUNNEL_LIVE : SP_TUNNEL_CRYPTO;

	*ret_change = CHANGE_NONE;
	if (!strcmp(before, after))
		return SP_EXIT_OK;
	if (sp_tunnel_file_without(before, live, &old_rest) < 0 ||
	    sp_tunnel_file_without(after, live, &new_rest) < 0)
		return fail_memory();
	*ret_change = strcmp(old_rest, new_rest) ? CHANGE_ALL : CHANGE_LIVE;
	return SP_EXIT_OK;
}

/* *@ret_did: for the person and for --json. */
static int tunnel_apply(const struct tunnel *tunnel, const char *conf, const char **ret_did)
{
	enum change change;
	int r;

	*ret_did = "up";
	if (!is_up(tunnel))
		return tunnel_bring_up(tunnel, conf);
	if (!tunnel->before)
		return sp_cli_fail(SP_EXIT_FAILED,
				   "an interface %s is there, and it is not ours: take it away, or "
				   "choose another name with --iface",
				   tunnel->iface);
	r = find_change(tunnel->before, conf, &change);
	if (r != SP_EXIT_OK)
		return r;
	*ret_did = change == CHANGE_NONE ? "already-up" : "changed";
	if (change == CHANGE_LIVE)
		return change_running(tunnel, conf);
	if (change == CHANGE_ALL) {
		r = tunnel_take_down(tunnel);
		return r == SP_EXIT_OK ? tunnel_bring_up(tunnel, conf) : r;
	}
	return SP_EXIT_OK;
}

/* "10.30.0.0/16, 10.40.0.0/16 and 29998 more" */
static void print_routes(const char *routes)
{
	const char *end = routes;
	size_t shown = 0, more = 0;

	while (end && *end && shown < ROUTES_SHOWN) {
		end = strchr(end + (*end == ','), ',');
		shown++;
	}
	if (!routes || !end || !*end) {
		sp_cli_print("  %-10s %s\n", "reaches", routes ? routes : "nothing");
		return;
	}
	for (const char *at = end; (at = strchr(at, ',')); at++)
		more++;
	sp_cli_print("  %-10s %.*s and %zu more\n", "reaches", (int)(end - routes), routes, more);
}

/* Does the gateway answer? Wait a round trip; a tunnel that carried something lately does
 * answer. */
static const char *find_handshake(const struct tunnel *tunnel, const char *did)
{
	const bool is_fresh = strcmp(did, "already-up") != 0;
	const int64_t since_ns = is_fresh ? 0 : (sp_clock_realtime_s() - LATELY_S) * SP_NS_PER_S;
	const int r = sp_handshake_await(tunnel->cli->root, tunnel->iface, since_ns,
					 is_fresh ? HANDSHAKE_WAIT_MS : 0);

	return r < 0 ? "unknown" : r ? "yes" : "none-yet";
}

static void print_handshake(const char *handshake, const char *conf)
{
	__sp_free char *endpoint = sp_tunnel_file_get(conf, "Endpoint");

	if (!strcmp(handshake, "yes"))
		sp_cli_print("  %-10s done: the gateway answers\n", "handshake");
	else if (!strcmp(handshake, "none-yet"))
		sp_cli_print("  %-10s none yet: nothing comes back from %s; next: see that UDP "
			     "leaves this network for there, then: sudo sallyport status\n",
			     "handshake", endpoint ? endpoint : "the gateway");
}

static int print_up(const struct tunnel *tunnel, const struct sp_profile *profile, const char *conf,
		    const char *did)
{
	const char *handshake = find_handshake(tunnel, did);
	__sp_free char *addresses = sp_tunnel_file_get(conf, "Address");
	__sp_free char *routes = sp_tunnel_file_get(conf, "AllowedIPs");
	const int64_t expires_s = sp_when_parse(profile->expires), now_s = sp_clock_realtime_s();
	char when[SP_WHEN_MAX];

	if (tunnel->cli->json)
		return sp_cli_print_json(json_pack("{s:i, s:s, s:s, s:s, s:s?, s:s}", "v", 1,
						   "event", did, "interface", tunnel->iface,
						   "portal", profile->url, "routes", routes,
						   "handshake", handshake));
	sp_cli_print("%s is %s\n  %-10s %s\n", tunnel->iface,
		     !strcmp(did, "up")           ? "up"
		     : !strcmp(did, "already-up") ? "up already, and nothing has changed"
						  : "up with what has changed",
		     "addresses", addresses ? addresses : "-");
	print_routes(routes);
	print_handshake(handshake, conf);
	if (expires_s <= now_s)
		sp_cli_print("  the session ended at %s; next: sallyport login %s\n",
			     sp_when_format(expires_s, now_s, when), profile->url);
	return SP_EXIT_OK;
}

int sp_cli_up(struct sp_cli *cli, int argc, char **argv)
{
	__sp_cleanup(tunnel_done) struct tunnel tunnel = { .cli = cli, .iface = "sallyport" };
	__sp_profile struct sp_profile profile = { 0 };
	const char *state = NULL, *did = "", *word[1];
	const struct sp_option options[] = {
		{ "iface", NULL, &tunnel.iface, "NAME", "the interface (default: sallyport)" },
		{ "state", NULL, &state, "DIR", "where it is kept (default: ~/.config/sallyport)" },
		{ 0 },
	};
	struct sp_tunnel_load load = { 0 };
	__sp_secret char *conf = NULL;
	size_t count;
	int r;

	r = sp_cli_options(cli, "up", argc, argv, options, word, 1, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	sp_portal_wipe_json();
	signal(SIGPIPE, SIG_IGN);
	r = tunnel_begin(&tunnel, "up");
	load.iface = tunnel.iface;
	load.before = tunnel.before;
	if (r == SP_EXIT_OK)
		r = sp_profile_open(state, count ? word[0] : NULL, true, &profile);
	if (r == SP_EXIT_OK)
		r = sp_tunnel_load(&load, &profile, &conf);
	if (r == SP_EXIT_OK)
		r = tunnel_apply(&tunnel, conf, &did);
	if (r == SP_EXIT_OK && load.reaches)
		/* status says less without */
		(void)sp_tunnel_reach_keep(cli->root, tunnel.iface, load.reaches);
	free(load.reaches);
	return r == SP_EXIT_OK ? print_up(&tunnel, &profile, conf, did) : r;
}

int sp_cli_down(struct sp_cli *cli, int argc, char **argv)
{
	__sp_cleanup(tunnel_done) struct tunnel tunnel = { .cli = cli, .iface = "sallyport" };
	const struct sp_option options[] = {
		{ "iface", NULL, &tunnel.iface, "NAME", "the interface (default: sallyport)" },
		{ 0 },
	};
	size_t count;
	bool was_up;
	int r;

	r = sp_cli_options(cli, "down", argc, argv, options, NULL, 0, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	r = tunnel_begin(&tunnel, "down");
	if (r != SP_EXIT_OK)
		return r;
	was_up = is_up(&tunnel);
	if (was_up && !tunnel.before)
		return sp_cli_fail(SP_EXIT_FAILED,
				   "%s was not brought up by `sallyport up`: left as it is",
				   tunnel.iface);
	if (was_up)
		r = tunnel_take_down(&tunnel);
	else
		unlink(tunnel.file); /* the engine died, or the machine slept */
	if (r != SP_EXIT_OK)
		return r;
	if (cli->json)
		return sp_cli_print_json(json_pack("{s:i, s:s, s:s}", "v", 1, "event",
						   was_up ? "down" : "already-down", "interface",
						   tunnel.iface));
	sp_cli_print("%s is %s\n", tunnel.iface, was_up ? "down" : "down already");
	return SP_EXIT_OK;
}
