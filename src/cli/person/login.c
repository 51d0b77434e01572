/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport login: sign a person in on this device, keep the session, and say what to do next. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/portal/portal_call.h"
#include "cli/portal/profile.h"
#include "cli/portal/session_text.h"
#include "cli/portal/sign_in.h"
#include "cli/portal/watch.h"
#include "cli/screen/qr.h"
#include "cli/screen/render.h"
#include "cli/screen/shell.h"
#include "cli/screen/terminal.h"
#include "cli/screen/when.h"
#include "cli/tunnel/tunnel_file.h"
#include "io/files/files.h"
#include "io/loop/clock.h"
#include "io/wireguard/wg_key.h"

#define OURS "# Written by sallyport login" /* the first line of a --config FILE */
#define DEVICE_MAX 63u

struct login {
	struct sp_cli *cli;
	/* asked for */
	const char *url, *idp, *user, *device, *pubkey, *config, *state, *ca, *fingerprint;
	int password_fd;
	bool force, new_key, watch, qr;
	/* found */
	struct sp_profile profile;
	char host_name[DEVICE_MAX + 1];
	char private_key[SP_WG_KEY_BASE64]; /* "": made elsewhere */
	char public_key[SP_WG_KEY_BASE64];
	bool is_key_new;
	bool was_extended;
	char *only_url;    /* where none was given */
	char *config_path; /* of @config, from / */
};

/* A new key that nobody has signed in with yet. If it is asked for again, it is the same device. */
#define FRESH_KEY "key.new"

static void login_done(struct login *login)
{
	sp_profile_done(&login->profile);
	sp_wipe(login->private_key, sizeof(login->private_key));
	free(login->only_url);
	free(login->config_path);
}

/* ---- before anything is asked ---- */

static int check_fingerprint(const char *text)
{
	size_t digits = 0;

	for (; *text; text++) {
		if (strchr("0123456789abcdefABCDEF", *text))
			digits++;
		else if (*text != ':')
			digits = 65;
	}
	return digits == 64 ? SP_EXIT_OK
			    : sp_cli_fail(SP_EXIT_USAGE, "--fingerprint takes the 64 hex digits of "
							 "a SHA-256, as `sallyport status` "
							 "on the gateway shows them");
}

/* Trust the certificate that was given from now on, in place of the one trusted before. */
static int set_trust(struct login *login)
{
	__sp_free char *path = NULL;
	int r = SP_EXIT_OK;

	if (login->ca && login->fingerprint)
		return sp_cli_fail(SP_EXIT_USAGE, "--ca or --fingerprint, not both");
	if (login->fingerprint)
		r = check_fingerprint(login->fingerprint);
	if (r != SP_EXIT_OK || (!login->ca && !login->fingerprint))
		return r;
	if (login->ca) {
		path = realpath(login->ca, NULL);
		if (!path)
			return sp_cli_fail(SP_EXIT_USAGE, "--ca %s: %s", login->ca,
					   sp_err_text(sp_errno()));
	}
	if (sp_profile_set(&login->profile.ca_file, path) < 0 ||
	    sp_profile_set(&login->profile.fingerprint, login->fingerprint) < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "out of memory");
	return SP_EXIT_OK;
}

static int set_device(struct login *login)
{
	if (!login->device && gethostname(login->host_name, sizeof(login->host_name)) < 0)
		snprintf(login->host_name, sizeof(login->host_name), "device");
	login->host_name[DEVICE_MAX] = 0;
	if (!login->device) {
		login->host_name[strcspn(login->host_name, ".")] = 0;
		login->device = login->host_name;
	}
	return sp_text_is_name(login->device, DEVICE_MAX)
		       ? SP_EXIT_OK
		       : sp_cli_fail(SP_EXIT_USAGE,
				     "--device: 1 to %u printable characters without \"/\"",
				     DEVICE_MAX);
}

/* Never replace a file that somebody else wrote. Checked before the sign-in, so that no sign-in is
 * wasted. */
