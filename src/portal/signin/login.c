/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Local passwords: POST /api/v1/login, and the password of an extension. A wrong password and an
 * unknown user take the same time and get the same answer. A person who signed in from the same
 * address before is served first. */
#include "portal/signin/login.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "json/own.h"
#include "portal/gate/gate_reply.h"
#include "portal/providers/provider.h"
#include "portal/providers/refresher.h"
#include "portal/signin/signin.h"

void sp_password_check_free(struct sp_password_check *check)
{
	if (!check)
		return;
	if (check->password)
		sp_wipe(check->password, strlen(check->password));
	free(check->password);
	free(check->hash);
	free(check);
}

static void refuse_login(struct sp_exchange *exchange, enum sp_refusal_reason reason,
			 int64_t retry_after_s)
{
	const struct sp_person *person = &exchange->person;
	struct sp_finding finding = { 0 };

	sp_find(&finding, reason, "password of %.64s at %.64s", person->user, person->idp);
	sp_signin_record(exchange->portal, &finding, person->idp, person->user, person->device_name,
			 &exchange->from);
	sp_respond_refusal(&exchange->response, reason, retry_after_s);
	sp_exchange_answer(exchange);
}

/* ---- the password ---- */

static const struct sp_local_user *find_user(const struct sp_exchange *exchange)
{
	const struct sp_provider *provider =
		sp_provider_find(exchange->portal, exchange->person.idp);

	return provider && sp_provider_takes_passwords(provider)
		       ? sp_idp_user(provider->idp, exchange->person.user)
		       : NULL;
}

static void password_checked(void *arg, bool is_right)
{
	struct sp_exchange *exchange = arg;
	const struct sp_person *person = &exchange->person;
	/* again, since the file may have changed meanwhile */
	const struct sp_local_user *user = find_user(exchange);
	const bool may = user && user->password && exchange->check->hash &&
			 strcmp(user->password, exchange->check->hash) == 0;

	exchange->check = NULL;
	sp_throttle_tell(exchange->portal->throttle, person->idp, person->user, &exchange->from,
			 exchange->portal->now.boot_ns, is_right && may);
	if (!user)
		refuse_login(exchange, SP_REFUSAL_UNKNOWN_USER, 0);
	else if (!is_right || !may)
		refuse_login(exchange, SP_REFUSAL_WRONG_PASSWORD, 0);
	else
		exchange->passed(exchange, user);
}

/* The hash that an unknown name's password is compared with: that of a user of the same file,
 * always the same user for one name. So the times of hashes of different costs do not tell which
 * names exist. NULL: the file has no hash. Such a sign-in is refused whatever the comparison
 * gives. */
static const char *find_decoy(const struct sp_exchange *exchange)
{
	const struct sp_portal *portal = exchange->portal;
	const struct sp_provider *provider = sp_provider_find(portal, exchange->person.idp);
	const size_t count = provider && provider->idp ? provider->idp->user_count : 0;
	const char *user = exchange->person.user;
	uint64_t at;

	crypto_shorthash((uint8_t *)&at, (const uint8_t *)user, strlen(user),
			 portal->rates.hash_key);
	for (size_t i = 0; i < count; i++) {
		const char *hash = provider->idp->users[(at + i) % count].password;

		if (hash)
			return hash;
	}
	return NULL;
}

static struct sp_password_check *check_new(struct sp_exchange *exchange, const char *password)
{
	const struct sp_person *person = &exchange->person;
	const struct sp_local_user *user = find_user(exchange);
	const char *hash = user && user->password ? user->password : find_decoy(exchange);
	struct sp_password_check *check = calloc(1, sizeof(*check));

	if (!check)
		return NULL;
	check->done = password_checked;
	check->arg = exchange;
	check->password = strdup(password);
	check->hash = hash ? strdup(hash) : NULL;
	check->cost_kib = sp_password_cost_kib(hash);
	check->from = exchange->from;
	check->is_known = sp_portal_is_inside(exchange->portal, &exchange->from) ||
			  sp_throttle_knows(exchange->portal->throttle, person->idp, person->user,
					    &exchange->from);
	if (!check->password || (hash && !check->hash)) {
		sp_password_check_free(check);
		return NULL;
	}
	return check;
}

