/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport detach: the off switch. */
#include <string.h>

#include "cli/cli.h"
#include "cli/gateway/client.h"
#include "cli/screen/render.h"

static const char *forwarding_text(const char *word)
{
	static const struct {
		const char *word, *text;
	} texts[] = {
		{ "off", "switched off, as it was before sallyportd" },
		{ "on", "goes on, unjudged: it was on before sallyportd" },
		{ "unknown", "goes on, unjudged: how it was before sallyportd is not known" },
		{ "is-off", "is off" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!strcmp(texts[i].word, word))
			return texts[i].text;
	return word;
}

static void say_hooks(json_t *reply)
{
	json_t *interface, *list = json_object_get(reply, "interfaces");
	size_t i;

	sp_cli_say("  programs    ");
	json_array_foreach(list, i, interface)
		sp_cli_say("%s%s", i ? ", " : "", json_string_value(interface));
	if (json_array_size(list))
		sp_cli_say(": nothing is judged there any more (revision %lld)\n",
			   sp_json_integer(reply, "revision"));
	else
		sp_cli_say("none are attached\n");
}

static void say_tunnel(json_t *reply)
{
	const char *left = sp_json_text(reply, "tunnel_left");

	if (left[0])
		sp_cli_say("  tunnel      %s\n", left);
	else if (json_is_null(json_object_get(reply, "tunnel")))
		sp_cli_say("  tunnel      there is none that sallyportd made or took up\n");
	else
		sp_cli_say(
			"  tunnel      %s goes, and the engine on it ends; signed in now: %lld\n",
			sp_json_text(reply, "tunnel"), sp_json_integer(reply, "sessions"));
}

static void say_what(json_t *reply)
{
	json_t *forwarding = json_object_get(reply, "forwarding");

	say_hooks(reply);
	sp_cli_say("  lock        table inet sallyport goes: this machine's other rules alone "
		   "decide what passes\n");
	sp_cli_say("  IPv4        forwarding %s\n",
		   forwarding_text(sp_json_text(forwarding, "ipv4")));
	sp_cli_say("  IPv6        forwarding %s\n",
		   forwarding_text(sp_json_text(forwarding, "ipv6")));
	say_tunnel(reply);
	sp_cli_say("  sallyportd  stops; started again, it puts all of this back, sessions too\n");
}

int sp_cli_detach(struct sp_cli *cli, int argc, char **argv)
{
	const char *why = NULL;
	bool yes = false;
	const struct sp_option options[] = {
		{ "yes", &yes, NULL, NULL, "do it; without, say what it would do" },
		{ "why", NULL, &why, "TEXT", "kept in the audit log" },
		{ 0 },
	};
	__sp_json json_t *reply = NULL;
	json_t *fields;
	size_t count;
	int r, done;

	r = sp_cli_options(cli, "detach", argc, argv, options, NULL, 0, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	fields = json_pack("{s:b}", "yes", yes);
	if (why)
		json_object_set_new(fields, "why", json_string(why));
	r = sp_client_call(cli, "detach", fields, &reply);
	if (r != SP_EXIT_OK)
		return r;
	done = sp_json_text(reply, "tunnel_left")[0] ? SP_EXIT_FAILED
	       : yes                                 ? SP_EXIT_OK
						     : SP_EXIT_USAGE;
	if (cli->json) {
		json_object_del(reply, "id");
		r = sp_cli_print_json(json_incref(reply));
		return r == SP_EXIT_OK ? done : r;
	}
	sp_cli_say(yes ? "detached: this machine judges no packet any more\n"
		       : "detach would take this gateway out of the way of packets:\n");
	say_what(reply);
	if (!yes)
		sp_cli_say("nothing is changed yet: sallyport detach --yes does it\n");
	return done;
}
