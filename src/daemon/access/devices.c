/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Devices: a key that belongs to one person, or is a machine, and the addresses it keeps. */
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "config/machine.h"
#include "daemon/change/change.h"
#include "daemon/access/devices.h"
#include "daemon/host/address.h"
#include "daemon/host/host.h"
#include "daemon/revisions/revision.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "io/wireguard/wg_key.h"

int sp_device_check_key(const struct sp_people *people, const uint8_t key[32],
			struct sp_refusal *refusal)
{
	const struct sp_role *role =
		people->revisions->running
			? sp_policy_machine_role(people->revisions->running->policy, key)
			: NULL;

	if (!role)
		return 0;
	return sp_refuse_login(
		refusal, -EPERM, SP_REFUSAL_MACHINE_KEY,
		"role %s names this public key as a machine's: no person can hold it", role->name);
}

struct taken {
	struct sp_addr *items;
	size_t count;
};

static int take_held(void *arg, const struct sp_addr *addr)
{
	struct taken *taken = arg;
	struct sp_addr *item = SP_ARRAY_PUSH(taken->items, taken->count);

	if (!item)
		return -ENOMEM;
	*item = *addr;
	return 0;
}

static int list_taken(struct sp_people *people, const struct sp_device *device, struct taken *taken)
{
	int r = 0;

	for (size_t i = 0; i < people->device_count && r == 0; i++)
		for (int family = 0; family < 2 && r == 0; family++)
			if (people->devices[i]->has_address[family])
				r = take_held(taken, &people->devices[i]->addresses[family]);
	/* the host's own addresses in the pool, whoever set them */
	for (size_t i = 0; i < people->host->gateway.self_count && r == 0; i++)
		r = take_held(taken, &people->host->gateway.self[i]);
	if (r < 0)
		return r;
	return sp_store_each_held(people->store, sp_clock_realtime_ns(), device->idp,
				  device->subject, take_held, taken);
}

static int give_addresses(struct sp_people *people, struct sp_device *device,
			  struct sp_refusal *refusal)
{
	const struct sp_gateway *gateway = &(*people->machine)->gateway;
	struct taken taken = { 0 };
	int r = list_taken(people, device, &taken);

	for (int family = 0; family < 2 && r == 0; family++) {
		r = sp_address_pick(gateway->pool, gateway->pool_count, family == 1, taken.items,
				    taken.count, &device->addresses[family]);
		device->has_address[family] = r == 0;
		if (r == -ENOENT) /* no pool of this family */
			r = 0;
		else if (r == -ENOSPC)
			sp_refuse(
				refusal, r, "pool-empty", 1,
				"no %s address is left in vpn.pool; remove devices (sallyport peer "
				"remove) or enlarge it",
				family ? "IPv6" : "IPv4");
	}
	free(taken.items);
	if (r < 0 && r != -ENOSPC)
		sp_refuse(refusal, r, "failed", 1, "finding an address: %s", sp_err_text(r));
	return r;
}

static int copy_texts(struct sp_device *device, const struct sp_enrolment *enrolment)
{
	device->name = strdup(enrolment->name);
	device->user = strdup(enrolment->user ? enrolment->user : enrolment->name);
	if (enrolment->idp)
		device->idp = strdup(enrolment->idp);
	if (enrolment->subject)
		device->subject = strdup(enrolment->subject);
	return !device->name || !device->user || (enrolment->idp && !device->idp) ||
			       (enrolment->subject && !device->subject)
		       ? -ENOMEM
		       : 0;
}

static bool is_of_person(const struct sp_device *device, const struct sp_enrolment *enrolment)
{
	return device->idp && enrolment->idp && !strcmp(device->idp, enrolment->idp) &&
	       !strcmp(device->subject, enrolment->subject);
}

/* What a person has already leaves room for another of this name. */
static int check_person(const struct sp_people *people, const struct sp_enrolment *enrolment,
			struct sp_refusal *refusal)
{
	size_t count = 0;

	for (size_t i = 0; i < people->device_count; i++) {
		const struct sp_device *device = people->devices[i];

		if (!is_of_person(device, enrolment))
			continue;
		if (!strcmp(device->name, enrolment->name))
			return sp_refuse_login(refusal, -EEXIST, SP_REFUSAL_DEVICE_NAME,
					       "%s already has a device named %s with another key",
					       device->user, device->name);
		count++;
	}
	if (count < enrolment->devices_max)
		return 0;
	return sp_refuse_login(
		refusal, -EMFILE, SP_REFUSAL_TOO_MANY_DEVICES,
		"%s (idp %s) has %zu device%s, and can have %u%s; "
		"remove one (sallyport peer remove)",
		enrolment->user, enrolment->idp, count, count == 1 ? "" : "s",
		enrolment->devices_max,
		enrolment->devices_max < SP_DEVICES_MAX ? " by max-devices of their roles" : "");
}

