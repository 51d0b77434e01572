/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The claims about the person in an id_token or userinfo: subject, name, groups. */
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "base/array.h"
#include "base/text.h"
#include "identity/tokens/claims.h"

void sp_claims_done(struct sp_claims *claims)
{
	free(claims->subject);
	free(claims->user);
	for (size_t i = 0; i < claims->group_count; i++)
		free(claims->groups[i]);
	free(claims->groups);
	*claims = (struct sp_claims){ 0 };
}

static int replace(char **place, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*place);
	*place = copy;
	return 0;
}

/* ---- the subject ---- */

int sp_claims_read_subject(const json_t *object, const char *want_subject, struct sp_claims *claims,
			   struct sp_finding *finding)
{
	const char *sub = sp_strict_json_text(object, "sub");
	size_t len = sub ? strlen(sub) : 0;
	char shown[80];

	if (len < 1 || len > SP_SUBJECT_MAX)
		return sp_find(finding, SP_REFUSAL_BAD_SUBJECT,
			       "sub is %s, no text of 1 to %u characters",
			       sp_strict_json_show(sp_strict_json_value(object, "sub"), shown,
						   sizeof(shown)),
			       SP_SUBJECT_MAX);
	for (size_t i = 0; i < len; i++)
		if (sub[i] < ' ' || sub[i] > '~')
			return sp_find(finding, SP_REFUSAL_BAD_SUBJECT,
				       "sub is \"%.80s\", not printable ASCII", sub);
	if (want_subject && strcmp(sub, want_subject) != 0)
		return sp_find(finding, SP_REFUSAL_OTHER_SUBJECT, "sub is \"%.80s\", not \"%.80s\"",
			       sub, want_subject);
	return replace(&claims->subject, sub);
}

/* ---- the name ---- */

static int take_user(const char *name, const char *text, struct sp_claims *claims,
		     struct sp_finding *finding)
{
	char shown[96];

	if (!sp_text_is_name(text, SP_USER_MAX))
		return sp_find(finding, SP_REFUSAL_BAD_USER,
			       "%.40s \"%s\" is not 1 to %u printable bytes without `/`", name,
			       sp_text_show(text, shown, sizeof(shown)), SP_USER_MAX);
	return replace(&claims->user, text);
}

/* An address that the provider calls unverified is only what a person typed, so it names nobody.
 * Some providers write `true` as a text (Amazon Cognito, Apple). */
static bool is_unverified(const json_t *object, const char *name)
{
	const json_t *verified = sp_strict_json_value(object, "email_verified");

	return strcmp(name, "email") == 0 && verified && !json_is_true(verified) &&
	       !(json_is_string(verified) && strcasecmp(json_string_value(verified), "true") == 0);
}

int sp_claims_read_user(const json_t *object, const char *user_claim, struct sp_claims *claims,
			struct sp_finding *finding)
{
	const char *const named[] = { user_claim };
	static const char *const usual[] = { "preferred_username", "email" };
	const char *const *names = user_claim ? named : usual;
	const size_t count = user_claim ? SP_ARRAY_LEN(named) : SP_ARRAY_LEN(usual);
	char shown[60];

	for (size_t i = 0; i < count; i++) {
		const json_t *value = sp_strict_json_value(object, names[i]);

		if (!value || (json_is_string(value) && json_string_length(value) == 0))
			continue;
		if (is_unverified(object, names[i])) {
			claims->is_email_unverified = true;
			continue;
		}
		if (!json_is_string(value))
			return sp_find(finding, SP_REFUSAL_BAD_USER,
				       "%.80s is %s, no text; name another claim with user-claim",
				       names[i], sp_strict_json_show(value, shown, sizeof(shown)));
		return take_user(names[i], json_string_value(value), claims, finding);
	}
	return 0;
}

int sp_claims_settle_user(const char *user_claim, struct sp_claims *claims,
			  struct sp_finding *finding)
{
	if (claims->user)
		return 0;
	if (user_claim && strcmp(user_claim, "email") == 0 && claims->is_email_unverified)
		return sp_find(finding, SP_REFUSAL_BAD_USER,
			       "email is there, but not verified, says the provider "
			       "(email_verified): it names nobody; verify the address there");
	if (user_claim && strcmp(user_claim, "sub") != 0)
		return sp_find(finding, SP_REFUSAL_BAD_USER, "no claim \"%.80s\" names them",
			       user_claim);
	return take_user("sub", claims->subject, claims, finding);
}

/* ---- the groups ---- */

/* Does the provider say that the list of groups is elsewhere? Distributed claims (OpenID Connect
 * Core 1.0, 5.6.2), as Microsoft sends them for people in very many groups; Microsoft also has a
 * flag for this, `hasgroups`. */
