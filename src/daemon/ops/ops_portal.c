/* SPDX-License-Identifier: GPL-3.0-or-later */
/* login.refused, portal.report: what the portal reports of itself and of those it refused.
 * portal.certificate: the certificate that the portal cannot read itself. */
#include <string.h>

#include "base/bounds.h"
#include "base/err.h"
#include "base/str.h"
#include "base/text.h"
#include "daemon/engine/key_proof.h"
#include "daemon/ops/ops.h"
#include "io/files/files.h"
#include "io/log/log.h"
#include "json/own.h"

#define TEXT_MAX 255
#define EVERY_MAX_S 3600
#define PEM_MAX (128u << 10)

/* A short text without anything that a terminal would act on: root reads it, and a taken-over
 * portal could write it. */
static bool is_fit(const char *text)
{
	return !text || (strlen(text) <= TEXT_MAX && sp_text_is_printable(text, strlen(text)));
}

/* A text that may be missing or null. */
static bool is_perhaps_text(const json_t *value)
{
	return !value || json_is_null(value) ||
	       (json_is_string(value) && is_fit(json_string_value(value)));
}

void sp_op_login_refused(struct sp_ops *ops, struct sp_client *client,
			 const struct sp_request *request)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	const char *from = NULL, *word;

	if (!sp_op_unpack(client, request, "{s?s, s:s, s?s, s?s, s?s, s?s}", "idp", &record.idp,
			  "reason", &word, "user", &record.user, "detail", &record.message, "from",
			  &from, "device", &record.peer))
		return;
	record.reason = sp_refuse_find_word(word);
	if (!record.reason) {
		sp_client_fail(client, "bad-request", 2, NULL, "there is no reason %.40s", word);
		return;
	}
	if (!is_fit(record.idp) || !is_fit(record.user) || !is_fit(record.message) ||
	    !is_fit(record.peer)) {
		sp_client_fail(
			client, "bad-request", 2, NULL,
			"idp, user, detail and device are printable and at most %d bytes long",
			TEXT_MAX);
		return;
	}
	if (from && !sp_op_addr(client, "from", from, &record.src))
		return;
	record.has_src = from != NULL;
	record.by = sp_client_who(client);
	sp_recorder_refusal(ops->recorder, &record);
	sp_client_reply(client, NULL);
}

/* One provider as status shows it. NULL: it was wrong, and the client was told. */
static json_t *read_provider(struct sp_client *client, json_t *item)
{
	static const char *const states[] = { "ok", "starting", "unreachable", "failed" };
	const char *name, *type, *state;
	json_t *error = NULL, *code = NULL;
	bool is_good = false;

	if (json_unpack(item, "{s:s, s:s, s:s, s?o, s?o !}", "name", &name, "type", &type, "state",
			&state, "error", &error, "code", &code) == 0)
		for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
			is_good |= !strcmp(states[i], state);
	if (is_good && is_fit(name) && is_fit(type) && is_perhaps_text(error) &&
	    is_perhaps_text(code))
		return json_pack("{s:s, s:s, s:s, s:s?, s:s?}", "name", name, "type", type, "state",
				 state, "error", json_string_value(error), "code",
				 json_string_value(code));
	sp_client_fail(client, "bad-request", 2, NULL,
		       "a provider has name, type, state (ok, starting, unreachable or failed) and "
		       "perhaps error and code, each printable and of at most %d bytes",
		       TEXT_MAX);
	return NULL;
}

/* How much the portal refused; a missing number is 0. NULL: it was wrong, and the client was
 * told. */
static json_t *read_pressure(struct sp_client *client, json_t *object)
{
	json_int_t passwords = 0, refused = 0, dropped = 0;

	if (!object ||
	    json_unpack(object, "{s:I, s:I, s:I !}", "passwords_refused", &passwords,
			"connections_refused", &refused, "connections_dropped", &dropped) == 0)
		return json_pack("{s:I, s:I, s:I}", "passwords_refused", passwords,
				 "connections_refused", refused, "connections_dropped", dropped);
	sp_client_fail(client, "bad-request", 2, NULL,
		       "pressure has passwords_refused, connections_refused and "
		       "connections_dropped, numbers");
	return NULL;
}

