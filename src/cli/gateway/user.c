/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport user add|passwd|groups|remove|list. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/idp/idp_file.h"
#include "cli/screen/render.h"
#include "cli/screen/terminal.h"
#include "identity/accounts/password.h"
#include "identity/tokens/id_token.h"

/* ---- passwords: from a descriptor or typed twice, never on the command line ---- */

static void free_secret(char **secret)
{
	if (*secret)
		sp_wipe(*secret, strlen(*secret));
	free(*secret);
}

static int read_password(const char *fd_text, char **ret_password)
{
	char *end;
	const long fd = strtol(fd_text, &end, 10);
	int r;

	if (end == fd_text || *end || fd < 0 ||
	    fd > INT_MAX) /* perhaps a password, so it is not repeated */
		return sp_cli_fail(SP_EXIT_USAGE, "--password-fd takes the number of a descriptor "
						  "to read from: a password is never an argument");
	r = sp_terminal_read_line((int)fd, SP_PASSWORD_MAX, ret_password);
	if (r == -ECANCELED)
		return sp_cli_fail(SP_EXIT_USAGE, "--password-fd %s: nothing came", fd_text);
	if (r == -EMSGSIZE)
		return sp_cli_fail(SP_EXIT_USAGE, "a password has at most %u bytes",
				   SP_PASSWORD_MAX);
	if (r == -EINVAL)
		return sp_cli_fail(SP_EXIT_USAGE, "--password-fd %s: a password has no NUL byte",
				   fd_text);
	return r < 0 ? sp_cli_fail(SP_EXIT_USAGE, "--password-fd %s: %s", fd_text, sp_err_text(r))
		     : SP_EXIT_OK;
}

static int ask_password(const char *user, char **ret_password)
{
	__sp_cleanup(free_secret) char *first = NULL, *second = NULL;
	char question[320];
	int r;

	snprintf(question, sizeof(question), "new password for %.255s: ", user);
	r = sp_terminal_ask_secret(question, SP_PASSWORD_MAX, &first);
	if (r == 0)
		r = sp_terminal_ask_secret("once more: ", SP_PASSWORD_MAX, &second);
	if (r == -ENOTTY)
		return sp_cli_fail(
			SP_EXIT_USAGE,
			"no terminal to ask for the password: give it with --password-fd N");
	if (r == -ECANCELED)
		return sp_cli_fail(SP_EXIT_FAILED, "nothing was changed");
	if (r == -EMSGSIZE)
		return sp_cli_fail(SP_EXIT_USAGE, "a password has at most %u bytes",
				   SP_PASSWORD_MAX);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "cannot read the password: %s", sp_err_text(r));
	if (strcmp(first, second) != 0)
		return sp_cli_fail(SP_EXIT_FAILED, "the two passwords differ; nothing was changed");
	*ret_password = SP_TAKE_PTR(first);
	return SP_EXIT_OK;
}

static int make_hash(const char *user, const char *fd_text, char ret_hash[SP_PASSWORD_HASH_MAX])
{
	__sp_cleanup(free_secret) char *password = NULL;
	int r = fd_text ? read_password(fd_text, &password) : ask_password(user, &password);

	if (r != SP_EXIT_OK)
		return r;
	if (strlen(password) < SP_PASSWORD_MIN)
		return sp_cli_fail(SP_EXIT_USAGE, "a password has at least %u bytes",
				   SP_PASSWORD_MIN);
	return sp_password_hash(password, strlen(password), ret_hash) < 0
		       ? sp_cli_fail(SP_EXIT_FAILED, "not enough memory to hash the password")
		       : SP_EXIT_OK;
}

/* ---- one change ---- */

static int report_change(const struct sp_cli *cli, const struct sp_idp_file *file, const char *user,
			 const char *done)
{
	if (cli->json)
		return sp_cli_print_json(json_pack("{s:i, s:s, s:s, s:s}", "v", 1, "idp",
						   file->name, "user", user, "done", done));
	sp_cli_print("user %s: %s, in %s\n", user, done, file->path);
	return SP_EXIT_OK;
}