static int check_config_file(const struct login *login)
{
	char head[sizeof(OURS)] = "";
	struct stat stat;
	__sp_close int fd = -1;

	if (!login->config || login->force)
		return SP_EXIT_OK;
	if (lstat(login->config, &stat) < 0)
		return errno == ENOENT ? SP_EXIT_OK
				       : sp_cli_fail(SP_EXIT_FAILED, "--config %s: %s",
						     login->config, sp_err_text(sp_errno()));
	fd = S_ISREG(stat.st_mode)
		     ? open(login->config, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
		     : -1;
	if (fd >= 0 && read(fd, head, sizeof(head) - 1) == (ssize_t)sizeof(head) - 1 &&
	    !strcmp(head, OURS))
		return SP_EXIT_OK;
	return sp_cli_fail(SP_EXIT_FAILED,
			   "%s is there already and was not written by this program: choose "
			   "another name, or --force",
			   login->config);
}

static int parse_fd(const char *text, int *ret_fd)
{
	char *end;
	const long fd = strtol(text, &end, 10);

	if (end == text || *end || fd < 0 || fd > INT_MAX || fcntl((int)fd, F_GETFD) < 0)
		return sp_cli_fail(SP_EXIT_USAGE, "--password-fd takes the number of an open "
						  "descriptor: a password is never an argument");
	*ret_fd = (int)fd;
	return SP_EXIT_OK;
}

/* ---- the key ---- */

static int fail_key(const struct login *login)
{
	return sp_cli_fail(SP_EXIT_FAILED,
			   "%s/key is no private key; remove it, or make a new one: --new-key",
			   login->profile.folder);
}

static int load_key(struct login *login, const char *text)
{
	__sp_cleanup(sp_wg_key_wipe) struct sp_wg_key key = { 0 };
	struct sp_wg_key public_key;

	if (strlen(text) < SP_WG_KEY_BASE64 - 1 || (text[44] && strcmp(text + 44, "\n")))
		return fail_key(login);
	memcpy(login->private_key, text, SP_WG_KEY_BASE64 - 1);
	login->private_key[SP_WG_KEY_BASE64 - 1] = 0;
	if (sp_wg_key_from_base64(login->private_key, &key) < 0 ||
	    sp_wg_public_of(&key, &public_key) < 0)
		return fail_key(login);
	sp_wg_key_to_base64(&public_key, login->public_key);
	return SP_EXIT_OK;
}

static int make_key(struct login *login)
{
	__sp_cleanup(sp_wg_key_wipe) struct sp_wg_key key = { 0 };
	struct sp_wg_key public_key;

	if (sp_wg_keypair_make(&key, &public_key) < 0)
		return sp_cli_fail(SP_EXIT_FAILED,
				   "no key can be made here: the system gives no random bytes");
	sp_wg_key_to_base64(&key, login->private_key);
	sp_wg_key_to_base64(&public_key, login->public_key);
	return SP_EXIT_OK;
}

/* Keep the key before any portal sees it: if the answer is lost, the next sign-in is for the same
 * device. */
static int find_fresh_key(struct login *login)
{
	__sp_secret char *text = NULL, *line = NULL;
	int r = sp_profile_read(&login->profile, FRESH_KEY, &text);

	login->is_key_new = true;
	if (r == 0)
		return load_key(login, text);
	if (r != -ENOENT)
		return SP_EXIT_FAILED;
	r = make_key(login);
	if (r != SP_EXIT_OK)
		return r;
	if (sp_str_format(&line, "%s\n", login->private_key) < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "out of memory");
	return sp_profile_write(&login->profile, FRESH_KEY, line) < 0 ? SP_EXIT_FAILED : SP_EXIT_OK;
}

/* Choose the device's key: the given one, the kept one, or a new one, which replaces the kept one
 * once a portal accepted it. */
static int find_key(struct login *login)
{
	__sp_secret char *text = NULL;
	struct sp_wg_key key;
	int r;

	if (login->pubkey) {
		if (sp_wg_public_from_base64(login->pubkey, &key) < 0)
			return sp_cli_fail(
				SP_EXIT_USAGE,
				"--pubkey takes a WireGuard public key: 44 characters of base64");
		sp_wg_key_to_base64(&key, login->public_key);
		return SP_EXIT_OK;
	}
	r = login->new_key ? -ENOENT : sp_profile_read(&login->profile, "key", &text);
	if (r == -ENOENT)
		return find_fresh_key(login);
	return r < 0 ? SP_EXIT_FAILED : load_key(login, text);
}

/* ---- files ---- */

/* Make the whole configuration file. A fault in it is the portal's. */
static int make_config(const struct login *login, json_t *tunnel, const char *first_line,
		       char **ret_text)
{
	const char *config = sp_json_text(tunnel, "config");
	struct sp_tunnel_fault fault;

	if (!*config || strlen(config) > SP_TUNNEL_FILE_MAX)
		return sp_cli_fail(SP_EXIT_FAILED,
				   "the portal's answer lacks the tunnel; tell your administrator");
	if (sp_tunnel_file_check(config, &fault) < 0)
		return sp_cli_fail(SP_EXIT_FAILED,
				   "the portal's tunnel configuration is not used, line %zu: %s; "
				   "tell your administrator",
				   fault.line, fault.text);
	if (sp_tunnel_file_fill(config, first_line, *login->private_key ? login->private_key : NULL,
				ret_text) < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "out of memory");
	return SP_EXIT_OK;
}

static int write_config(struct login *login, const char *text)
{
	const int r =
		sp_file_replace(login->config, text, strlen(text), 0600, SP_UID_KEEP, SP_GID_KEEP);

	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "cannot write %s: %s", login->config,
				   sp_err_text(r));
	/* wg-quick takes a bare name for another file */
	login->config_path = realpath(login->config, NULL);
	return SP_EXIT_OK;
}

