/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who a token or userinfo speaks of: subject, name, groups. */
#include <errno.h>

#include "base/array.h"
#include "base/text.h"
#include "identity/claims.h"

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

	if (len < 1 || len > SP_SUBJECT_MAX)
		return sp_find(finding, SP_REFUSAL_BAD_SUBJECT,
			       "sub is missing or no text of 1 to %u characters", SP_SUBJECT_MAX);
	for (size_t i = 0; i < len; i++)
		if (sub[i] < ' ' || sub[i] > '~')
			return sp_find(finding, SP_REFUSAL_BAD_SUBJECT, "sub is not printable ASCII");
	if (want_subject && strcmp(sub, want_subject) != 0)
		return sp_find(finding, SP_REFUSAL_OTHER_SUBJECT, "sub is \"%.80s\", not \"%.80s\"", sub,
			       want_subject);
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

/* An address the provider itself calls unverified is whatever somebody typed: it names nobody. */
static bool is_unverified(const json_t *object, const char *name)
{
	const json_t *verified = json_object_get(object, "email_verified");

	return strcmp(name, "email") == 0 && verified && !json_is_true(verified);
}

int sp_claims_read_user(const json_t *object, const char *user_claim, struct sp_claims *claims,
			struct sp_finding *finding)
{
	const char *const named[] = { user_claim };
	static const char *const usual[] = { "preferred_username", "email" };
	const char *const *names = user_claim ? named : usual;
	const size_t count = user_claim ? SP_ARRAY_LEN(named) : SP_ARRAY_LEN(usual);

	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_object_get(object, names[i]);

		if (!value || json_is_null(value) || is_unverified(object, names[i]))
			continue;
		if (!json_is_string(value))
			return sp_find(finding, SP_REFUSAL_BAD_USER, "%.80s is no text", names[i]);
		return take_user(names[i], json_string_value(value), claims, finding);
	}
	return 0;
}

int sp_claims_settle_user(const char *user_claim, struct sp_claims *claims,
			  struct sp_finding *finding)
{
	if (claims->user)
		return 0;
	if (user_claim && strcmp(user_claim, "sub") != 0)
		return sp_find(finding, SP_REFUSAL_BAD_USER, "no claim \"%.80s\" names them", user_claim);
	return take_user("sub", claims->subject, claims, finding);
}

/* ---- the groups ---- */

/* The provider says that the list is somewhere else: distributed claims (OpenID Connect Core 1.0, 5.6.2),
 * as Microsoft does with people in very many groups, where it has a flag for it, too. */
static bool are_groups_elsewhere(const json_t *object, const char *groups_claim)
{
	const json_t *names = json_object_get(object, "_claim_names");

	return json_object_get(names, groups_claim) ||
	       json_is_true(json_object_get(object, "hasgroups"));
}

static int take_group(const json_t *item, size_t number, struct sp_claims *claims,
		      struct sp_finding *finding)
{
	const char *text = json_string_value(item);
	char **room;

	if (!text)
		return sp_find(finding, SP_REFUSAL_BAD_GROUPS, "group %zu is no text", number);
	/* no role can name it (the policy takes the same labels), so leaving it out changes no right */
	if (!sp_text_is_label(text, SP_GROUP_TEXT_MAX)) {
		if (claims->odd_group_count++ == 0)
			sp_text_show(text, claims->odd_group, sizeof(claims->odd_group));
		return 0;
	}
	room = SP_ARRAY_PUSH(claims->groups, claims->group_count);
	if (!room)
		return -ENOMEM;
	*room = strdup(text);
	return *room ? 0 : -ENOMEM;
}

int sp_claims_read_groups(const json_t *object, const char *groups_claim, struct sp_claims *claims,
			  struct sp_finding *finding)
{
	const json_t *list = json_object_get(object, groups_claim), *item;
	size_t i;

	if (are_groups_elsewhere(object, groups_claim))
		return sp_find(finding, SP_REFUSAL_GROUPS_ELSEWHERE,
			       "\"%.80s\" is not in the token, it points to another place; let the "
			       "provider send fewer groups",
			       groups_claim);
	if (!list)
		return 0;
	if (!json_is_array(list))
		return sp_find(finding, SP_REFUSAL_BAD_GROUPS, "\"%.80s\" is no list", groups_claim);
	if (json_array_size(list) > SP_GROUPS_MAX)
		return sp_find(finding, SP_REFUSAL_BAD_GROUPS, "%zu groups, at most %u are taken",
			       json_array_size(list), SP_GROUPS_MAX);
	json_array_foreach(list, i, item) {
		int r = take_group(item, i + 1, claims, finding);

		if (r < 0)
			return r;
	}
	claims->has_groups = true;
	return 0;
}