static int change_file(const struct sp_cli *cli, const char *idp,
		       const struct sp_user_change *change, const char *done)
{
	__sp_cleanup(sp_idp_file_done) struct sp_idp_file file = SP_IDP_FILE_INIT;
	int r = sp_idp_file_lock(cli, idp, &file);

	if (r == SP_EXIT_OK)
		r = sp_idp_file_change(cli, &file, change);
	return r == SP_EXIT_OK ? report_change(cli, &file, change->name, done) : r;
}

/* Check that the user can be changed before the person types a password twice. */
static int check_user(const struct sp_cli *cli, const char *idp, const char *user, bool is_wanted)
{
	__sp_cleanup(sp_idp_file_done) struct sp_idp_file file = SP_IDP_FILE_INIT;
	int r = sp_idp_file_open(cli, idp, &file);
	bool is_there;

	if (r != SP_EXIT_OK)
		return r;
	is_there = file.idp && sp_idp_user(file.idp, user);
	if (is_there == is_wanted)
		return SP_EXIT_OK;
	return is_there ? sp_cli_fail(SP_EXIT_FAILED,
				      "user %s is there already: sallyport user passwd %s changes "
				      "the password",
				      user, user)
			: sp_idp_file_fail_no_user(&file, user);
}

/* Split the groups of one text at its commas. The text is changed. */
static int split_groups(char *text, const char **groups, size_t *ret_count)
{
	size_t count = 0;
	char *group;

	while ((group = strsep(&text, ","))) {
		if (!*group)
			return sp_cli_fail(SP_EXIT_USAGE, "--groups A,B: a group is empty");
		if (count == SP_GROUPS_MAX)
			return sp_cli_fail(SP_EXIT_USAGE, "a user has at most %u groups",
					   SP_GROUPS_MAX);
		groups[count++] = group;
	}
	*ret_count = count;
	return SP_EXIT_OK;
}

/* ---- the verbs ---- */

#define IDP_OPTION(variable)                                                                       \
	{ "idp", NULL, &(variable), "NAME", "the local provider (default: local)" }
#define FD_OPTION(variable)                                                                        \
	{ "password-fd", NULL, &(variable), "N",                                                   \
	  "read the password from this descriptor, not the terminal" }

/* Read the options and the NAME of a verb. Returns as sp_cli_options. */
static int read_name(struct sp_cli *cli, const char *verb, int argc, char **argv,
		     const struct sp_option *options, const char **ret_name)
{
	size_t count;
	int r = sp_cli_options(cli, verb, argc, argv, options, ret_name, 1, &count);

	if (r == 0 && count != 1)
		return sp_cli_fail(-EINVAL, "%s needs a NAME", verb);
	return r;
}

/* Ask for the password and make the change with it. */
static int change_password(const struct sp_cli *cli, const char *idp, const char *fd_text,
			   struct sp_user_change *change, const char *done)
{
	char hash[SP_PASSWORD_HASH_MAX];
	int r = check_user(cli, idp, change->name, change->edit == SP_USER_CHANGE);

	if (r == SP_EXIT_OK)
		r = make_hash(change->name, fd_text, hash);
	if (r != SP_EXIT_OK)
		return r;
	change->password = hash;
	r = change_file(cli, idp, change, done);
	change->password = NULL;
	return r;
}

int sp_cli_user_add(struct sp_cli *cli, int argc, char **argv)
{
	const char *idp = "local", *fd_text = NULL, *groups_text = NULL;
	const char *groups[SP_GROUPS_MAX];
	struct sp_user_change change = { .edit = SP_USER_ADD };
	const struct sp_option options[] = {
		IDP_OPTION(idp),
		{ "groups", NULL, &groups_text, "A,B",
		  "the groups the policy's roles are matched from" },
		FD_OPTION(fd_text),
		{ 0 },
	};
	__sp_free char *list = NULL;
	int r = read_name(cli, "user add", argc, argv, options, &change.name);

	if (r != 0)
		return sp_cli_options_exit(r);
	if (groups_text) {
		list = strdup(groups_text);
		if (!list)
			return sp_cli_fail(SP_EXIT_FAILED, "--groups: %s", sp_err_text(-ENOMEM));
		r = split_groups(list, groups, &change.group_count);
		if (r != SP_EXIT_OK)
			return r;
		change.groups = groups;
	}
	return change_password(cli, idp, fd_text, &change, "added");
}

