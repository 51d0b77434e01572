/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/portal/sign_in.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "cli/screen/qr.h"
#include "cli/screen/render.h"
#include "cli/screen/terminal.h"
#include "cli/screen/when.h"
#include "crypto/key_proof.h"
#include "io/loop/clock.h"
#include "io/wireguard/wg_key.h"
#include "yaml/suggest.h"

#define USER_MAX 255u
#define PASSWORD_MAX 1024u
#define POLL_S 20 /* the longest the portal takes */

void sp_portal_sign_in_done(struct sp_portal_sign_in *sign_in)
{
	sp_portal_answer_done(&sign_in->providers);
	free(sign_in->asked_user);
	sp_secret_freep(&sign_in->password);
	sign_in->asked_user = sign_in->password = NULL;
	sign_in->provider = NULL;
}

/* ---- the provider ---- */

static json_t *provider_list(const struct sp_portal_sign_in *sign_in)
{
	return json_object_get(sign_in->providers.body, "providers");
}

int sp_portal_sign_in_begin(struct sp_portal_sign_in *sign_in)
{
	int r = sp_portal_call(sign_in->profile, "providers", NULL, &sign_in->providers);

	if (r == SP_EXIT_OK && !json_array_size(provider_list(sign_in)))
		return sp_cli_fail(SP_EXIT_FAILED,
				   "%s has no provider to sign in with; tell your administrator",
				   sign_in->profile->url);
	return r;
}

static json_t *find_provider(const struct sp_portal_sign_in *sign_in, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach(provider_list(sign_in), i, item)
		if (name && !strcmp(sp_json_text(item, "name"), name))
			return item;
	return NULL;
}

/* The only provider that takes passwords. NULL: none, or several. */
static json_t *password_provider(const struct sp_portal_sign_in *sign_in)
{
	json_t *item, *found = NULL;
	size_t i, count = 0;

	json_array_foreach(provider_list(sign_in), i, item) {
		if (strcmp(sp_json_text(item, "method"), "password"))
			continue;
		found = item;
		count++;
	}
	return count == 1 ? found : NULL;
}

static int fail_provider(const struct sp_portal_sign_in *sign_in, const char *typed)
{
	__sp_buf struct sp_buf names = SP_BUF_INIT;
	struct sp_nearest near;
	json_t *item;
	size_t i;

	sp_nearest_init(&near, typed ? typed : "");
	json_array_foreach(provider_list(sign_in), i, item) {
		sp_nearest_offer(&near, sp_json_text(item, "name"));
		sp_buf_printf(&names, "%s%.63s", i ? ", " : "", sp_json_text(item, "name"));
	}
	if (typed && near.best)
		return sp_cli_fail(SP_EXIT_USAGE,
				   "no provider \"%s\" here; did you mean \"%.63s\"?", typed,
				   near.best);
	if (typed)
		return sp_cli_fail(SP_EXIT_USAGE, "no provider \"%s\" here; there are: %s", typed,
				   sp_buf_get(&names));
	return sp_cli_fail(SP_EXIT_USAGE, "which provider? say --idp with one of: %s",
			   sp_buf_get(&names));
}

static int ask_provider(struct sp_portal_sign_in *sign_in)
{
	__sp_free char *line = NULL;
	json_t *item;
	size_t i;

	if (!sp_terminal_is_there())
		return fail_provider(sign_in, NULL);
	sp_cli_say("sign in with:");
	json_array_foreach(provider_list(sign_in), i, item)
		sp_cli_say(" %.63s", sp_json_text(item, "name"));
	sp_cli_say("\n");
	if (sp_terminal_ask("provider: ", USER_MAX, &line) < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "stopped; nothing was changed");
	sign_in->provider = find_provider(sign_in, line);
	return sign_in->provider ? SP_EXIT_OK : fail_provider(sign_in, line);
}

/* Choose the provider: the one asked for; the one used last; the only one; the one that fits the
 * options; else ask. */
static int choose_provider(struct sp_portal_sign_in *sign_in)
{
	if (sign_in->idp) {
		sign_in->provider = find_provider(sign_in, sign_in->idp);
		if (!sign_in->provider)
			return fail_provider(sign_in, sign_in->idp);
	} else if (json_array_size(provider_list(sign_in)) == 1) {
		sign_in->provider = json_array_get(provider_list(sign_in), 0);
	} else if (sign_in->user || sign_in->password_fd >= 0) {
		sign_in->provider = password_provider(sign_in);
	} else {
		sign_in->provider = find_provider(sign_in, sign_in->profile->idp);
	}
	if (!sign_in->provider) {
		const int r = ask_provider(sign_in);

		if (r != SP_EXIT_OK)
			return r;
	}
	if (strcmp(sp_json_text(sign_in->provider, "state"), "ok"))
		sp_cli_fail(0, "provider %.63s: the gateway says it is %.63s",
			    sp_json_text(sign_in->provider, "name"),
			    sp_json_text(sign_in->provider, "state"));
	return SP_EXIT_OK;
}

