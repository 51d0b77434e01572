/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compare the providers and groups that a policy names with the files of idp.d. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/bounds.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "identity/provider.h"
#include "io/files/files.h"
#include "judge/fit.h"
#include "yaml/diagnostics.h"
#include "yaml/suggest.h"

struct provider {
	const char *name; /* of the file */
	/* NULL: the file cannot be used, so nothing is known of who signs in there */
	struct sp_idp *idp;
};

struct providers {
	char **names;
	size_t name_count;
	struct provider items[SP_PROVIDERS_MAX];
	size_t count;
};

static void providers_done(struct providers *providers)
{
	for (size_t i = 0; i < providers->count; i++)
		sp_idp_free(providers->items[i].idp);
	for (size_t i = 0; i < providers->name_count; i++)
		free(providers->names[i]);
	free(providers->names);
}

static int read_provider(const char *dir, const char *name, struct sp_idp **ret_idp)
{
	/* `idp list` and the portal report these */
	__sp_cleanup(sp_diagnostics_done) struct sp_diagnostics unsaid = { 0 };
	__sp_free char *path = NULL, *text = NULL;
	size_t len;
	int r = sp_str_format(&path, "%s/%s.yaml", dir, name);

	if (r < 0)
		return r;
	if (sp_file_read(path, SP_IDP_BYTES_MAX, &text, &len) < 0)
		return 0;
	r = sp_idp_load(path, text, len, ret_idp, &unsaid);
	sp_wipe(text, len); /* a file of local users holds hashes */
	return r == -ENOMEM ? r : 0;
}

static int read_providers(const char *dir, struct providers *providers)
{
	int r = sp_dir_list(dir, ".yaml", &providers->names, &providers->name_count);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0;
	     i < providers->name_count && providers->count < SP_PROVIDERS_MAX && r == 0; i++) {
		struct provider *provider = &providers->items[providers->count++];

		provider->name = providers->names[i];
		r = read_provider(dir, provider->name, &provider->idp);
	}
	return r;
}

static const struct provider *find_provider(const struct providers *providers, const char *name)
{
	for (size_t i = 0; i < providers->count; i++)
		if (!strcmp(providers->items[i].name, name))
			return &providers->items[i];
	return NULL;
}

static int warn_unknown(const struct sp_fit *fit, const struct providers *providers,
			const char *idp, struct sp_place place, struct sp_diagnostics *diagnostics)
{
	struct sp_nearest near;

	for (size_t i = providers->count; i < providers->name_count; i++)
		if (!strcmp(providers->names[i], idp))
			return sp_fit_say(fit, diagnostics, SP_WARNING, place,
					  "identity provider %s is not read from %s, so nobody "
					  "signs in by it: a gateway has at most %u, the first by "
					  "name",
					  sp_show(idp).quoted, fit->idp_dir, SP_PROVIDERS_MAX);
	sp_nearest_init(&near, idp);
	for (size_t i = 0; i < providers->count; i++)
		sp_nearest_offer(&near, providers->items[i].name);
	if (near.best)
		return sp_fit_say(fit, diagnostics, SP_WARNING, place,
				  "identity provider %s has no file in %s, so nobody signs in by "
				  "it; did you mean \"%s\"?",
				  sp_show(idp).quoted, fit->idp_dir, near.best);
	return sp_fit_say(fit, diagnostics, SP_WARNING, place,
			  "identity provider %s has no file in %s, so nobody signs in by it; %s",
			  sp_show(idp).quoted, fit->idp_dir,
			  strcmp(idp, "local") ? "describe it there: sallyport-idp(5)"
					       : "\"sallyport user add NAME\" makes it");
}

/* Is a user of a local provider in @group? @near gets the groups that users are in. */
static bool is_in_use(const struct sp_idp *idp, const char *group, struct sp_nearest *near)
{
	for (size_t i = 0; i < idp->user_count; i++)
		for (size_t j = 0; j < idp->users[i].group_count; j++) {
			if (!strcmp(idp->users[i].groups[j], group))
				return true;
			sp_nearest_offer(near, idp->users[i].groups[j]);
		}
	return false;
}

