/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "identity/provider.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "identity/accounts/password.h"
#include "identity/tokens/id_token.h"
#include "yaml/load.h"
#include "yaml/value.h"

enum { LOCAL_VERSION, LOCAL_TYPE, USERS };
static const struct sp_key local_keys[] = {
	[LOCAL_TYPE] = { "type", SP_KEY_REQUIRED },
	[LOCAL_VERSION] = { "sallyport", SP_KEY_OPTIONAL },
	[USERS] = { "users", SP_KEY_REQUIRED },
};

enum { PASSWORD, GROUPS };
static const struct sp_key user_keys[] = {
	[PASSWORD] = { "password", SP_KEY_OPTIONAL },
	[GROUPS] = { "groups", SP_KEY_OPTIONAL },
};

enum {
	OIDC_VERSION,
	OIDC_TYPE,
	ISSUER,
	CLIENT_ID,
	CLIENT_SECRET_FILE,
	CLIENT_SECRET,
	SCOPES,
	GROUPS_CLAIM,
	USER_CLAIM,
	CA,
	ALGORITHMS,
	REFRESH,
};
static const struct sp_key oidc_keys[] = {
	[OIDC_TYPE] = { "type", SP_KEY_REQUIRED },
	[OIDC_VERSION] = { "sallyport", SP_KEY_OPTIONAL },
	[ISSUER] = { "issuer", SP_KEY_REQUIRED },
	[CLIENT_ID] = { "client-id", SP_KEY_REQUIRED },
	[CLIENT_SECRET_FILE] = { "client-secret-file", SP_KEY_OPTIONAL },
	[CLIENT_SECRET] = { "client-secret", SP_KEY_OPTIONAL }, /* refused: see load_oidc */
	[SCOPES] = { "scopes", SP_KEY_OPTIONAL },
	[GROUPS_CLAIM] = { "groups-claim", SP_KEY_OPTIONAL },
	[USER_CLAIM] = { "user-claim", SP_KEY_OPTIONAL },
	[CA] = { "ca", SP_KEY_OPTIONAL },
	[ALGORITHMS] = { "algorithms", SP_KEY_OPTIONAL },
	[REFRESH] = { "refresh", SP_KEY_OPTIONAL },
};

#define TEXT_MAX 255u
#define SCOPES_MAX 32u
#define REFRESH_DEFAULT_S 300
#define REFRESH_MAX_S 86400

struct run {
	struct sp_check check;
	struct sp_idp *idp;
};

/* Append a copy of @text. */
static void push_text(struct run *run, char ***items, size_t *count, const char *text)
{
	char **room = SP_ARRAY_PUSH(*items, *count);

	if (room)
		*room = sp_copy_text(&run->check, text);
	else
		run->check.no_memory = true;
}

/* ---- local ---- */

static void load_groups(struct run *run, const struct sp_node *node, struct sp_local_user *user)
{
	if (sp_read_items(&run->check, node, "\"groups\"") < 0)
		return;
	sp_for_each_item(item, node) {
		const char *group = sp_read_group(&run->check, item, "a group");

		if (!group)
			continue;
		if (user->group_count == SP_GROUPS_MAX)
			sp_report(&run->check, item, "a user has at most %u groups", SP_GROUPS_MAX);
		else
			push_text(run, &user->groups, &user->group_count, group);
	}
}

/* The value may be a password in the clear, so the message does not repeat it. */
static void load_password(struct run *run, const struct sp_node *node, struct sp_local_user *user)
{
	const char *hash = sp_read_text(&run->check, node, "\"password\"");
	const char *fault = hash ? sp_password_hash_fault(hash) : NULL;

	if (fault)
		sp_report(&run->check, node,
			  "the password of %s %s; set it with: sallyport user passwd %s",
			  sp_show(user->name).quoted, fault, user->name);
	else if (hash)
		user->password = sp_copy_text(&run->check, hash);
}

static void load_user(struct run *run, const struct sp_node *name, const struct sp_node *body)
{
	const struct sp_node *values[SP_ARRAY_LEN(user_keys)];
	struct sp_local_user *user;

	if (sp_check_name(&run->check, name, "user") < 0)
		return;
	user = SP_ARRAY_PUSH(run->idp->users, run->idp->user_count);
	if (user)
		user->name = sp_copy_text(&run->check, name->text);
	if (!user || !user->name) {
		run->check.no_memory = true;
		return;
	}
	user->place = (struct sp_place){ .line = name->line, .column = name->column };
	if (sp_read_map(&run->check, body, "a user", user_keys, SP_ARRAY_LEN(user_keys), values) <
	    0)
		return;
	if (values[PASSWORD])
		load_password(run, values[PASSWORD], user);
	if (values[GROUPS])
		load_groups(run, values[GROUPS], user);
}

