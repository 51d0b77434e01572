/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport peer add|list|remove|config. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/gateway/client.h"
#include "cli/screen/render.h"

static void set_text(json_t *fields, const char *key, const char *text)
{
	if (text)
		json_object_set_new(fields, key, json_string(text));
}

int sp_cli_peer_add(struct sp_cli *cli, int argc, char **argv)
{
	const char *key = NULL, *name = NULL, *user = NULL, *idp = NULL, *subject = NULL;
	const struct sp_option options[] = {
		{ "pubkey", NULL, &key, "KEY", "the device's WireGuard public key" },
		{ "name", NULL, &name, "NAME", "the device's name" },
		{ "user", NULL, &user, "NAME",
		  "whose device it is; none: a machine of a peer-key role" },
		{ "idp", NULL, &idp, "NAME", "that person's identity provider" },
		{ "subject", NULL, &subject, "ID",
		  "the provider's id of that person (default: the user)" },
		{ 0 },
	};
	__sp_json json_t *reply = NULL;
	json_t *fields;
	size_t count;
	int r;

	r = sp_cli_options(cli, "peer add", argc, argv, options, NULL, 0, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	if (!key || !name)
		return sp_cli_fail(SP_EXIT_USAGE, "peer add needs --pubkey and --name");
	fields = json_pack("{s:s, s:s}", "public_key", key, "name", name);
	set_text(fields, "user", user);
	set_text(fields, "idp", idp);
	set_text(fields, "subject", subject ? subject : user);
	r = sp_client_call(cli, "peer.add", fields, &reply);
	if (r != SP_EXIT_OK)
		return r;
	if (cli->json) {
		json_object_del(reply, "id");
		return sp_cli_print_json(json_incref(reply));
	}
	sp_cli_print("device %s is enrolled%s\n", sp_json_text(reply, "name"),
		     json_is_integer(json_object_get(reply, "session"))
			     ? ", its session is open"
			     : "; it waits for a sign-in");
	return SP_EXIT_OK;
}

int sp_cli_peer_list(struct sp_cli *cli, int argc, char **argv)
{
	static const struct sp_column columns[] = {
		{ "device", "name" },
		{ "user", "user" },
		{ "idp", "idp" },
		{ "proven", "proven" },
		{ "addresses", "addresses" },
		{ "session", "session" },
		{ "in engine", "in_engine" },
		{ "endpoint", "endpoint" },
		{ "handshake", "last_handshake" },
		{ "public key", "public_key" },
		{ 0 },
	};
	const char *user = NULL, *idp = NULL;
	const struct sp_option options[] = {
		{ "user", NULL, &user, "NAME", "only this person's" },
		{ "idp", NULL, &idp, "NAME", "only people of this provider" },
		{ 0 },
	};
	json_t *fields;
	size_t count;
	int r;

	r = sp_cli_options(cli, "peer list", argc, argv, options, NULL, 0, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	fields = json_object();
	set_text(fields, "user", user);
	set_text(fields, "idp", idp);
	return sp_render_call(cli, "peer.list", fields, "peers", columns);
}

static int call_for_device(struct sp_cli *cli, const char *verb, const char *op, int argc,
			   char **argv, json_t **ret_reply)
{
	const struct sp_option options[] = { { 0 } };
	const char *word[1];
	size_t count;
	int r;

	*ret_reply = NULL;
	r = sp_cli_options(cli, verb, argc, argv, options, word, 1, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	if (count != 1)
		return sp_cli_fail(SP_EXIT_USAGE, "%s needs a device: its key, NAME or USER/NAME",
				   verb);
	r = sp_client_call(cli, op, json_pack("{s:s}", "device", word[0]), ret_reply);
	if (r == SP_EXIT_OK)
		json_object_del(*ret_reply, "id");
	return r;
}

int sp_cli_peer_remove(struct sp_cli *cli, int argc, char **argv)
{
	__sp_json json_t *reply = NULL;
	int r = call_for_device(cli, "peer remove", "peer.remove", argc, argv, &reply);

	if (!reply)
		return r;
	if (cli->json)
		return sp_cli_print_json(json_incref(reply));
	sp_cli_print("device %s is forgotten\n", sp_json_text(reply, "name"));
	return SP_EXIT_OK;
}

int sp_cli_peer_config(struct sp_cli *cli, int argc, char **argv)
{
	__sp_json json_t *reply = NULL;
	int r = call_for_device(cli, "peer config", "peer.config", argc, argv, &reply);

	if (!reply)
		return r;
	if (cli->json)
		return sp_cli_print_json(json_incref(reply));
	sp_cli_print_lines(sp_json_text(reply, "config"));
	return SP_EXIT_OK;
}