/* Keep the result of the sign-in: the key first, because without it the rest is useless. */
static int profile_keep(struct login *login, json_t *answer)
{
	__sp_secret char *text = NULL, *key = NULL;
	json_t *tunnel = json_object_get(answer, "tunnel");
	int r;

	if (tunnel) {
		r = make_config(login, tunnel, NULL, &text);
		if (r != SP_EXIT_OK)
			return r;
	}
	if (login->is_key_new && (sp_str_format(&key, "%s\n", login->private_key) < 0 ||
				  sp_profile_write(&login->profile, "key", key) < 0))
		return SP_EXIT_FAILED;
	if (text && sp_profile_write(&login->profile, "tunnel.conf", text) < 0)
		return SP_EXIT_FAILED;
	r = sp_profile_save(&login->profile);
	if (r == SP_EXIT_OK && login->is_key_new)
		sp_profile_remove(&login->profile, FRESH_KEY);
	return r;
}

/* When a sign-in fails at this end, leave nothing at the gateway: close the session and remove a
 * device that was made for it. Returns whether the gateway confirmed it. */
static bool session_give_back(const struct login *login, json_t *answer)
{
	__sp_answer struct sp_portal_answer ignored = { 0 };
	json_t *device = json_object_get(json_object_get(answer, "session"), "device");
	const char *token = sp_json_text(answer, "token"),
		   *key = sp_json_text(device, "public_key");
	const bool is_new = login->is_key_new;
	struct sp_profile asked = login->profile;
	int r;

	if (!*token)
		return true;
	asked.token = (char *)token;
	r = sp_portal_ask_quietly_with(
		&asked, is_new ? "devices/remove" : "session/close",
		is_new ? json_pack("{s:s}", "public_key", *key ? key : login->public_key)
		       : json_object(),
		&ignored);
	if (r == SP_EXIT_OK && ignored.status < 400)
		sp_cli_say("  the sign-in is undone: the gateway keeps %s of it\n",
			   is_new ? "neither session nor device" : "no session");
	else
		sp_cli_say("  the session it opened could not be ended: it ends by itself, or sign "
			   "in again\n");
	return r == SP_EXIT_OK && ignored.status < 500;
}