/* Count the try only once it waits for its turn: a client that was told "too many" did not try. */
static bool check_hand_over(struct sp_exchange *exchange, struct sp_password_check *check)
{
	struct sp_portal *portal = exchange->portal;

	if (portal->outside->check(portal->outside_arg, check) < 0)
		return false;
	(void)sp_throttle_ask(portal->throttle, exchange->person.idp, exchange->person.user,
			      &exchange->from, portal->now.boot_ns);
	return true;
}

void sp_password_check(struct sp_exchange *exchange, const char *password,
		       void (*passed)(struct sp_exchange *exchange,
				      const struct sp_local_user *user))
{
	struct sp_portal *portal = exchange->portal;
	const uint64_t wait_ns =
		sp_throttle_wait_ns(portal->throttle, exchange->person.idp, exchange->person.user,
				    &exchange->from, portal->now.boot_ns);
	struct sp_password_check *check;

	if (wait_ns) {
		refuse_login(exchange, SP_REFUSAL_SLOW_DOWN,
			     (int64_t)((wait_ns - 1) / SP_NS_PER_S) + 1);
		return;
	}
	check = check_new(exchange, password);
	if (!check) {
		sp_exchange_fail(exchange, 500, "internal", "out of memory; try again in a moment");
		return;
	}
	exchange->passed = passed;
	exchange->check = check;
	if (check_hand_over(exchange, check))
		return;
	portal->shed_checks++;
	exchange->check = NULL;
	sp_password_check_free(check);
	sp_respond_error(&exchange->response, 503, "busy", 2,
			 "too many sign-ins at once; try again in a moment");
	sp_exchange_answer(exchange);
}

/* ---- a session for it ---- */

static void session_opened(struct sp_exchange *exchange, const json_t *reply)
{
	__sp_free char *sealed = NULL;

	if (!sp_gate_is_ok(reply)) {
		sp_exchange_fail_gate(exchange, reply);
		return;
	}
	if (sp_refresh_seal(exchange->portal, NULL, &exchange->from, &sealed) == 0)
		sp_refresher_note(exchange->portal, 0, reply, sealed);
	sp_signin_respond(exchange->portal, &exchange->person, reply, NULL, &exchange->response);
	sp_exchange_answer(exchange);
}

static void open_session(struct sp_exchange *exchange, const struct sp_local_user *user)
{
	__sp_free char *sealed = NULL;
	__sp_json json_t *groups = sp_groups_of_user(user);
	json_t *request = NULL;

	if (groups && sp_refresh_seal(exchange->portal, NULL, &exchange->from, &sealed) == 0)
		request = sp_signin_request(&exchange->person, groups, exchange->portal->now.now_s,
					    sealed, &exchange->from);
	sp_exchange_ask(exchange, request, session_opened);
}

static const char *body_text(const struct sp_exchange *exchange, const char *key)
{
	return json_string_value(json_object_get(exchange->body, key));
}

/* Which local provider is meant. NULL: the exchange is answered. */
static struct sp_provider *choose_provider(struct sp_exchange *exchange, const char *idp)
{
	struct sp_provider *provider = idp ? sp_provider_find(exchange->portal, idp)
					   : sp_provider_find_local(exchange->portal);

	if (!provider) {
		sp_exchange_fail(
			exchange, 404, "no-such-provider",
			idp ? "there is no provider of this name; see the list of providers"
			    : "say which provider: not exactly one takes passwords");
		return NULL;
	}
	if (sp_provider_takes_passwords(provider))
		return provider;
	sp_exchange_fail(exchange, 400, "bad-request",
			 "\"idp\": this provider takes no passwords here; sign in by device/start");
	return NULL;
}

void sp_handle_login(struct sp_exchange *exchange)
{
	const json_t *device = json_object_get(exchange->body, "device");
	struct sp_provider *provider = choose_provider(exchange, body_text(exchange, "idp"));
	const char *user = body_text(exchange, "user");

	if (!provider)
		return;
	if (sp_person_set(&exchange->person, provider->name, user, user) < 0 ||
	    sp_person_read_device(&exchange->person, device) < 0) {
		sp_exchange_fail(exchange, 500, "internal", "out of memory; try again in a moment");
		return;
	}
	sp_password_check(exchange, body_text(exchange, "password"), open_session);
}
