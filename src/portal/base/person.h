/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A person on a device, as the portal knows them. A token stands for a person, and a session is
 * opened with one. */
#ifndef SALLYPORT_PORTAL_PERSON_H
#define SALLYPORT_PORTAL_PERSON_H

#include <jansson.h>

#include "io/wireguard/wg_key.h"

struct sp_person {
	char *idp, *subject, *user; /* NULL: not known yet */
	char device_key[SP_WG_KEY_BASE64];
	char *device_name;
	char *challenge, *proof; /* that they have the device's private key; NULL both: not shown */
};

/* Free what it holds; empty afterwards. */
void sp_person_done(struct sp_person *person);
/* Set the identity of @person; texts are copied. Returns 0; -ENOMEM, and then @person holds some of
 * the new texts and some of the former ones. */
int sp_person_set(struct sp_person *person, const char *idp, const char *subject, const char *user);
/* On which device. @key: base64, 44 characters, may be the person's own; @name is copied.
 * Returns 0; -ENOMEM. */
int sp_person_set_device(struct sp_person *person, const char *key, const char *name);
/* The device of a request's body (checked by its fields): its key and name, and the proof, if
 * there is one. Returns 0; -ENOMEM. */
int sp_person_read_device(struct sp_person *person, const json_t *device);

#endif