/* The text for --config: from the answer, or, if an extension brought none, from what is kept. */
static int hand_out_config(const struct login *login, json_t *answer, char **ret_text)
{
	__sp_free char *first_line = NULL;
	__sp_secret char *kept = NULL;
	json_t *tunnel = json_object_get(answer, "tunnel");

	if (sp_str_format(&first_line, OURS ": %s", login->profile.url) < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "out of memory");
	if (tunnel)
		return make_config(login, tunnel, first_line, ret_text);
	if (sp_profile_read(&login->profile, "tunnel.conf", &kept) < 0)
		return sp_cli_fail(SP_EXIT_FAILED,
				   "%s/tunnel.conf is gone: sign in again after sallyport logout",
				   login->profile.folder);
	return sp_tunnel_file_fill(kept, first_line, NULL, ret_text) < 0
		       ? sp_cli_fail(SP_EXIT_FAILED, "out of memory")
		       : SP_EXIT_OK;
}

/* ---- what it says ---- */

static int print_as_json(const struct login *login, json_t *answer)
{
	json_t *object =
		json_pack("{s:i, s:s, s:s, s:O}", "v", 1, "event",
			  login->was_extended ? "extended" : "signed-in", "portal",
			  login->profile.url, "session", json_object_get(answer, "session"));
	json_t *tunnel = json_deep_copy(json_object_get(answer, "tunnel"));

	/* the pre-shared key is in the files; it is printed only if there is no file */
	if (tunnel && (!login->pubkey || login->config)) {
		json_object_del(tunnel, "preshared_key");
		json_object_del(tunnel, "config");
	}
	if (tunnel)
		json_object_set_new(object, "tunnel", tunnel);
	json_object_set_new(object, "config_file",
			    login->config ? json_string(login->config) : json_null());
	return sp_cli_print_json(object);
}

/* wg-quick calls the interface as the file: at most 15 letters before ".conf". */
static bool is_wg_quick_name(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const size_t len =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=+-.");

	return len > 5 && len <= 15 + 5 && !name[len] && !strcmp(name + len - 5, ".conf");
}

static void print_config_file(const struct login *login)
{
	const char *path = login->config_path ? login->config_path : login->config;
	__sp_free char *quoted = sp_shell_quote(path);

	sp_cli_print("  %-10s %s holds the whole configuration%s\n", "file", login->config,
		     login->pubkey ? "; put the private key into it" : "");
	if (is_wg_quick_name(path))
		sp_cli_print("             next: import it in a WireGuard app, or: sudo wg-quick "
			     "up %s\n",
			     quoted ? quoted : path);
	else
		sp_cli_print("             next: import it in a WireGuard app; wg-quick takes it "
			     "under a name of at most 15 letters and \".conf\", as wg0.conf\n");
}

/* Draw the QR code for a phone's camera. It holds the private key, so only --qr draws it. */
static void draw_config(const char *config)
{
	__sp_secret char *drawing = NULL;
	const int r = sp_qr_draw(config, sp_terminal_has_color(), &drawing);

	if (r == 0)
		sp_cli_draw(drawing);
	else
		sp_cli_fail(0, "no code is drawn: %s",
			    r == -ERANGE
				    ? "the configuration is too long for one; import the file, or "
				      "ask your administrator for fewer networks (vpn.routes)"
				    : sp_err_text(r));
}

static void print_next(const struct login *login)
{
	if (login->config)
		print_config_file(login);
	else if (!login->pubkey && !login->was_extended)
		sp_cli_print("next: sudo sallyport up\n");
}

static int print_result(const struct login *login, json_t *answer, const char *config)
{
	json_t *session = json_object_get(answer, "session");
	char when[SP_WHEN_MAX];

	if (login->cli->json)
		return print_as_json(login, answer);
	sp_cli_print("%s %.255s (%.63s) at %s until %s\n",
		     login->was_extended ? "extended: signed in as" : "signed in as",
		     sp_json_text(session, "user"), sp_json_text(session, "idp"),
		     login->profile.place,
		     sp_when_format(sp_when_parse(sp_json_text(session, "expires")),
				    sp_clock_realtime_s(), when));
	sp_session_print(session);
	print_next(login);
	if (login->config && login->qr && !login->pubkey)
		draw_config(config);
	if (login->pubkey && !login->config) {
		sp_cli_print("configuration of the device (fill in its private key):\n\n");
		sp_cli_print_lines(config);
	}
	return SP_EXIT_OK;
}

