/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/providers/kept.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "json/own.h"

#define PURPOSE "sallyport refresh 1"

static void set_number(json_t *object, const char *key, int64_t number)
{
	if (number)
		json_object_set_new(object, key, json_integer(number));
}

int sp_kept_seal(const struct sp_sealer *sealer, const struct sp_kept *kept, char **ret_sealed)
{
	static const struct sp_addr nowhere;
	char place[SP_ADDR_TEXT_MAX];
	__sp_json json_t *value = json_object();
	int r = -ENOMEM;

	if (kept->is_local)
		json_object_set_new(value, "l", json_integer(1));
	if (kept->token)
		json_object_set_new(value, "t", json_string(kept->token));
	if (memcmp(&kept->from, &nowhere, sizeof(nowhere)) != 0)
		json_object_set_new(value, "f", json_string(sp_addr_format(&kept->from, place)));
	set_number(value, "a", kept->asked_s);
	set_number(value, "u", kept->unconfirmed);
	if (value && !kept->token == !json_object_get(value, "t"))
		r = sp_seal(sealer, PURPOSE, value, ret_sealed);
	return r;
}

int sp_kept_open(const struct sp_sealer *sealer, const char *sealed, struct sp_kept *ret_kept)
{
	__sp_json json_t *value = NULL;
	const char *token, *place;
	int r = sp_unseal(sealer, PURPOSE, sealed, &value);

	if (r < 0)
		return r;
	token = json_string_value(json_object_get(value, "t"));
	place = json_string_value(json_object_get(value, "f"));
	*ret_kept = (struct sp_kept){
		.is_local = json_object_get(value, "l") != NULL,
		.token = token ? strdup(token) : NULL,
		.asked_s = json_integer_value(json_object_get(value, "a")),
		.unconfirmed = json_integer_value(json_object_get(value, "u")),
	};
	if (!place || sp_addr_parse(place, &ret_kept->from) < 0)
		ret_kept->from = (struct sp_addr){ 0 };
	return token && !ret_kept->token ? -ENOMEM : 0;
}

void sp_kept_done(struct sp_kept *kept)
{
	if (kept->token)
		sp_wipe(kept->token, strlen(kept->token));
	free(kept->token);
	*kept = (struct sp_kept){ 0 };
}