int sp_cli_user_passwd(struct sp_cli *cli, int argc, char **argv)
{
	const char *idp = "local", *fd_text = NULL;
	const struct sp_option options[] = { IDP_OPTION(idp), FD_OPTION(fd_text), { 0 } };
	struct sp_user_change change = { .edit = SP_USER_CHANGE };
	int r = read_name(cli, "user passwd", argc, argv, options, &change.name);

	return r != 0 ? sp_cli_options_exit(r)
		      : change_password(cli, idp, fd_text, &change, "password changed");
}

int sp_cli_user_groups(struct sp_cli *cli, int argc, char **argv)
{
	const char *idp = "local", *word[1 + SP_GROUPS_MAX];
	const struct sp_option options[] = { IDP_OPTION(idp), { 0 } };
	struct sp_user_change change = { .edit = SP_USER_CHANGE };
	size_t count;
	int r;

	r = sp_cli_options(cli, "user groups", argc, argv, options, word, SP_ARRAY_LEN(word),
			   &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	if (count < 1)
		return sp_cli_fail(SP_EXIT_USAGE,
				   "user groups needs a NAME and the groups (none: in no group)");
	change.name = word[0];
	change.groups = word + 1;
	change.group_count = count - 1;
	return change_file(cli, idp, &change, count > 1 ? "groups changed" : "in no group now");
}

int sp_cli_user_remove(struct sp_cli *cli, int argc, char **argv)
{
	const char *idp = "local";
	const struct sp_option options[] = { IDP_OPTION(idp), { 0 } };
	struct sp_user_change change = { .edit = SP_USER_REMOVE };
	int r = read_name(cli, "user remove", argc, argv, options, &change.name);

	return r != 0 ? sp_cli_options_exit(r) : change_file(cli, idp, &change, "removed");
}

static json_t *list_users(const struct sp_idp *idp)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < idp->user_count; i++) {
		const struct sp_local_user *user = &idp->users[i];
		json_t *groups = json_array();

		for (size_t k = 0; k < user->group_count; k++)
			json_array_append_new(groups, json_string(user->groups[k]));
		json_array_append_new(rows, json_pack("{s:s, s:s, s:o, s:s}", "idp", idp->name,
						      "user", user->name, "groups", groups,
						      "password", user->password ? "set" : "none"));
	}
	return rows;
}

int sp_cli_user_list(struct sp_cli *cli, int argc, char **argv)
{
	static const struct sp_column columns[] = {
		{ "user", "user" }, { "password", "password" }, { "groups", "groups" }, { 0 }
	};
	__sp_cleanup(sp_idp_file_done) struct sp_idp_file file = SP_IDP_FILE_INIT;
	const char *idp = "local";
	const struct sp_option options[] = { IDP_OPTION(idp), { 0 } };
	__sp_json json_t *rows = NULL;
	size_t count;
	int r;

	r = sp_cli_options(cli, "user list", argc, argv, options, NULL, 0, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	r = sp_idp_file_open(cli, idp, &file);
	if (r != SP_EXIT_OK)
		return r;
	if (!file.idp)
		return sp_cli_fail(SP_EXIT_FAILED,
				   "there is no %s: sallyport user add NAME makes it", file.path);
	rows = list_users(file.idp);
	if (cli->json)
		return sp_cli_print_json(
			json_pack("{s:i, s:b, s:o}", "v", 1, "ok", 1, "users", SP_TAKE_PTR(rows)));
	sp_render_table(cli, rows, columns);
	return SP_EXIT_OK;
}
