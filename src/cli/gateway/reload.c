/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport reload: sallyportd reads sallyport.yaml again. */
#include "cli/cli.h"
#include "cli/gateway/client.h"
#include "cli/screen/render.h"

int sp_cli_reload(struct sp_cli *cli, int argc, char **argv)
{
	const struct sp_option options[] = { { 0 } };
	__sp_json json_t *reply = NULL;
	size_t count;
	int r;

	r = sp_cli_options(cli, "reload", argc, argv, options, NULL, 0, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	r = sp_client_call(cli, "reload", json_object(), &reply);
	if (r != SP_EXIT_OK)
		return r;
	if (cli->json) {
		json_object_del(reply, "id");
		return sp_cli_print_json(json_incref(reply));
	}
	sp_cli_print("%s is taken", sp_json_text(reply, "file"));
	if (json_is_true(json_object_get(reply, "judged_anew")))
		sp_cli_print("  revision %lld", sp_json_integer(reply, "revision"));
	sp_cli_print("\n");
	if (json_is_true(json_object_get(reply, "portal_behind")))
		sp_cli_say("sallyport-portal takes its part when it starts again\n");
	return SP_EXIT_OK;
}
