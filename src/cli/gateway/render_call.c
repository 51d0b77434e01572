/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A table straight from the daemon: of use on a gateway alone. */
#include "cli/gateway/client.h"
#include "cli/screen/render.h"

int sp_render_call(const struct sp_cli *cli, const char *op, json_t *fields, const char *key,
		   const struct sp_column *columns)
{
	__sp_json json_t *reply = NULL;
	json_t *rows, *row;
	size_t i;
	int r;

	r = sp_client_call(cli, op, fields, &reply);
	if (r != SP_EXIT_OK)
		return r;
	rows = json_object_get(reply, key);
	if (cli->json) {
		json_array_foreach(rows, i, row) {
			json_object_set_new(row, "v", json_integer(1));
			sp_cli_print_json(json_incref(row));
		}
	} else {
		sp_render_table(cli, rows, columns);
	}
	return SP_EXIT_OK;
}
