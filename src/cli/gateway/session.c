/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport session open|list|extend|revoke. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/gateway/client.h"
#include "cli/screen/render.h"

static json_t *split_groups(const char *text)
{
	json_t *groups = json_array();
	__sp_free char *copy = strdup(text);
	char *rest = copy, *group;

	while (copy && (group = strsep(&rest, ",")))
		if (*group)
			json_array_append_new(groups, json_string(group));
	return groups;
}

/* Print the session, or the reply as it came. */
static int print_session(const struct sp_cli *cli, json_t *reply, const char *verb)
{
	json_t *item;
	size_t i;

	if (cli->json) {
		json_object_del(reply, "id");
		return sp_cli_print_json(json_incref(reply));
	}
	sp_cli_print("session %lld of %s %s: roles", sp_json_integer(reply, "session"),
		     sp_json_text(reply, "user"), verb);
	json_array_foreach(json_object_get(reply, "roles"), i, item)
		sp_cli_print(" %s", json_string_value(item));
	sp_cli_print("; addresses");
	json_array_foreach(json_object_get(reply, "addresses"), i, item)
		sp_cli_print(" %s", json_string_value(item));
	sp_cli_print("; until %s\n",
		     *sp_json_text(reply, "expires") ? sp_json_text(reply, "expires") : "revoked");
	return SP_EXIT_OK;
}

