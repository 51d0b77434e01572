/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Devices: a key that belongs to one person or is a machine's, and the addresses it keeps. How to
 * find one is in people.h. */
#ifndef SALLYPORT_DAEMON_DEVICES_H
#define SALLYPORT_DAEMON_DEVICES_H

#include "daemon/people/people.h"

struct sp_enrolment {
	const uint8_t *public_key;
	const char *name;
	const char *user, *idp, *subject; /* NULL all three: a machine */
	bool is_proven;
	uint32_t devices_max; /* of the person, with this one */
};

/* Make a device with addresses and a pre-shared key of its own. Nobody knows of it before the
 * change that opens its first session keeps it. The caller frees it with sp_device_free. Returns 0;
 * -errno with @refusal. */
int sp_device_make(struct sp_people *people, const struct sp_enrolment *enrolment,
		   struct sp_device **ret_device, struct sp_refusal *refusal);
/* Make a device as sp_device_make does, and keep it before it has a session. *@ret_device is
 * people's. Returns 0; -errno with @refusal. */
int sp_device_enrol(struct sp_people *people, const struct sp_enrolment *enrolment,
		    struct sp_device **ret_device, struct sp_refusal *refusal);
/* Keep in the database that the device's holder has the private key, and log it. @how names what
 * showed it. */
void sp_device_prove(struct sp_people *people, struct sp_device *device, const char *how);
/* End the device's sessions (their record says @why, @by), forget the device and free it. Returns
 * 0; -errno with @refusal: the kernel did not take the end of a session, or the database did not
 * forget the device, which is then still known. */
int sp_device_remove(struct sp_people *people, struct sp_device *device, const char *why,
		     const char *by, struct sp_refusal *refusal);
/* Remove the device because somebody else has the better claim to its key, with a login-refused
 * record of its own. A failure is only said in the log. */
void sp_device_lose(struct sp_people *people, struct sp_device *device,
		    enum sp_refusal_reason reason, const char *message, const char *by);
/* If a role names the key of @device, which a person holds, the person loses it. @lost: an array
 * that gets the session that ends; NULL is allowed. */
void sp_device_follow_policy(struct sp_people *people, struct sp_device *device, json_t *lost);
/* May a person hold @key? Returns 0; -EPERM with @refusal: a role of the running policy names the
 * key as a machine's. */
int sp_device_check_key(const struct sp_people *people, const uint8_t key[32],
			struct sp_refusal *refusal);

#endif