static bool takes_password(const struct sp_portal_sign_in *sign_in)
{
	return !strcmp(sp_json_text(sign_in->provider, "method"), "password");
}

/* ---- the key ---- */

/* Write the proof that the challenge asks for into @device. A gateway that calls itself by another
 * address than the one we know gets no proof: its challenge could be another gateway's. */
static int answer_challenge(const struct sp_portal_sign_in *sign_in, json_t *challenge,
			    json_t *device)
{
	__sp_cleanup(sp_wg_key_wipe) struct sp_wg_key private_key = { 0 };
	struct sp_wg_key device_key, gateway_key, proof;
	const char *text = sp_json_text(challenge, "challenge");
	const struct sp_key_proof of = {
		.device_key = device_key.bytes,
		.gateway_key = gateway_key.bytes,
		.challenge = text,
		.audience = sign_in->profile->url,
		.purpose = sp_json_text(sign_in->provider, "name"),
	};
	char proof_text[SP_WG_KEY_BASE64];

	if (strcmp(sp_json_text(challenge, "url"), sign_in->profile->url))
		return sp_cli_fail(SP_EXIT_OK,
				   "this gateway calls itself %s: signed in as %s the device's key "
				   "is not proven",
				   sp_json_text(challenge, "url"), sign_in->profile->url);
	if (strlen(text) > SP_WG_KEY_BASE64 ||
	    sp_wg_key_from_base64(sign_in->private_key, &private_key) < 0 ||
	    sp_wg_key_from_base64(sign_in->public_key, &device_key) < 0 ||
	    sp_wg_key_from_base64(sp_json_text(challenge, "key"), &gateway_key) < 0 ||
	    sp_key_proof_make(proof.bytes, private_key.bytes, true, &of) < 0)
		return sp_cli_fail(
			SP_EXIT_FAILED,
			"the portal's challenge cannot be answered; tell your administrator");
	json_object_set_new(device, "challenge", json_string(text));
	json_object_set_new(device, "proof", json_string(sp_wg_key_to_base64(&proof, proof_text)));
	return SP_EXIT_OK;
}

/* Prove that we hold the device's private key, so that nobody else can enrol it. A portal without a
 * challenge knows no proofs. */
static int prove_key(const struct sp_portal_sign_in *sign_in, json_t *device)
{
	__sp_answer struct sp_portal_answer answer = { 0 };
	int r;

	if (!sign_in->private_key)
		return SP_EXIT_OK;
	r = sp_portal_ask(sign_in->profile, "challenge", NULL, &answer);
	if (r != SP_EXIT_OK || answer.status >= 400)
		return r;
	return answer_challenge(sign_in, answer.body, device);
}

/* Call an address that may open a session. */
static int sign_in_call(struct sp_portal_sign_in *sign_in, const char *path, json_t *fields,
			struct sp_portal_answer *ret_answer)
{
	__sp_answer struct sp_portal_answer answer = { 0 };
	const int r = sp_portal_ask(sign_in->profile, path, fields, &answer);

	sign_in->is_open = r != SP_EXIT_OK;
	if (r != SP_EXIT_OK)
		return r;
	if (answer.status >= 400)
		return sp_portal_refused(sign_in->profile, &answer);
	*ret_answer = answer;
	answer.body = NULL;
	return SP_EXIT_OK;
}

/* A sign-in's first call, with the proof. */
static int sign_in_call_as_device(struct sp_portal_sign_in *sign_in, const char *path,
				  json_t *fields, struct sp_portal_answer *ret_answer)
{
	const int r = prove_key(sign_in, json_object_get(fields, "device"));

	if (r == SP_EXIT_OK)
		return sign_in_call(sign_in, path, json_incref(fields), ret_answer);
	return r;
}

/* ---- a password ---- */

static int fail_asking(int r)
{
	if (r == -ENOTTY)
		return sp_cli_fail(
			SP_EXIT_USAGE,
			"there is no terminal to ask at: give --user NAME and --password-fd N");
	if (r == -ECANCELED)
		return sp_cli_fail(SP_EXIT_FAILED, "stopped; nothing was changed");
	return sp_cli_fail(SP_EXIT_FAILED, "that cannot be used: %s", sp_err_text(r));
}