/* ---- the way through ---- */

/* Is there a live session of this device for the person asked for? Then it is extended. */
static int session_try_extend(struct login *login, struct sp_portal_sign_in *sign_in,
			      struct sp_portal_answer *ret_answer)
{
	__sp_answer struct sp_portal_answer answer = { 0 };
	const struct sp_profile *profile = &login->profile;
	bool is_gone;
	int r;

	if (!profile->token || login->pubkey || login->is_key_new ||
	    (login->idp && profile->idp && strcmp(login->idp, profile->idp)) ||
	    (login->user && profile->user && strcmp(login->user, profile->user)))
		return SP_EXIT_OK;
	r = sp_portal_ask(profile, "session", NULL, &answer);
	if (r != SP_EXIT_OK)
		return r;
	if (strcmp(sp_json_text(json_object_get(answer.body, "session"), "state"), "live"))
		return SP_EXIT_OK;
	r = sp_portal_sign_in_extend(sign_in, ret_answer, &is_gone);
	if (is_gone)
		return SP_EXIT_OK;
	login->was_extended = r == SP_EXIT_OK;
	return r;
}

static int use_answer(struct login *login, json_t *answer, char **ret_config)
{
	int r = login->pubkey ? SP_EXIT_OK : sp_session_take(&login->profile, answer);

	if (r == SP_EXIT_OK && !login->pubkey)
		r = profile_keep(login, answer);
	if (r == SP_EXIT_OK && (login->config || login->pubkey))
		r = hand_out_config(login, answer, ret_config);
	if (r == SP_EXIT_OK && login->config)
		r = write_config(login, *ret_config);
	return r;
}

static int login_run(struct login *login)
{
	__sp_portal_sign_in struct sp_portal_sign_in sign_in = {
		.cli = login->cli,
		.profile = &login->profile,
		.idp = login->idp,
		.user = login->user,
		.password_fd = login->password_fd,
		.with_qr = login->qr,
		.public_key = login->public_key,
		.device_name = login->device,
		.private_key = login->pubkey ? NULL : login->private_key,
	};
	__sp_answer struct sp_portal_answer answer = { 0 };
	__sp_secret char *config = NULL;
	bool is_settled = true;
	int r = sp_portal_sign_in_begin(&sign_in);

	if (r == SP_EXIT_OK)
		r = find_key(login);
	if (r == SP_EXIT_OK)
		r = session_try_extend(login, &sign_in, &answer);
	if (r == SP_EXIT_OK && !login->was_extended)
		r = sp_portal_sign_in_run(&sign_in, &answer);
	if (r == SP_EXIT_OK) {
		r = use_answer(login, answer.body, &config);
		if (r == SP_EXIT_OK)
			return print_result(login, answer.body, config);
		is_settled = login->was_extended || session_give_back(login, answer.body);
	}
	if (login->is_key_new && is_settled && !sign_in.is_open)
		/* nobody holds the key: the next sign-in makes another */
		sp_profile_remove(&login->profile, FRESH_KEY);
	return r;
}

static int login_prepare(struct login *login, const char *password_fd)
{
	int r = password_fd ? parse_fd(password_fd, &login->password_fd) : SP_EXIT_OK;

	if (r == SP_EXIT_OK && login->pubkey && (login->watch || login->new_key))
		r = sp_cli_fail(
			SP_EXIT_USAGE,
			"--pubkey enrols another device: --watch and --new-key are for this one");
	if (r == SP_EXIT_OK)
		r = set_device(login);
	if (r == SP_EXIT_OK && login->config)
		r = sp_cli_check_output("--config", login->config);
	if (r == SP_EXIT_OK)
		r = check_config_file(login);
	if (r == SP_EXIT_OK)
		r = sp_profile_begin(login->state, login->url, &login->profile);
	return r == SP_EXIT_OK ? set_trust(login) : r;
}