/* Does a local provider know somebody of this name? @near is offered whom it knows. */
static bool is_user(const struct sp_idp *idp, const char *user, struct sp_nearest *near)
{
	for (size_t i = 0; i < idp->user_count; i++) {
		if (!strcmp(idp->users[i].name, user))
			return true;
		sp_nearest_offer(near, idp->users[i].name);
	}
	return false;
}

/* Somebody whom a role names, in a match at @place or in a list there. */
static int check_person(const struct sp_fit *fit, const struct providers *providers,
			const char *user, const char *idp, struct sp_place place,
			struct sp_diagnostics *diagnostics)
{
	const struct provider *provider = find_provider(providers, idp);
	struct sp_nearest near;

	if (!provider)
		return warn_unknown(fit, providers, idp, place, diagnostics);
	if (!provider->idp || provider->idp->type != SP_IDP_LOCAL)
		return 0; /* its people are its own to know */
	sp_nearest_init(&near, user);
	if (is_user(provider->idp, user, &near))
		return 0;
	return sp_fit_say(fit, diagnostics, SP_WARNING, place, "\"%s\" has no user %s%s%s%s", idp,
			  sp_show(user).quoted, near.best ? "; did you mean " : "",
			  near.best ? sp_show(near.best).quoted : "", near.best ? "?" : "");
}

static int check_people(const struct sp_fit *fit, const struct providers *providers,
			struct sp_diagnostics *diagnostics)
{
	int r = 0;

	for (size_t i = 0; i < fit->policy->people_count; i++) {
		const struct sp_people_list *list = &fit->policy->people[i];

		for (size_t j = 0; j < list->count && r == 0; j++)
			if (list->items[j].idp)
				r = check_person(fit, providers, list->items[j].user,
						 list->items[j].idp, list->place, diagnostics);
	}
	return r;
}

static int check_group(const struct sp_fit *fit, const struct providers *providers,
		       const struct sp_role *role, const struct sp_role_match *match,
		       struct sp_diagnostics *diagnostics)
{
	const struct provider *provider = find_provider(providers, match->idp);
	struct sp_nearest near;

	if (!provider)
		return warn_unknown(fit, providers, match->idp, role->place, diagnostics);
	if (!provider->idp || provider->idp->type != SP_IDP_LOCAL)
		return 0; /* only the provider knows its groups */
	sp_nearest_init(&near, match->group);
	if (is_in_use(provider->idp, match->group, &near))
		return 0;
	return sp_fit_say(
		fit, diagnostics, SP_WARNING, role->place,
		"no user of \"%s\" is in group %s, so nobody gets role \"%s\" by it; %s%s%s",
		match->idp, sp_show(match->group).quoted, role->name,
		near.best ? "did you mean " : "\"sallyport user groups NAME GROUP…\" says who is",
		near.best ? sp_show(near.best).quoted : "", near.best ? "?" : "");
}

static int check_match(const struct sp_fit *fit, const struct providers *providers,
		       const struct sp_role *role, const struct sp_role_match *match,
		       struct sp_diagnostics *diagnostics)
{
	switch (match->kind) {
	case SP_MATCH_GROUP:
		return check_group(fit, providers, role, match, diagnostics);
	case SP_MATCH_USER:
		return check_person(fit, providers, match->user, match->idp, role->place,
				    diagnostics);
	case SP_MATCH_PEOPLE: /* each list is looked at once: check_people */
	case SP_MATCH_PEER_KEY:
		break;
	}
	return 0;
}

static int check_roles(const struct sp_fit *fit, const struct providers *providers,
		       struct sp_diagnostics *diagnostics)
{
	int r = 0;

	for (size_t i = 0; i < fit->policy->role_count; i++) {
		const struct sp_role *role = &fit->policy->roles[i];

		for (size_t j = 0; j < role->match_count && r == 0; j++)
			r = check_match(fit, providers, role, &role->matches[j], diagnostics);
	}
	return r;
}

int sp_fit_people(const struct sp_fit *fit, struct sp_diagnostics *diagnostics)
{
	__sp_cleanup(providers_done) struct providers providers = { 0 };
	int r;

	if (!fit->idp_dir)
		return 0;
	r = read_providers(fit->idp_dir, &providers);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (!providers.count && !fit->machine->has_portal)
		return 0; /* an administrator opens the sessions, and may name any provider */
	r = check_people(fit, &providers, diagnostics);
	return r < 0 ? r : check_roles(fit, &providers, diagnostics);
}