static int compare_users(const void *a, const void *b)
{
	return strcmp(((const struct sp_local_user *)a)->name,
		      ((const struct sp_local_user *)b)->name);
}

static void load_users(struct run *run, const struct sp_node *node)
{
	struct sp_idp *idp = run->idp;

	if (node->kind == SP_NODE_BROKEN)
		return;
	if (node->kind != SP_NODE_MAP) {
		sp_report(&run->check, node,
			  "\"users\" is a mapping, { NAME: { password: …, groups: […] } }");
		return;
	}
	if (node->count == 0)
		sp_warn(&run->check, node, "\"users\" is empty: nobody can sign in here");
	sp_map_for_each(name, body, node)
		load_user(run, name, body);
	if (idp->user_count > 1)
		qsort(idp->users, idp->user_count, sizeof(*idp->users), compare_users);
}

static void load_local(struct run *run, const struct sp_node *root)
{
	const struct sp_node *values[SP_ARRAY_LEN(local_keys)];

	run->idp->type = SP_IDP_LOCAL;
	if (sp_read_map(&run->check, root, "a local provider", local_keys, SP_ARRAY_LEN(local_keys),
			values) < 0)
		return;
	if (values[LOCAL_VERSION])
		sp_read_version(&run->check, root, values[LOCAL_VERSION]);
	if (values[USERS])
		load_users(run, values[USERS]);
}

/* ---- oidc ---- */

/* A text of printable ASCII, as OAuth's grammars define them. */
static const char *read_ascii(struct run *run, const struct sp_node *node, const char *what)
{
	const char *text = sp_read_text(&run->check, node, what);

	if (!text)
		return NULL;
	if (strlen(text) > TEXT_MAX) {
		sp_report(&run->check, node, "%s has at most %u bytes", what, TEXT_MAX);
		return NULL;
	}
	for (const char *c = text; *c; c++) {
		if (*c < ' ' || *c > '~') {
			sp_report(&run->check, node, "%s %s: only printable ASCII is allowed", what,
				  sp_show(text).quoted);
			return NULL;
		}
	}
	return text;
}

/* Between https:// and the path stand a host and perhaps a port, nothing else. */
static bool is_authority(const char *text, size_t len)
{
	static const char host_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789-._";
	size_t host_len, port_len;

	if (*text == '[') {
		host_len = strspn(text + 1, "0123456789abcdefABCDEF:.");
		if (host_len < 2 || text[1 + host_len] != ']')
			return false;
		host_len += 2;
	} else {
		host_len = strspn(text, host_chars);
	}
	if (host_len == 0 || host_len > len)
		return false;
	if (host_len == len)
		return true;
	port_len = text[host_len] == ':' ? strspn(text + host_len + 1, "0123456789") : 0;
	return port_len >= 1 && port_len <= 5 && text[host_len + 1] != '0' &&
	       host_len + 1 + port_len == len && atoi(text + host_len + 1) <= 65535;
}

/* OpenID Connect Core 1.0, 2: an https URL without query and fragment. */
static void load_issuer(struct run *run, const struct sp_node *node)
{
	const char *text = read_ascii(run, node, "\"issuer\"");

	if (!text)
		return;
	if (strncmp(text, "https://", 8) != 0)
		sp_report(&run->check, node, "\"issuer\" begins with https://, unlike %s",
			  sp_show(text).quoted);
	else if (strpbrk(text, "?#"))
		sp_report(&run->check, node,
			  "\"issuer\" %s: an issuer has no query and no fragment",
			  sp_show(text).quoted);
	else if (strpbrk(text, " @\\\"<>^`{|}") || !is_authority(text + 8, strcspn(text + 8, "/")))
		sp_report(&run->check, node,
			  "\"issuer\" %s is no address, as https://login.example.org/realms/corp",
			  sp_show(text).quoted);
	else
		run->idp->issuer = sp_copy_text(&run->check, text);
}

