/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/base/json.h"

#include <string.h>

#include "audit/time.h"
#include "io/wireguard/wg_key.h"
#include "net/addr.h"

json_t *sp_json_time(int64_t utc_ns)
{
	char text[SP_TIME_TEXT_MAX];

	if (!utc_ns)
		return json_null();
	sp_time_format(utc_ns, text);
	strcpy(text + strlen("2026-11-22T03:10:00.123"), "Z"); /* milliseconds are plenty */
	return json_string(text);
}

json_t *sp_json_key(const uint8_t bytes[32])
{
	char text[SP_WG_KEY_BASE64];
	struct sp_wg_key key;

	memcpy(key.bytes, bytes, 32);
	return json_string(sp_wg_key_to_base64(&key, text));
}

json_t *sp_json_addresses(const struct sp_addr addresses[2], const bool has_address[2])
{
	json_t *list = json_array();
	char text[SP_ADDR_TEXT_MAX];

	for (int family = 0; family < 2; family++)
		if (has_address[family])
			json_array_append_new(
				list, json_string(sp_addr_format(&addresses[family], text)));
	return list;
}