int sp_cli_login(struct sp_cli *cli, int argc, char **argv)
{
	__sp_cleanup(login_done) struct login login = { .cli = cli, .password_fd = -1 };
	const char *password_fd = NULL, *word[1];
	const struct sp_option options[] = {
		{ "idp", NULL, &login.idp, "NAME", "the provider to sign in with" },
		{ "user", NULL, &login.user, "NAME",
		  "who signs in, where the provider takes passwords" },
		{ "password-fd", NULL, &password_fd, "N",
		  "read the password from this descriptor" },
		{ "device", NULL, &login.device, "NAME",
		  "the device's name (default: this host's)" },
		{ "pubkey", NULL, &login.pubkey, "KEY",
		  "enrol a device whose key was made elsewhere" },
		{ "config", NULL, &login.config, "FILE",
		  "write the device's whole WireGuard configuration" },
		{ "force", &login.force, NULL, NULL,
		  "overwrite a FILE this program did not write" },
		{ "new-key", &login.new_key, NULL, NULL, "as a new device, with a new key" },
		{ "ca", NULL, &login.ca, "FILE", "believe portals this authority signed (PEM)" },
		{ "fingerprint", NULL, &login.fingerprint, "SHA256",
		  "believe the portal with this certificate" },
		{ "watch", &login.watch, NULL, NULL,
		  "stay, warn before the session ends, extend it" },
		{ "qr", &login.qr, NULL, NULL,
		  "draw the code though there is no terminal; with --config: the configuration, "
		  "for a phone" },
		{ "state", NULL, &login.state, "DIR",
		  "where to keep it (default: ~/.config/sallyport)" },
		{ 0 },
	};
	size_t count;
	int r;

	r = sp_cli_options(cli, "login", argc, argv, options, word, 1, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	if (!count) {
		r = sp_profile_find_only(login.state, &login.only_url);
		if (r != SP_EXIT_OK)
			return r;
	}
	login.url = count ? word[0] : login.only_url;
	sp_portal_wipe_json();
	signal(SIGPIPE, SIG_IGN);
	r = login_prepare(&login, password_fd);
	if (r == SP_EXIT_OK)
		r = login_run(&login);
	if (r == SP_EXIT_OK && login.watch)
		r = sp_watch(cli, &login.profile);
	return r;
}

int sp_cli_logout(struct sp_cli *cli, int argc, char **argv)
{
	__sp_profile struct sp_profile profile = { 0 };
	__sp_answer struct sp_portal_answer answer = { 0 };
	const char *state = NULL, *word[1];
	bool all = false;
	const struct sp_option options[] = {
		{ "all", &all, NULL, NULL, "the sessions of your other devices too" },
		{ "state", NULL, &state, "DIR", "where it is kept (default: ~/.config/sallyport)" },
		{ 0 },
	};
	size_t count;
	int r;

	r = sp_cli_options(cli, "logout", argc, argv, options, word, 1, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	sp_portal_wipe_json();
	signal(SIGPIPE, SIG_IGN);
	r = sp_profile_open(state, count ? word[0] : NULL, false, &profile);
	if (r == SP_EXIT_OK)
		r = sp_portal_ask(&profile, "session/close",
				  all ? json_pack("{s:b}", "all", 1) : json_object(), &answer);
	if (r == SP_EXIT_OK && answer.status >= 400 && !sp_portal_is(&answer, "no-session"))
		return sp_portal_refused(&profile, &answer);
	if (r != SP_EXIT_OK)
		return r;
	if (cli->json)
		return sp_cli_print_json(
			json_pack("{s:i, s:s, s:o}", "v", 1, "portal", profile.url, "closed",
				  json_object_get(answer.body, "closed")
					  ? json_incref(json_object_get(answer.body, "closed"))
					  : json_array()));
	if (json_array_size(json_object_get(answer.body, "closed")))
		sp_cli_print("signed out at %s: the session has ended, and what was open in it\n",
			     profile.place);
	else
		sp_cli_print("there was no session at %s\n", profile.place);
	return SP_EXIT_OK;
}