static bool has_scope(const struct sp_idp *idp, const char *scope)
{
	for (size_t i = 0; i < idp->scope_count; i++)
		if (idp->scopes[i] && strcmp(idp->scopes[i], scope) == 0)
			return true;
	return false;
}

static void load_scopes(struct run *run, const struct sp_node *node)
{
	struct sp_idp *idp = run->idp;

	if (sp_read_items(&run->check, node, "\"scopes\"") < 0)
		return;
	push_text(run, &idp->scopes, &idp->scope_count, "openid");
	sp_for_each_item(item, node) {
		const char *scope = read_ascii(run, item, "a scope");

		if (!scope || has_scope(idp, scope))
			continue;
		if (strpbrk(scope, " \"\\"))
			sp_report(&run->check, item,
				  "scope %s: one item a scope, without spaces, quotes and "
				  "backslashes",
				  sp_show(scope).quoted);
		else if (idp->scope_count == SCOPES_MAX)
			sp_report(&run->check, item, "there are at most %u scopes", SCOPES_MAX);
		else
			push_text(run, &idp->scopes, &idp->scope_count, scope);
	}
}

static void load_algorithms(struct run *run, const struct sp_node *node)
{
	static const char *const words[] = {
#define X(name, text) [SP_JWS_##name] = text,
		SP_JWS_ALGORITHMS(X)
#undef X
			[SP_JWS_COUNT] = NULL,
	};

	if (sp_read_items(&run->check, node, "\"algorithms\"") < 0)
		return;
	run->idp->algorithms = 0;
	sp_for_each_item(item, node) {
		const int word = sp_read_word(&run->check, item, "an algorithm", words);

		if (word >= 0)
			run->idp->algorithms |= 1u << word;
	}
}

static void load_refresh(struct run *run, const struct sp_node *node)
{
	int64_t seconds;

	if (sp_read_duration(&run->check, node, "\"refresh\"", &seconds) < 0)
		return;
	if (seconds < 1 || seconds > REFRESH_MAX_S)
		sp_report(&run->check, node, "\"refresh\" is from 1s to 1d");
	run->idp->refresh_s = seconds;
}

static void set_text(struct run *run, const char *text, char **field)
{
	if (text)
		*field = sp_copy_text(&run->check, text);
}

static void load_oidc(struct run *run, const struct sp_node *root)
{
	const struct sp_node *values[SP_ARRAY_LEN(oidc_keys)];
	struct sp_idp *idp = run->idp;

	idp->type = SP_IDP_OIDC;
	idp->algorithms = (1u << SP_JWS_COUNT) - 1;
	idp->refresh_s = REFRESH_DEFAULT_S;
	if (sp_read_map(&run->check, root, "an oidc provider", oidc_keys, SP_ARRAY_LEN(oidc_keys),
			values) < 0)
		return;
	if (values[OIDC_VERSION])
		sp_read_version(&run->check, root, values[OIDC_VERSION]);
	if (values[ISSUER])
		load_issuer(run, values[ISSUER]);
	if (values[CLIENT_ID])
		set_text(run, read_ascii(run, values[CLIENT_ID], "\"client-id\""), &idp->client_id);
	if (values[CLIENT_SECRET_FILE])
		set_text(run,
			 sp_read_text(&run->check, values[CLIENT_SECRET_FILE],
				      "\"client-secret-file\""),
			 &idp->client_secret_file);
	if (values[CLIENT_SECRET])
		sp_report(&run->check, values[CLIENT_SECRET],
			  "a secret does not stand here: put it into a file of its own and name "
			  "that with \"client-secret-file\"");
	if (values[SCOPES])
		load_scopes(run, values[SCOPES]);
	if (values[GROUPS_CLAIM])
		set_text(run, read_ascii(run, values[GROUPS_CLAIM], "\"groups-claim\""),
			 &idp->groups_claim);
	if (values[USER_CLAIM])
		set_text(run, read_ascii(run, values[USER_CLAIM], "\"user-claim\""),
			 &idp->user_claim);
	if (values[CA])
		set_text(run, sp_read_text(&run->check, values[CA], "\"ca\""), &idp->ca);
	if (values[ALGORITHMS])
		load_algorithms(run, values[ALGORITHMS]);
	if (values[REFRESH])
		load_refresh(run, values[REFRESH]);
}

