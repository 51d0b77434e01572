/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading the fields of a request, for several ops. */
#include "daemon/ops/ops.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "crypto/key_proof.h"
#include "io/wireguard/wg_key.h"
#include "net/addr.h"
#include "yaml/suggest.h"

bool sp_op_unpack(struct sp_client *client, const struct sp_request *request, const char *format,
		  ...)
{
	json_error_t error;
	va_list args;
	int r;

	va_start(args, format);
	r = json_vunpack_ex((json_t *)request->json, &error, 0, format, args);
	va_end(args);
	if (r < 0)
		sp_client_fail(client, "bad-request", 2, NULL, "%s: %s",
			       json_string_value(json_object_get(request->json, "op")), error.text);
	return r == 0;
}

static void fail_no_device(struct sp_ops *ops, struct sp_client *client, const char *text)
{
	struct sp_nearest near;

	sp_nearest_init(&near, text);
	for (size_t i = 0; i < ops->people->device_count; i++)
		sp_nearest_offer(&near, ops->people->devices[i]->name);
	sp_client_fail(client, "no-such-device", 1, NULL, "no device %.100s is known%s%.63s%s",
		       text, near.best ? "; did you mean \"" : "", near.best ? near.best : "",
		       near.best ? "\"?" : "");
}

struct sp_device *sp_op_device(struct sp_ops *ops, struct sp_client *client, const char *text)
{
	struct sp_device *device = NULL;
	int r = sp_device_lookup(ops->people, text, &device);

	if (r == -EEXIST)
		sp_client_fail(
			client, "ambiguous", 1, NULL,
			"several people have a device named %.63s; say user/%.63s or its key", text,
			text);
	else if (r < 0)
		fail_no_device(ops, client, text);
	return device;
}

bool sp_op_key(struct sp_client *client, const char *text, uint8_t ret_key[32])
{
	struct sp_wg_key key;

	if (sp_wg_public_from_base64(text, &key) < 0) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "public_key is 44 characters of base64, as `wg pubkey` prints it");
		return false;
	}
	if (!sp_x25519_is_public(key.bytes)) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "no private key has this public_key: give what `wg pubkey` prints");
		return false;
	}
	memcpy(ret_key, key.bytes, 32);
	return true;
}

bool sp_op_name(struct sp_client *client, const char *what, const char *text, size_t max)
{
	const bool is_good = sp_text_is_name(text, max);

	if (!is_good)
		sp_client_fail(client, "bad-request", 2, NULL,
			       "%s is 1 to %zu printable bytes without `/`", what, max);
	return is_good;
}

bool sp_op_addr(struct sp_client *client, const char *what, const char *text,
		struct sp_addr *ret_addr)
{
	if (sp_addr_parse(text, ret_addr) == 0)
		return true;
	sp_client_fail(client, "bad-request", 2, NULL, "%s is an IPv4 or IPv6 address", what);
	return false;
}

bool sp_op_text(struct sp_client *client, const char *what, const char *text)
{
	const size_t len = strlen(text);

	if (len >= 1 && len <= 255 && sp_text_is_printable(text, len))
		return true;
	sp_client_fail(client, "bad-request", 2, NULL, "%s is 1 to 255 bytes that print", what);
	return false;
}

bool sp_op_groups(struct sp_client *client, const json_t *list, const char *groups[SP_GROUPS_MAX],
		  size_t *ret_count)
{
	size_t count = json_array_size(list);

	if (list && (!json_is_array(list) || count > SP_GROUPS_MAX)) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "groups is a list of at most %u texts", SP_GROUPS_MAX);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		groups[i] = json_string_value(json_array_get(list, i));
		if (!groups[i] || !sp_text_is_label(groups[i], SP_GROUP_TEXT_MAX)) {
			sp_client_fail(client, "bad-request", 2, NULL,
				       "groups[%zu] is no text of 1 to %u bytes that print", i,
				       SP_GROUP_TEXT_MAX);
			return false;
		}
	}
	*ret_count = count;
	return true;
}

bool sp_op_refresh(struct sp_client *client, const char *text)
{
	if (!text || strlen(text) <= SP_SEALED_MAX)
		return true;
	sp_client_fail(client, "bad-request", 2, NULL, "refresh is at most %u bytes long",
		       SP_SEALED_MAX);
	return false;
}

void sp_op_refuse(struct sp_client *client, const struct sp_refusal *refusal)
{
	json_t *details = NULL;

	if (!strcmp(refusal->code, "login-refused"))
		details = json_pack("{s:s}", "reason", sp_refuse_word(refusal->reason));
	sp_client_fail(client, refusal->code, refusal->exit_code, details, "%s", refusal->message);
}

bool sp_op_owns(struct sp_client *client, const struct sp_op_owner *owner, const char *idp,
		const char *subject)
{
	const bool is_named = owner->idp && owner->subject;

	if (!is_named && (owner->idp || owner->subject || sp_client_is_portal(client))) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "idp and subject say whose it is: give both");
		return false;
	}
	if (!is_named ||
	    (idp && subject && !strcmp(owner->idp, idp) && !strcmp(owner->subject, subject)))
		return true;
	sp_client_fail(client, "not-permitted", 7, NULL, "it is not %.100s's (idp %.63s)",
		       owner->subject, owner->idp);
	return false;
}

bool sp_op_whose_name(struct sp_ops *ops, struct sp_client *client, const char *user,
		      const char *idp)
{
	const char *idps[2];

	if (idp || !sp_people_share_name(ops->people, user, idps))
		return true;
	sp_client_fail(client, "ambiguous", 1, NULL,
		       "%.255s is two: of %.63s and of %.63s; say whose (--idp)", user,
		       *idps[0] ? idps[0] : "no provider, a machine",
		       *idps[1] ? idps[1] : "no provider, a machine");
	return false;
}