static int get_user(struct sp_portal_sign_in *sign_in)
{
	__sp_free char *question = NULL;
	const char *before = sign_in->profile->user;
	int r;

	if (sign_in->user)
		return SP_EXIT_OK;
	if (sp_str_format(&question, before ? "user [%s]: " : "user: ", before) < 0)
		return fail_asking(-ENOMEM);
	r = sp_terminal_ask(question, USER_MAX, &sign_in->asked_user);
	if (r < 0)
		return fail_asking(r);
	sign_in->user = *sign_in->asked_user || !before ? sign_in->asked_user : before;
	return SP_EXIT_OK;
}

static int get_password(struct sp_portal_sign_in *sign_in, const char *user)
{
	__sp_free char *question = NULL;
	int r;

	if (sign_in->password)
		return SP_EXIT_OK;
	if (sign_in->password_fd >= 0) {
		r = sp_terminal_read_line(sign_in->password_fd, PASSWORD_MAX, &sign_in->password);
		if (r < 0)
			return sp_cli_fail(
				SP_EXIT_USAGE, "--password-fd %d: %s", sign_in->password_fd,
				r == -ECANCELED ? "nothing to read there" : sp_err_text(r));
		return SP_EXIT_OK;
	}
	if (sp_str_format(&question, "password of %s: ", user) < 0)
		return fail_asking(-ENOMEM);
	r = sp_terminal_ask_secret(question, PASSWORD_MAX, &sign_in->password);
	return r < 0 ? fail_asking(r) : SP_EXIT_OK;
}

static int add_password(struct sp_portal_sign_in *sign_in, json_t *fields)
{
	if (json_object_set_new(fields, "password", json_string(sign_in->password)) == 0)
		return SP_EXIT_OK;
	return sp_cli_fail(SP_EXIT_USAGE, "a password is UTF-8 text");
}

static int run_password(struct sp_portal_sign_in *sign_in, json_t *fields,
			struct sp_portal_answer *ret_answer)
{
	int r = get_user(sign_in);

	if (r == SP_EXIT_OK)
		r = get_password(sign_in, sign_in->user);
	if (r != SP_EXIT_OK)
		return r;
	if (json_object_set_new(fields, "user", json_string(sign_in->user)) < 0)
		return sp_cli_fail(SP_EXIT_USAGE, "a user's name is UTF-8 text");
	r = add_password(sign_in, fields);
	return r == SP_EXIT_OK ? sign_in_call_as_device(sign_in, "login", fields, ret_answer) : r;
}

/* ---- a code at the provider ---- */

static void draw_code(const struct sp_portal_sign_in *sign_in, json_t *prompt)
{
	const char *complete = sp_json_text(prompt, "verification_uri_complete");
	__sp_free char *drawing = NULL;

	if (!sign_in->with_qr && !isatty(STDERR_FILENO))
		return;
	if (sp_qr_draw(*complete ? complete : sp_json_text(prompt, "verification_uri"),
		       sp_terminal_has_color(), &drawing) == 0) {
		sp_cli_say("\n");
		sp_cli_draw(drawing);
	}
}

static void show_prompt(const struct sp_portal_sign_in *sign_in, json_t *prompt)
{
	char when[SP_WHEN_MAX];
	json_t *event;

	if (sign_in->cli->json) {
		event = json_pack("{s:i, s:s, s:O, s:O, s:O?, s:O?}", "v", 1, "event", "prompt",
				  "user_code", json_object_get(prompt, "user_code"),
				  "verification_uri", json_object_get(prompt, "verification_uri"),
				  "verification_uri_complete",
				  json_object_get(prompt, "verification_uri_complete"), "expires",
				  json_object_get(prompt, "expires"));
		sp_cli_say_json(event);
		return;
	}
	sp_cli_say("To sign in, open\n    %.1023s\nand enter the code\n    %.63s\nuntil %s.\n",
		   sp_json_text(prompt, "verification_uri"), sp_json_text(prompt, "user_code"),
		   sp_when_format(sp_when_parse(sp_json_text(prompt, "expires")),
				  sp_clock_realtime_s(), when));
	draw_code(sign_in, prompt);
	sp_cli_say("waiting for the provider%s\n", sp_terminal_is_there() ? "; ctrl-C stops" : "");
}

