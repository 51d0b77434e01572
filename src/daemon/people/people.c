/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All sessions together: finding them, and noting which of them changed. */
#include "daemon/people/people.h"

#include <string.h>

#include "net/addr.h"
#include "plane/plane.h"

struct sp_live *sp_live_next(const struct sp_people *people, const struct sp_live *live)
{
	for (uint32_t slot = live ? live->row.slot + 1 : 1; slot < people->slot_end; slot++)
		if (people->slots[slot])
			return people->slots[slot];
	return NULL;
}

struct sp_live *sp_live_find(const struct sp_people *people, uint64_t id)
{
	struct sp_live *live = NULL;

	while ((live = sp_live_next(people, live)))
		if (live->row.id == id)
			return live;
	return NULL;
}

uint32_t sp_people_slot_limit(const struct sp_people *people)
{
	const uint32_t limit = sp_plane_session_limit(people->plane);

	return limit < SP_SLOTS ? limit : SP_SLOTS;
}

struct sp_live *sp_live_of(const struct sp_people *people, uint32_t slot, uint64_t epoch)
{
	struct sp_live *live = slot < SP_SLOTS ? people->slots[slot] : NULL;

	return live && live->row.epoch == epoch ? live : NULL;
}

struct sp_live *sp_live_of_address(const struct sp_people *people, const struct sp_addr *addr)
{
	const int family = sp_addr_is_v4(addr) ? 0 : 1;
	struct sp_live *live = NULL, *newest = NULL;

	while ((live = sp_live_next(people, live)))
		if (live->row.has_address[family] &&
		    !sp_addr_compare(&live->row.addresses[family], addr) &&
		    (!newest || live->row.epoch > newest->row.epoch))
			newest = live;
	return newest;
}

static bool is_same_person(const struct sp_live *a, const struct sp_live *b)
{
	return a->row.idp && b->row.idp && !strcmp(a->row.user, b->row.user) &&
	       !strcmp(a->row.idp, b->row.idp);
}

void sp_live_number_person(const struct sp_people *people, struct sp_live *live)
{
	for (uint32_t slot = 0; slot < people->slot_end && !live->person; slot++) {
		const struct sp_live *other = people->slots[slot];

		if (other && other->person && is_same_person(other, live))
			live->person = other->person;
	}
	if (!live->person && live->row.idp)
		live->person = live->row.epoch;
}

struct sp_live *sp_live_of_device(const struct sp_people *people, const uint8_t key[32])
{
	struct sp_live *live = NULL, *found = NULL;

	while ((live = sp_live_next(people, live)))
		if (live->state != SP_LIVE_ENDED && !memcmp(live->row.public_key, key, 32) &&
		    (!found || live->state == SP_LIVE_OPEN))
			found = live;
	return found;
}

bool sp_people_share_name(const struct sp_people *people, const char *user, const char *ret_idps[2])
{
	struct sp_live *live = NULL;
	const char *first = NULL;

	while ((live = sp_live_next(people, live))) {
		const char *idp = live->row.idp ? live->row.idp : "";

		if (live->state == SP_LIVE_ENDED || strcmp(live->row.user, user) != 0)
			continue;
		if (first && strcmp(first, idp) != 0) {
			ret_idps[0] = first;
			ret_idps[1] = idp;
			return true;
		}
		first = idp;
	}
	return false;
}

void sp_people_done(struct sp_people *people)
{
	for (uint32_t slot = 0; slot < people->slot_end; slot++)
		sp_live_free(people->slots[slot]);
	for (size_t i = 0; i < people->device_count; i++)
		sp_device_free(people->devices[i]);
	free(people->devices);
	people->devices = NULL;
	people->device_count = 0;
	people->slot_end = 0;
}

void sp_people_changed(struct sp_people *people, const uint8_t key[32])
{
	struct sp_people_changes *changes = &people->changes;

	if (key && !changes->is_all && changes->count < SP_CHANGES_MAX)
		memcpy(changes->keys[changes->count++].bytes, key, 32);
	else
		changes->is_all = true;
	people->outside.changed(people->outside.arg);
}

void sp_people_take_changes(struct sp_people *people, struct sp_people_changes *ret_changes)
{
	*ret_changes = people->changes;
	people->changes.count = 0;
	people->changes.is_all = false;
}