static void set_oidc_defaults(struct run *run)
{
	static const char *const scopes[] = { "openid", "profile", "groups", "offline_access" };
	struct sp_idp *idp = run->idp;

	if (idp->type != SP_IDP_OIDC)
		return;
	if (!idp->groups_claim)
		set_text(run, "groups", &idp->groups_claim);
	for (size_t i = 0; i < SP_ARRAY_LEN(scopes) && idp->scope_count < i + 1; i++)
		push_text(run, &idp->scopes, &idp->scope_count, scopes[i]);
}

/* ---- a file ---- */

static const struct sp_node *find_type(const struct sp_node *root)
{
	sp_map_for_each(key, value, root)
		if (strcmp(key->text, "type") == 0)
			return value;
	return NULL;
}

/* The type decides which keys are allowed. */
static void load_typed(struct run *run, const struct sp_node *root)
{
	static const char *const words[] = {
		[SP_IDP_LOCAL] = "local", [SP_IDP_OIDC] = "oidc", NULL
	};
	const struct sp_node *type;
	int word;

	if (root->kind == SP_NODE_BROKEN)
		return;
	if (root->kind != SP_NODE_MAP) {
		sp_report(&run->check, root, "a provider's file is a mapping, { type: local, … }");
		return;
	}
	type = find_type(root);
	if (!type) {
		sp_report(&run->check, root,
			  "\"type\" is missing: \"local\" for users of this gateway, \"oidc\" for "
			  "an OpenID provider");
		return;
	}
	if (type->kind == SP_NODE_SCALAR && strcmp(type->text, "saml") == 0) {
		sp_report(&run->check, type,
			  "type \"saml\" is not supported yet; \"local\" and \"oidc\" are");
		return;
	}
	word = sp_read_word(&run->check, type, "\"type\"", words);
	if (word == SP_IDP_LOCAL)
		load_local(run, root);
	else if (word == SP_IDP_OIDC)
		load_oidc(run, root);
}

static void load_root(void *arg, const struct sp_node *root)
{
	load_typed(arg, root);
	set_oidc_defaults(arg);
}

/* The file's name is the provider's name. */
static void load_name(struct run *run, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	const size_t len = strlen(base);
	const bool has_suffix = len > 5 && strcmp(base + len - 5, ".yaml") == 0;
	struct sp_node node = { .line = 1, .column = 1, .kind = SP_NODE_SCALAR };

	run->idp->name = strndup(base, has_suffix ? len - 5 : len);
	if (!run->idp->name) {
		run->check.no_memory = true;
		return;
	}
	node.text = run->idp->name;
	sp_check_name(&run->check, &node, "identity provider");
}

static const struct sp_yaml_kind provider_kind = {
	.check_root = load_root,
	.empty = "the file is empty; a provider begins with \"type: local\" or \"type: oidc\"",
};

int sp_idp_load(const char *path, const char *text, size_t len, struct sp_idp **ret_idp,
		struct sp_diagnostics *diagnostics)
{
	__sp_cleanup(sp_idp_freep) struct sp_idp *idp = calloc(1, sizeof(*idp));
	struct run run = { .check = sp_check_of(&path, diagnostics), .idp = idp };
	int r;

	if (!idp)
		return -ENOMEM;
	load_name(&run, path);
	r = sp_yaml_load(&provider_kind, &run.check, text, len, &run);
	if (r < 0)
		return r;
	*ret_idp = SP_TAKE_PTR(idp);
	return 0;
}

static void free_texts(char **items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(items[i]);
	free(items);
}

void sp_idp_free(struct sp_idp *idp)
{
	if (!idp)
		return;
	for (size_t i = 0; i < idp->user_count; i++) {
		free(idp->users[i].name);
		free(idp->users[i].password);
		free_texts(idp->users[i].groups, idp->users[i].group_count);
	}
	free(idp->users);
	free_texts(idp->scopes, idp->scope_count);
	free(idp->name);
	free(idp->issuer);
	free(idp->client_id);
	free(idp->client_secret_file);
	free(idp->groups_claim);
	free(idp->user_claim);
	free(idp->ca);
	free(idp);
}

const struct sp_local_user *sp_idp_user(const struct sp_idp *idp, const char *name)
{
	const struct sp_local_user wanted = { .name = (char *)(uintptr_t)name };

	if (idp->user_count == 0)
		return NULL;
	return bsearch(&wanted, idp->users, idp->user_count, sizeof(*idp->users), compare_users);
}