int sp_cli_session_open(struct sp_cli *cli, int argc, char **argv)
{
	const char *user = NULL, *subject = NULL, *idp = NULL, *groups = NULL, *key = NULL,
		   *device = NULL, *max = NULL, *idle = NULL;
	const struct sp_option options[] = {
		{ "user", NULL, &user, "NAME", "who signs in" },
		{ "subject", NULL, &subject, "ID",
		  "the provider's id of that person (default: the user)" },
		{ "idp", NULL, &idp, "NAME", "the identity provider's name in the policy" },
		{ "groups", NULL, &groups, "A,B", "groups the provider says the person is in" },
		{ "pubkey", NULL, &key, "KEY", "the device's WireGuard public key" },
		{ "device", NULL, &device, "NAME", "the device's name (default: device)" },
		{ "max", NULL, &max, "TIME",
		  "longest life, such as 10h (default: as the roles say)" },
		{ "idle", NULL, &idle, "TIME", "longest silence (default: as the roles say)" },
		{ 0 },
	};
	__sp_json json_t *fields = NULL, *reply = NULL, *object = NULL;
	size_t count;
	int r;

	r = sp_cli_options(cli, "session open", argc, argv, options, NULL, 0, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	if (!user || !idp)
		return sp_cli_fail(SP_EXIT_USAGE, "session open needs --user and --idp");
	fields =
		json_pack("{s:s, s:s, s:s, s:o}", "user", user, "subject", subject ? subject : user,
			  "idp", idp, "groups", split_groups(groups ? groups : ""));
	object = json_object();
	if (key)
		json_object_set_new(object, "public_key", json_string(key));
	if (key || device)
		json_object_set_new(object, "name", json_string(device ? device : "device"));
	if (json_object_size(object))
		json_object_set(fields, "device", object);
	r = max ? sp_client_add_duration("max", max, fields, "max_s") : SP_EXIT_OK;
	if (r == SP_EXIT_OK && idle)
		r = sp_client_add_duration("idle", idle, fields, "idle_s");
	if (r != SP_EXIT_OK)
		return r;
	r = sp_client_call(cli, "session.open", SP_TAKE_PTR(fields), &reply);
	return r == SP_EXIT_OK ? print_session(cli, reply, "is open") : r;
}

int sp_cli_session_list(struct sp_cli *cli, int argc, char **argv)
{
	static const struct sp_column columns[] = {
		{ "session", "session" },
		{ "state", "state" },
		{ "user", "user" },
		{ "idp", "idp" },
		{ "roles", "roles" },
		{ "addresses", "addresses" },
		{ "device", "device.name" },
		{ "expires", "expires" },
		{ "last seen", "last_seen" },
		{ "flows", "flows" },
		{ 0 },
	};
	const char *user = NULL, *idp = NULL;
	bool all = false;
	const struct sp_option options[] = {
		{ "user", NULL, &user, "NAME", "only this person's" },
		{ "idp", NULL, &idp, "NAME", "only people of this provider" },
		{ "all", &all, NULL, NULL, "closed ones of the last 30 days too" },
		{ 0 },
	};
	json_t *fields;
	size_t count;
	int r;

	r = sp_cli_options(cli, "session list", argc, argv, options, NULL, 0, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	fields = json_pack("{s:b}", "all", all);
	if (user)
		json_object_set_new(fields, "user", json_string(user));
	if (idp)
		json_object_set_new(fields, "idp", json_string(idp));
	return sp_render_call(cli, "session.list", fields, "sessions", columns);
}

static int parse_session(const char *text, json_int_t *ret_session)
{
	char *end;

	errno = 0;
	*ret_session = strtoll(text, &end, 10);
	return errno || end == text || *end || *ret_session < 0 ? -EINVAL : 0;
}

int sp_cli_session_extend(struct sp_cli *cli, int argc, char **argv)
{
	const char *max = NULL, *word[1];
	const struct sp_option options[] = {
		{ "max", NULL, &max, "TIME", "from now on (default: as the roles say)" },
		{ 0 },
	};
	json_int_t session;
	__sp_json json_t *fields = NULL, *reply = NULL;
	size_t count;
	int r;

	r = sp_cli_options(cli, "session extend", argc, argv, options, word, 1, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	if (count != 1 || parse_session(word[0], &session) < 0)
		return sp_cli_fail(SP_EXIT_USAGE,
				   "session extend needs a session's number (session list)");
	fields = json_pack("{s:I}", "session", session);
	r = max ? sp_client_add_duration("max", max, fields, "max_s") : SP_EXIT_OK;
	if (r != SP_EXIT_OK)
		return r;
	r = sp_client_call(cli, "session.extend", SP_TAKE_PTR(fields), &reply);
	return r == SP_EXIT_OK ? print_session(cli, reply, "is extended") : r;
}

int sp_cli_session_revoke(struct sp_cli *cli, int argc, char **argv)
{
	const char *why = NULL, *device = NULL, *idp = NULL, *word[1];
	const struct sp_option options[] = {
		{ "idp", NULL, &idp, "NAME", "the user of this provider" },
		{ "device", NULL, &device, "DEVICE", "the session of this device instead" },
		{ "why", NULL, &why, "TEXT", "kept in the audit log" },
		{ 0 },
	};
	__sp_json json_t *fields = NULL, *reply = NULL;
	json_t *item;
	json_int_t session;
	size_t count, i;
	int r;

	r = sp_cli_options(cli, "session revoke", argc, argv, options, word, 1, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	if ((count == 1) == (device != NULL))
		return sp_cli_fail(SP_EXIT_USAGE,
				   "session revoke needs a session's number, a user or --device");
	fields = json_object();
	if (device)
		json_object_set_new(fields, "device", json_string(device));
	else if (parse_session(word[0], &session) == 0)
		json_object_set_new(fields, "session", json_integer(session));
	else
		json_object_set_new(fields, "user", json_string(word[0]));
	if (idp && !json_object_get(fields, "user"))
		return sp_cli_fail(SP_EXIT_USAGE, "--idp says whose user is meant: give a user");
	if (idp)
		json_object_set_new(fields, "idp", json_string(idp));
	if (why)
		json_object_set_new(fields, "why", json_string(why));
	r = sp_client_call(cli, "session.close", SP_TAKE_PTR(fields), &reply);
	if (r != SP_EXIT_OK)
		return r;
	if (cli->json) {
		json_object_del(reply, "id");
		return sp_cli_print_json(json_incref(reply));
	}
	json_array_foreach(json_object_get(reply, "closed"), i, item)
		sp_cli_print("session %lld of %s has ended\n", sp_json_integer(item, "session"),
			     sp_json_text(item, "user"));
	sp_cli_print("in the kernel after %.3f ms: no packet of theirs passes from then on\n",
		     sp_json_integer(reply, "kernel_ns") / 1e6);
	return SP_EXIT_OK;
}
