/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/admit/token.h"

#include <errno.h>
#include <string.h>

#include "json/own.h"
#include "portal/base/seal.h"

#define PURPOSE "sallyport token 1"

int sp_token_make(const struct sp_sealer *sealer, const struct sp_person *person, char **ret_token)
{
	__sp_json json_t *value =
		json_pack("{s:s, s:s, s:s, s:s}", "i", person->idp, "s", person->subject, "u",
			  person->user, "d", person->device_key);

	if (!value)
		return -ENOMEM;
	return sp_seal(sealer, PURPOSE, value, ret_token);
}

int sp_token_read(const struct sp_sealer *sealer, const char *token, struct sp_person *ret_person)
{
	const char *idp, *subject, *user, *device;
	struct sp_person person = { 0 };
	__sp_json json_t *value = NULL;
	int r;

	if (!token)
		return -EBADMSG;
	r = sp_unseal(sealer, PURPOSE, token, &value);
	if (r < 0)
		return r;
	if (json_unpack(value, "{s:s, s:s, s:s, s:s}", "i", &idp, "s", &subject, "u", &user, "d",
			&device) < 0)
		r = -EBADMSG;
	if (r == 0)
		r = sp_person_set(&person, idp, subject, user);
	if (r == 0)
		r = sp_person_set_device(&person, device, "");
	if (r < 0)
		sp_person_done(&person);
	else
		*ret_person = person;
	return r;
}