static bool are_groups_elsewhere(const json_t *object, const char *groups_claim)
{
	const json_t *names = json_object_get(object, "_claim_names");

	return sp_strict_json_value(names, groups_claim) ||
	       (strcmp(groups_claim, "groups") == 0 &&
		json_is_true(json_object_get(object, "hasgroups")));
}

/* The member of that name; else the member at the path that the dots separate, such as Keycloak's
 * realm_access.roles. */
static const json_t *find_groups(const json_t *object, const char *groups_claim)
{
	const json_t *found = sp_strict_json_value(object, groups_claim);
	char name[128];

	while (!found && *groups_claim) {
		const size_t len = strcspn(groups_claim, ".");

		if (len == 0 || len >= sizeof(name))
			return NULL;
		snprintf(name, sizeof(name), "%.*s", (int)len, groups_claim);
		object = sp_strict_json_value(object, name);
		if (groups_claim[len] == '\0')
			return object;
		groups_claim += len + 1;
	}
	return found;
}

static void note_odd(const json_t *item, struct sp_claims *claims)
{
	char other[sizeof(claims->odd_group)];

	if (claims->odd_group_count++ == 0)
		sp_text_show(json_is_string(item) ? json_string_value(item)
						  : sp_strict_json_show(item, other, sizeof(other)),
			     claims->odd_group, sizeof(claims->odd_group));
}

/* Leave out a group that no role can name: the policy accepts the same labels only, so this changes
 * no right. */
static int take_group(const json_t *item, struct sp_claims *claims)
{
	const char *text = json_string_value(item);
	char **room;

	if (!text || !sp_text_is_label(text, SP_GROUP_TEXT_MAX)) {
		note_odd(item, claims);
		return 0;
	}
	room = SP_ARRAY_PUSH(claims->groups, claims->group_count);
	if (!room)
		return -ENOMEM;
	*room = strdup(text);
	return *room ? 0 : -ENOMEM;
}

/* A claim that the administrator chose may be one text instead of a list: AD FS sends a single
 * group so, and Google's hd is always one text. */
static int take_one(const json_t *object, const char *groups_claim, const json_t *text,
		    struct sp_claims *claims)
{
	int r = is_unverified(object, groups_claim) ? 0 : take_group(text, claims);

	claims->has_groups = r == 0;
	return r;
}

/* Zitadel's roles are the keys of an object. */
#define ZITADEL "urn:zitadel:iam:"

static int take_keys(const json_t *object, struct sp_claims *claims)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		__sp_json json_t *text = json_string(key);
		int r = text ? take_group(text, claims) : -ENOMEM;

		if (r < 0)
			return r;
	}
	claims->has_groups = true;
	return 0;
}

int sp_claims_read_groups(const json_t *object, const char *groups_claim, struct sp_claims *claims,
			  struct sp_finding *finding)
{
	const json_t *list = find_groups(object, groups_claim), *item;
	bool has_text = false, is_zitadel;
	size_t i, count;

	if (are_groups_elsewhere(object, groups_claim))
		return sp_find(
			finding, SP_REFUSAL_GROUPS_ELSEWHERE,
			"\"%.60s\" is not in the token, it points to another place, for the person "
			"is in too many groups; let the provider send fewer (sallyport idp test)",
			groups_claim);
	if (!list)
		return 0;
	if (json_is_string(list) && strcmp(groups_claim, "groups") != 0)
		return take_one(object, groups_claim, list, claims);
	is_zitadel = json_is_object(list) && strncmp(groups_claim, ZITADEL, strlen(ZITADEL)) == 0;
	if (!is_zitadel && !json_is_array(list))
		return sp_find(finding, SP_REFUSAL_BAD_GROUPS,
			       "\"%.80s\" is %s, no list of texts; let the provider send a list",
			       groups_claim,
			       json_is_string(list)   ? "a text"
			       : json_is_object(list) ? "an object"
						      : "a number or a truth value");
	count = is_zitadel ? json_object_size(list) : json_array_size(list);
	if (count > SP_GROUPS_MAX)
		return sp_find(finding, SP_REFUSAL_BAD_GROUPS, "%zu groups, at most %u are taken",
			       count, SP_GROUPS_MAX);
	if (is_zitadel)
		return take_keys(list, claims);
	json_array_foreach(list, i, item) {
		int r = take_group(item, claims);

		if (r < 0)
			return r;
		has_text |= json_is_string(item);
	}
	if (json_array_size(list) > 0 && !has_text)
		return sp_find(finding, SP_REFUSAL_BAD_GROUPS,
			       "\"%.80s\" has no text in it, but %s", groups_claim,
			       claims->odd_group);
	claims->has_groups = true;
	return 0;
}