/* Wait until the provider has an answer. Ctrl-C stops cleanly: the handle is all there is, and it
 * is forgotten. */
static int poll_until_done(struct sp_portal_sign_in *sign_in, const char *handle,
			   struct sp_portal_answer *ret_answer)
{
	for (;;) {
		__sp_answer struct sp_portal_answer answer = { 0 };
		const uint64_t asked_ns = sp_clock_boottime_ns();
		int r;

		r = sign_in_call(sign_in, "device/poll",
				 json_pack("{s:s, s:i}", "handle", handle, "wait_s", POLL_S),
				 &answer);
		if (r != SP_EXIT_OK)
			return r;
		if (!strcmp(sp_json_text(answer.body, "state"), "done")) {
			*ret_answer = answer;
			answer.body = NULL;
			return SP_EXIT_OK;
		}
		/* wait between polls of a portal that answers "pending" at once */
		if (sp_clock_boottime_ns() - asked_ns < SP_NS_PER_S)
			sleep(1);
	}
}

static int follow_prompt(struct sp_portal_sign_in *sign_in, json_t *prompt,
			 struct sp_portal_answer *ret_answer)
{
	const char *handle = sp_json_text(prompt, "handle");
	int r;

	if (!*handle || !*sp_json_text(prompt, "user_code") ||
	    !*sp_json_text(prompt, "verification_uri"))
		return sp_cli_fail(SP_EXIT_FAILED,
				   "the portal's answer lacks the code; tell your administrator");
	sp_terminal_cancel_cleanly(true); /* before ctrl-C is offered */
	show_prompt(sign_in, prompt);
	r = poll_until_done(sign_in, handle, ret_answer);
	sp_terminal_cancel_cleanly(false);
	return r;
}

static int run_device(struct sp_portal_sign_in *sign_in, json_t *fields,
		      struct sp_portal_answer *ret_answer)
{
	__sp_answer struct sp_portal_answer prompt = { 0 };
	int r;

	if (sign_in->user || sign_in->password_fd >= 0)
		return sp_cli_fail(SP_EXIT_USAGE,
				   "provider %s takes no password here: leave --user and "
				   "--password-fd out, and enter the code it shows",
				   sp_json_text(sign_in->provider, "name"));
	r = sign_in_call_as_device(sign_in, "device/start", fields, &prompt);
	return r == SP_EXIT_OK ? follow_prompt(sign_in, prompt.body, ret_answer) : r;
}

/* ---- both ---- */

int sp_portal_sign_in_run(struct sp_portal_sign_in *sign_in, struct sp_portal_answer *ret_answer)
{
	__sp_json json_t *fields = NULL;
	int r = choose_provider(sign_in);

	if (r != SP_EXIT_OK)
		return r;
	fields = json_pack("{s:O, s:{s:s, s:s}}", "idp", json_object_get(sign_in->provider, "name"),
			   "device", "public_key", sign_in->public_key, "name",
			   sign_in->device_name);
	if (!fields)
		return sp_cli_fail(SP_EXIT_USAGE, "a device's name is UTF-8 text");
	return takes_password(sign_in) ? run_password(sign_in, fields, ret_answer)
				       : run_device(sign_in, fields, ret_answer);
}

int sp_portal_sign_in_extend(struct sp_portal_sign_in *sign_in, struct sp_portal_answer *ret_answer,
			     bool *ret_is_gone)
{
	__sp_answer struct sp_portal_answer answer = { 0 };
	__sp_json json_t *fields = json_object();
	int r = SP_EXIT_OK;

	*ret_is_gone = false;
	sign_in->provider = find_provider(sign_in, sign_in->profile->idp);
	if (sign_in->provider && takes_password(sign_in)) {
		r = get_password(sign_in, sign_in->profile->user);
		if (r == SP_EXIT_OK)
			r = add_password(sign_in, fields);
	}
	if (r == SP_EXIT_OK)
		r = sp_portal_ask(sign_in->profile, "session/extend", SP_TAKE_PTR(fields), &answer);
	if (r != SP_EXIT_OK)
		return r;
	*ret_is_gone =
		sp_portal_is(&answer, "no-session") || sp_portal_is(&answer, "token-invalid");
	if (*ret_is_gone)
		return SP_EXIT_NOT_PERMITTED;
	if (answer.status >= 400)
		return sp_portal_refused(sign_in->profile, &answer);
	if (answer.status == 202)
		return follow_prompt(sign_in, answer.body, ret_answer);
	*ret_answer = answer;
	answer.body = NULL;
	return SP_EXIT_OK;
}
