/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport ban, unban, bans. */
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/gateway/client.h"
#include "cli/screen/render.h"
#include "json/text.h"

/* One address or prefix. Returns 0; an exit code, and it was said what is wrong. */
static int read_prefix(struct sp_cli *cli, const char *verb, int argc, char **argv,
		       const struct sp_option *options, const char **ret_prefix, bool *ret_is_done)
{
	size_t count;
	int r = sp_cli_options(cli, verb, argc, argv, options, ret_prefix, 1, &count);

	*ret_is_done = r != 0;
	if (r != 0)
		return sp_cli_options_exit(r);
	if (count == 1)
		return SP_EXIT_OK;
	*ret_is_done = true;
	return sp_cli_fail(SP_EXIT_USAGE, "%s needs an address or a prefix", verb);
}

static int print_reply(const struct sp_cli *cli, json_t *reply, const char *what)
{
	if (cli->json) {
		json_object_del(reply, "id");
		return sp_cli_print_json(json_incref(reply));
	}
	sp_cli_print("%s %s", sp_json_text(reply, "prefix"), what);
	if (*sp_json_text(reply, "until"))
		sp_cli_print(" until %s", sp_json_text(reply, "until"));
	sp_cli_print("\n");
	return SP_EXIT_OK;
}

int sp_cli_ban(struct sp_cli *cli, int argc, char **argv)
{
	const char *span = NULL, *reason = NULL, *prefix;
	const struct sp_option options[] = {
		{ "for", NULL, &span, "TIME", "such as 1h (default: for good)" },
		{ "reason", NULL, &reason, "TEXT", "shown by bans, kept in the audit log" },
		{ 0 },
	};
	__sp_json json_t *reply = NULL, *fields = json_object();
	bool is_done;
	int r = read_prefix(cli, "ban", argc, argv, options, &prefix, &is_done);

	if (is_done)
		return r;
	if (span && sp_client_add_duration("for", span, fields, "for_s") != SP_EXIT_OK)
		return SP_EXIT_USAGE;
	json_object_set_new(fields, "prefix", sp_json_of_text(prefix));
	if (reason)
		json_object_set_new(fields, "reason", sp_json_of_text(reason));
	r = sp_client_call(cli, "ban", SP_TAKE_PTR(fields), &reply);
	return r == SP_EXIT_OK ? print_reply(cli, reply, "is banned") : r;
}

int sp_cli_unban(struct sp_cli *cli, int argc, char **argv)
{
	const struct sp_option options[] = { { 0 } };
	__sp_json json_t *reply = NULL;
	const char *prefix;
	bool is_done;
	int r = read_prefix(cli, "unban", argc, argv, options, &prefix, &is_done);

	if (is_done)
		return r;
	r = sp_client_call(cli, "unban", json_pack("{s:o}", "prefix", sp_json_of_text(prefix)),
			   &reply);
	if (reply)
		json_object_set_new(reply, "until", json_null()); /* it is over now */
	return r == SP_EXIT_OK ? print_reply(cli, reply, "is banned no more") : r;
}

int sp_cli_bans(struct sp_cli *cli, int argc, char **argv)
{
	static const struct sp_column columns[] = {
		{ "prefix", "prefix" }, { "until", "until" },   { "since", "since" },
		{ "by", "by" },         { "reason", "reason" }, { 0 },
	};
	const struct sp_option options[] = { { 0 } };
	size_t count;
	int r = sp_cli_options(cli, "bans", argc, argv, options, NULL, 0, &count);

	if (r != 0)
		return sp_cli_options_exit(r);
	return sp_render_call(cli, "bans", json_object(), "bans", columns);
}
