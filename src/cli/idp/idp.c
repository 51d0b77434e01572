/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport idp list, and reading a provider's file for the other idp verbs. */
#include "cli/idp/idp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/files/source.h"
#include "cli/screen/render.h"
#include "io/files/files.h"
#include "yaml/suggest.h"

/* ---- one file ---- */

/* Say that no file has this name, and which was meant if one is near. */
static int fail_no_provider(const struct sp_paths *paths, const char *name)
{
	struct sp_nearest near;
	char **names = NULL;
	size_t count = 0;

	sp_nearest_init(&near, name);
	(void)sp_dir_list(paths->idp_dir, ".yaml", &names, &count);
	for (size_t i = 0; i < count; i++)
		sp_nearest_offer(&near, names[i]);
	sp_cli_fail(0, "there is no provider %s: no %s/%s.yaml%s%s%s", name, paths->idp_dir, name,
		    near.best ? "; did you mean " : "", near.best ? near.best : "",
		    near.best ? "?" : "");
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
	return SP_EXIT_INVALID;
}

static int read_idp(const struct sp_paths *paths, const char *name, struct sp_idp **ret_idp,
		    struct sp_diagnostics *diagnostics)
{
	__sp_free char *path = NULL, *text = NULL;
	size_t len;
	int r = sp_str_format(&path, "%s/%s.yaml", paths->idp_dir, name);

	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "naming the file of provider %s: %s", name,
				   sp_err_text(r));
	r = sp_file_read(path, SP_IDP_BYTES_MAX, &text, &len);
	if (r == -ENOENT)
		return fail_no_provider(paths, name);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_INVALID, "no provider %s: cannot read %s: %s", name,
				   path, r == -EINVAL ? "it is no regular file" : sp_err_text(r));
	r = sp_idp_load(path, text, len, ret_idp, diagnostics);
	sp_wipe(text, len); /* a file of local users holds hashes */
	if (r == -EINVAL)
		return SP_EXIT_INVALID;
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "checking %s: %s", path, sp_err_text(r));
	return SP_EXIT_OK;
}

/* Read and check idp.d/NAME.yaml. Returns SP_EXIT_OK; SP_EXIT_INVALID or SP_EXIT_FAILED, said. */
static int load_idp(const struct sp_cli *cli, const struct sp_paths *paths, const char *name,
		    struct sp_idp **ret_idp)
{
	struct sp_diagnostics diagnostics = { 0 };
	int r;

	if (!*name || *name == '.' || strchr(name, '/'))
		return sp_cli_fail(SP_EXIT_USAGE,
				   "\"%s\" is no provider's name: it is the name of a file of "
				   "idp.d, without .yaml",
				   name);
	r = read_idp(paths, name, ret_idp, &diagnostics);
	sp_source_print_diagnostics(cli, &diagnostics);
	sp_diagnostics_done(&diagnostics);
	return r;
}

int sp_cli_idp_load_oidc(const struct sp_cli *cli, const struct sp_paths *paths, const char *name,
			 struct sp_idp **ret_idp)
{
	__sp_cleanup(sp_idp_freep) struct sp_idp *idp = NULL;
	int r = load_idp(cli, paths, name, &idp);

	if (r != SP_EXIT_OK)
		return r;
	if (idp->type != SP_IDP_OIDC)
		return sp_cli_fail(SP_EXIT_USAGE,
				   "%s is no OIDC provider: its people sign in by password", name);
	*ret_idp = SP_TAKE_PTR(idp);
	return SP_EXIT_OK;
}

/* ---- all of them ---- */

static json_t *describe_provider(const struct sp_idp *idp)
{
	if (idp->type == SP_IDP_LOCAL)
		return json_pack("{s:s, s:s, s:n, s:n, s:I}", "name", idp->name, "type", "local",
				 "issuer", "client_id", "users", (json_int_t)idp->user_count);
	return json_pack("{s:s, s:s, s:s?, s:s?, s:n}", "name", idp->name, "type", "oidc", "issuer",
			 idp->issuer, "client_id", idp->client_id, "users");
}

/* List those of @names that are valid. Returns SP_EXIT_OK, or the exit code of the worst of the
 * others; each is printed. */
static int list_all(const struct sp_cli *cli, const struct sp_paths *paths, char **names,
		    size_t count, json_t *list)
{
	int worst = SP_EXIT_OK;

	for (size_t i = 0; i < count; i++) {
		__sp_cleanup(sp_idp_freep) struct sp_idp *idp = NULL;
		int r = load_idp(cli, paths, names[i], &idp);

		if (r == SP_EXIT_OK)
			json_array_append_new(list, describe_provider(idp));
		else
			worst = r;
	}
	return worst;
}

int sp_cli_idp_list(struct sp_cli *cli, int argc, char **argv)
{
	static const struct sp_column columns[] = {
		{ "provider", "name" },
		{ "type", "type" },
		{ "users", "users" },
		{ "issuer", "issuer" },
		{ 0 },
	};
	static const struct sp_option options[] = { { 0 } };
	__sp_paths struct sp_paths paths = { 0 };
	char **names = NULL;
	__sp_json json_t *list = NULL;
	size_t words, count = 0;
	int r;

	r = sp_cli_options(cli, "idp list", argc, argv, options, NULL, 0, &words);
	if (r != 0)
		return sp_cli_options_exit(r);
	r = sp_paths_init(&paths, cli->root);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "--root: %s", sp_err_text(r));
	r = sp_dir_list(paths.idp_dir, ".yaml", &names, &count);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "cannot read %s: %s", paths.idp_dir,
				   sp_err_text(r));
	list = json_array();
	r = list_all(cli, &paths, names, count, list);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
	if (!cli->json)
		sp_render_table(cli, list, columns);
	else if (sp_cli_print_json(json_pack("{s:i, s:b, s:O}", "v", 1, "ok", r == SP_EXIT_OK,
					     "providers", list)) != SP_EXIT_OK)
		r = SP_EXIT_FAILED;
	return r;
}
