/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/base/person.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sp_person_done(struct sp_person *person)
{
	free(person->idp);
	free(person->subject);
	free(person->user);
	free(person->device_name);
	free(person->challenge);
	free(person->proof);
	*person = (struct sp_person){ 0 };
}

static int set(char **field, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

int sp_person_set(struct sp_person *person, const char *idp, const char *subject, const char *user)
{
	int r = set(&person->idp, idp);

	if (r == 0)
		r = set(&person->subject, subject);
	return r == 0 ? set(&person->user, user) : r;
}

int sp_person_set_device(struct sp_person *person, const char *key, const char *name)
{
	if (key != person->device_key)
		snprintf(person->device_key, sizeof(person->device_key), "%s", key);
	return set(&person->device_name, name);
}

int sp_person_read_device(struct sp_person *person, const json_t *device)
{
	const char *challenge = json_string_value(json_object_get(device, "challenge"));
	const char *proof = json_string_value(json_object_get(device, "proof"));
	int r = sp_person_set_device(person,
				     json_string_value(json_object_get(device, "public_key")),
				     json_string_value(json_object_get(device, "name")));

	if (r == 0 && challenge)
		r = set(&person->challenge, challenge);
	return r == 0 && proof ? set(&person->proof, proof) : r;
}