void sp_op_portal_report(struct sp_ops *ops, struct sp_client *client,
			 const struct sp_request *request)
{
	const char *url;
	json_t *fingerprint = NULL, *pressure = NULL, *list, *item;
	__sp_json json_t *providers = NULL;
	json_int_t every_s = 0;
	int is_memory_locked = 0;
	size_t i;

	if (!sp_op_unpack(client, request, "{s:s, s?o, s:o, s?I, s?o, s?b}", "url", &url,
			  "fingerprint", &fingerprint, "providers", &list, "every", &every_s,
			  "pressure", &pressure, "memory_locked", &is_memory_locked))
		return;
	if (every_s < 0 || every_s > EVERY_MAX_S) {
		sp_client_fail(client, "bad-request", 2, NULL, "every is 0 to %d seconds",
			       EVERY_MAX_S);
		return;
	}
	if (!json_is_array(list) || json_array_size(list) > SP_PROVIDERS_MAX || !is_fit(url) ||
	    !is_perhaps_text(fingerprint)) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "providers is a list of at most %u, url and fingerprint are "
			       "printable and at most %d bytes long",
			       SP_PROVIDERS_MAX, TEXT_MAX);
		return;
	}
	providers = json_array();
	json_array_foreach(list, i, item) {
		json_t *provider = read_provider(client, item);

		if (!provider)
			return;
		json_array_append_new(providers, provider);
	}
	pressure = read_pressure(client, pressure);
	if (!pressure)
		return;
	sp_portal_report(ops->portal, client,
			 json_pack("{s:s, s:s?, s:o, s:o, s:b}", "url", url, "fingerprint",
				   json_string_value(fingerprint), "providers",
				   SP_TAKE_PTR(providers), "pressure", pressure, "memory_locked",
				   is_memory_locked),
			 (uint64_t)every_s);
	sp_client_watch(client); /* the connection may be silent for as long as it likes */
	sp_client_reply(client, NULL);
}

static char *read_pem(const char *path)
{
	char *text = NULL;
	size_t len;
	int r = sp_file_read(path, PEM_MAX, &text, &len);

	if (r < 0)
		sp_log_error("for the portal: %s: %s", path, sp_err_text(r));
	return r < 0 ? NULL : text;
}

/* The portal has this certificate's key in its memory anyway, or will have. */
void sp_op_portal_certificate(struct sp_ops *ops, struct sp_client *client,
			      const struct sp_request *request)
{
	const char *key_file =
		(*ops->machine)->portal_key ? (*ops->machine)->portal_key : ops->paths->tls_key;
	__sp_free char *cert_path = NULL, *key_path = NULL, *cert = NULL;
	char *key = NULL;
	int r = sp_health_find_certificate(ops->health, &cert_path);

	(void)request;
	if (r == 0)
		r = sp_str_format(&key_path, "%s%s%s", *key_file == '/' ? "" : ops->paths->etc_dir,
				  *key_file == '/' ? "" : "/", key_file);
	if (r == 0 && (*ops->machine)->has_portal) {
		cert = read_pem(cert_path);
		key = read_pem(key_path);
	}
	if (cert && key)
		sp_client_reply(client, json_pack("{s:s, s:s}", "cert", cert, "key", key));
	else
		sp_client_fail(client, "failed", 1, NULL,
			       "the portal's certificate or key cannot be read: see the log");
	sp_free_wiped(key);
}

void sp_op_device_challenge(struct sp_ops *ops, struct sp_client *client,
			    const struct sp_request *request)
{
	struct sp_wg_key challenge;
	char text[SP_WG_KEY_BASE64];
	uint8_t public_key[32];

	(void)request;
	if (sp_key_proof_challenge(ops->engine, &challenge, public_key) < 0) {
		sp_client_fail(client, "failed", 1, NULL,
			       "no device key can be proven here: the gateway has no portal, or "
			       "its tunnel key cannot be read");
		return;
	}
	sp_client_reply(client,
			json_pack("{s:s, s:o, s:s}", "challenge",
				  sp_wg_key_to_base64(&challenge, text), "key",
				  sp_json_key(public_key), "url", (*ops->machine)->portal_url));
}