static int check_enrolment(struct sp_people *people, const struct sp_enrolment *enrolment,
			   struct sp_refusal *refusal)
{
	if (people->outside.is_own_key(people->outside.arg, enrolment->public_key))
		return sp_refuse_login(refusal, -EPERM, SP_REFUSAL_DEVICE_TAKEN,
				       "this public key is the gateway's own");
	return enrolment->idp ? check_person(people, enrolment, refusal) : 0;
}

SP_DEFINE_CLEANUP(struct sp_device *, sp_device_free);

int sp_device_make(struct sp_people *people, const struct sp_enrolment *enrolment,
		   struct sp_device **ret_device, struct sp_refusal *refusal)
{
	__sp_cleanup(sp_device_freep) struct sp_device *device = calloc(1, sizeof(*device));
	struct sp_wg_key psk;
	int r = check_enrolment(people, enrolment, refusal);

	if (r < 0)
		return r;
	people->outside.forget_peer(people->outside.arg, enrolment->public_key);
	r = device ? copy_texts(device, enrolment) : -ENOMEM;
	if (r == 0)
		r = sp_wg_preshared_make(&psk);
	if (r < 0)
		return sp_refuse(refusal, r, "failed", 1, "enrolling %s: %s", enrolment->name,
				 sp_err_text(r));
	memcpy(device->public_key, enrolment->public_key, 32);
	memcpy(device->preshared_key, psk.bytes, 32);
	sp_wg_key_wipe(&psk);
	device->added_ns = sp_clock_realtime_ns();
	device->proven_ns = enrolment->is_proven ? device->added_ns : 0;
	r = give_addresses(people, device, refusal);
	if (r == 0)
		*ret_device = SP_TAKE_PTR(device);
	return r;
}

int sp_device_enrol(struct sp_people *people, const struct sp_enrolment *enrolment,
		    struct sp_device **ret_device, struct sp_refusal *refusal)
{
	__sp_cleanup(sp_device_freep) struct sp_device *device = NULL;
	struct sp_change change = { .kind = SP_CHANGE_ENROL };
	int r = sp_device_make(people, enrolment, &device, refusal);

	if (r < 0)
		return r;
	change.device = device;
	r = sp_people_change(people, &change);
	if (r < 0)
		return sp_refuse(refusal, r, "failed", 1, "keeping the device: %s",
				 r == -ENOMEM ? sp_err_text(r) : sp_store_error(people->store));
	*ret_device = SP_TAKE_PTR(device);
	return 0;
}

void sp_device_prove(struct sp_people *people, struct sp_device *device, const char *how)
{
	struct sp_change change = { .kind = SP_CHANGE_PROVE, .device = device, .proof = how };

	if (sp_people_change(people, &change) < 0)
		sp_log_error("keeping that %s's device %s is proven: %s", device->user,
			     device->name, sp_store_error(people->store));
}

int sp_device_remove(struct sp_people *people, struct sp_device *device, const char *why,
		     const char *by, struct sp_refusal *refusal)
{
	struct sp_change change = {
		.kind = SP_CHANGE_REMOVE, .device = device, .why = why, .by = by
	};
	int r = sp_people_change(people, &change);

	if (r == 0)
		return 0;
	return change.is_kept
		       ? sp_refuse(refusal, r, "failed", 1,
				   "its session has ended, but the database did not forget it: %s",
				   sp_store_error(people->store))
		       : sp_refuse(refusal, r, "failed", 1,
				   "it is forgotten, but the kernel did not take the end of its "
				   "session: %s",
				   sp_err_text(r));
}

void sp_device_lose(struct sp_people *people, struct sp_device *device,
		    enum sp_refusal_reason reason, const char *message, const char *by)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	struct sp_refusal refusal;

	record.user = device->user;
	record.idp = device->idp;
	record.peer = device->name;
	record.reason = sp_refuse_word(reason);
	record.message = message;
	record.by = by;
	sp_log_note("%s's device %s is removed: %s", device->user, device->name, message);
	people->outside.refused(people->outside.arg, &record);
	if (sp_device_remove(people, device, record.reason, by, &refusal) < 0)
		sp_log_error("removing a device: %s", refusal.message);
}

void sp_device_follow_policy(struct sp_people *people, struct sp_device *device, json_t *lost)
{
	const struct sp_live *live;
	struct sp_refusal refusal;

	if (sp_device_check_key(people, device->public_key, &refusal) == 0)
		return;
	live = sp_live_of_device(people, device->public_key);
	if (live && lost)
		json_array_append_new(lost,
				      json_pack("{s:I, s:s}", "session", (json_int_t)live->row.id,
						"user", live->row.user));
	sp_device_lose(people, device, refusal.reason, refusal.message, NULL);
}
