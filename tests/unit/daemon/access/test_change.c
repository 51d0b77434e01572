/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In which order a change of access reaches the revisions, the database, the kernel, the audit log and the peers,
 * and what is left when one of them fails. The plane is memory (tests/support/fake_plane.h), and the linker puts this
 * file in the place of the store (tests/unit/daemon/meson.build); each call that either answers is a word of the
 * plane's log. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../support/fake_plane.h"
#include "config/machine.h"
#include "daemon/change/change.h"
#include "net/addr.h"
#include "policy/load.h"

static struct fake_plane *fake; /* of all tests */

static int say(const char *word)
{
	return fake_plane_say(fake, word);
}

static int say_of(const char *word, unsigned long long number)
{
	char text[64];

	snprintf(text, sizeof(text), "%s:%llu", word, number);
	return say(text);
}

/* ---- in the place of the store ---- */

int __wrap_sp_store_next_epoch(struct sp_store *store, uint64_t *ret_epoch);
int __wrap_sp_store_add_session(struct sp_store *store, struct sp_session_row *row);
int __wrap_sp_store_commit(struct sp_store *store);
void __wrap_sp_store_cancel(struct sp_store *store);
int __wrap_sp_store_change_session(struct sp_store *store, const struct sp_session_row *row);
int __wrap_sp_store_close_session(struct sp_store *store, uint64_t id, int64_t closed_ns,
				  const char *why);
const char *__wrap_sp_store_error(const struct sp_store *store);
int __wrap_sp_store_begin(struct sp_store *store);
int __wrap_sp_store_add_device(struct sp_store *store, const struct sp_device *device);
int __wrap_sp_store_prove_device(struct sp_store *store, const uint8_t key[32], int64_t proven_ns);
int __wrap_sp_store_remove_device(struct sp_store *store, const struct sp_device *device,
				  int64_t until_ns);

int __wrap_sp_store_begin(struct sp_store *store)
{
	(void)store;
	return say("begin");
}

int __wrap_sp_store_add_device(struct sp_store *store, const struct sp_device *device)
{
	(void)store;
	return say_of("enrol", device->public_key[0]);
}

int __wrap_sp_store_prove_device(struct sp_store *store, const uint8_t key[32], int64_t proven_ns)
{
	(void)store;
	assert_true(proven_ns > 0);
	return say_of("prove", key[0]);
}

int __wrap_sp_store_remove_device(struct sp_store *store, const struct sp_device *device,
				  int64_t until_ns)
{
	(void)store;
	assert_true(until_ns > 0); /* its addresses are held */
	return say_of("forget", device->public_key[0]);
}

int __wrap_sp_store_next_epoch(struct sp_store *store, uint64_t *ret_epoch)
{
	(void)store;
	*ret_epoch = 1000;
	return 0;
}

int __wrap_sp_store_add_session(struct sp_store *store, struct sp_session_row *row)
{
	(void)store;
	return say_of("add", row->slot);
}

int __wrap_sp_store_commit(struct sp_store *store)
{
	(void)store;
	return say("commit");
}

void __wrap_sp_store_cancel(struct sp_store *store)
{
	(void)store;
	say("cancel");
}

int __wrap_sp_store_change_session(struct sp_store *store, const struct sp_session_row *row)
{
	(void)store;
	return say_of("keep", row->slot);
}

int __wrap_sp_store_close_session(struct sp_store *store, uint64_t id, int64_t closed_ns,
				  const char *why)
{
	char word[64];

	(void)store;
	assert_true(closed_ns > 0); /* the end is as old as the kernel's */
	snprintf(word, sizeof(word), "close:%llu(%s)", (unsigned long long)id, why);
	return say(word);
}

const char *__wrap_sp_store_error(const struct sp_store *store)
{
	(void)store;
	return "the disk is full";
}

/* ---- in the place of the revisions ---- */

int __wrap_sp_revisions_add_session(struct sp_revisions *revisions, const struct sp_live *live,
				    struct sp_standings *ret_standings);
int __wrap_sp_revisions_stage_session(struct sp_revisions *revisions, const struct sp_live *live);

int __wrap_sp_revisions_add_session(struct sp_revisions *revisions, const struct sp_live *live,
				    struct sp_standings *ret_standings)
{
	(void)revisions;
	*ret_standings = (struct sp_standings){ .count = 1,
						.in = { { .revision = 7, .class_id = { 5, 6 } } } };
	return say_of("rows", live->row.slot);
}

int __wrap_sp_revisions_stage_session(struct sp_revisions *revisions, const struct sp_live *live)
{
	(void)revisions;
	return say_of("stage", live->row.slot);
}

/* ---- roles ---- */

static unsigned int matches;

int __real_sp_policy_match_roles(const struct sp_policy *policy, const struct sp_person *person,
				 int64_t now_s, uint32_t **ret_roles, size_t *ret_count);
int __wrap_sp_policy_match_roles(const struct sp_policy *policy, const struct sp_person *person,
				 int64_t now_s, uint32_t **ret_roles, size_t *ret_count);

int __wrap_sp_policy_match_roles(const struct sp_policy *policy, const struct sp_person *person,
				 int64_t now_s, uint32_t **ret_roles, size_t *ret_count)
{
	matches++;
	return __real_sp_policy_match_roles(policy, person, now_s, ret_roles, ret_count);
}

/* ---- whom people tell ---- */

static void note_record(void *arg, enum sp_audit_event event, const struct sp_live *live,
			const char *why, const char *by, const struct sp_addr *from)
{
	char word[64];

	(void)arg;
	(void)by;
	(void)from;
	snprintf(word, sizeof(word), "%s:%u%s%s%s", sp_audit_event_name(event), live->row.slot,
		 why ? "(" : "", why ? why : "", why ? ")" : "");
	say(word);
}

static void note_over(void *arg, const struct sp_live *live)
{
	(void)arg;
	say_of("over", live->row.slot);
}

static void note_denied(void *arg, uint64_t since_ns)
{
	(void)arg;
	(void)since_ns;
	say("denied");
}

static void note_changed(void *arg)
{
	(void)arg;
	say("peer");
}

static void note_passed(void *arg, const char *step)
{
	(void)arg;
	(void)step;
}

/* ---- people ---- */

#define KEY(people, slot) ((people)->slots[slot]->row.public_key)

/* The @slot is its number too; the address is its device's. */
static struct sp_live *live_of(uint32_t slot, uint8_t key, uint64_t epoch)
{
	struct sp_session_row row = {
		.id = slot,
		.slot = slot,
		.epoch = epoch,
		.idp = strdup("corp"),
		.subject = strdup("s"),
		.user = strdup("ana"),
		.groups = strdup("[\"old\"]"),
		.roles = strdup("[]"),
		.device = strdup("laptop"),
		.has_address = { true, true },
		.expires_ns = 4000000000000000000,
	};
	struct sp_live *live;

	memset(row.public_key, key, 32);
	assert_int_equal(sp_addr_parse("100.64.0.7", &row.addresses[0]), 0);
	assert_int_equal(sp_addr_parse("fd00:77::7", &row.addresses[1]), 0);
	row.addresses[0].b[15] = row.addresses[1].b[15] = key;
	live = sp_live_new(&row);
	assert_non_null(live);
	return live;
}

static struct sp_machine machine = { .parked_s = 60 };
static struct sp_machine *machine_now = &machine;

static struct sp_people *people_of(struct sp_live *const *lives, size_t count)
{
	struct sp_people *people = calloc(1, sizeof(*people));

	people->slot_end = people->next_slot = 1;
	people->machine = &machine_now;
	people->plane = &fake->base;
	people->outside = (struct sp_people_outside){ .record = note_record,
						      .over = note_over,
						      .denied = note_denied,
						      .changed = note_changed,
						      .passed = note_passed };
	for (size_t i = 0; i < count; i++) {
		people->slots[lives[i]->row.slot] = lives[i];
		if (lives[i]->row.slot >= people->slot_end)
			people->slot_end = lives[i]->row.slot + 1;
	}
	fake_plane_forget(fake);
	fake->failing = NULL;
	fake->sessions[1] = (struct sp_plane_session){ 0 };
	fake->ident_count = 0;
	return people;
}

static void people_free(struct sp_people *people)
{
	sp_people_done(people);
	free(people);
}

/* The words since the change began. */
static void assert_calls(const char *expected)
{
	assert_string_equal(fake->log[0] ? fake->log + 1 : "", expected);
}

static int change_with(struct sp_people *people, struct sp_change *change, const char *fails, int r)
{
	fake_plane_forget(fake);
	fake->failing = fails;
	fake->failure = r;
	return sp_people_change(people, change);
}

/* ---- given: the database first, the kernel last ---- */

static void a_sign_in_is_in_the_database_before_the_kernel_and_ends_where_that_fails(void **state)
{
	static const struct {
		const char *fails;
		int r;
		const char *calls;
		enum sp_change_place place;
		bool is_kept;
	} cases[] = {
		{ NULL, 0, "rows:1 begin add:1 commit put:1 ident4:1 ident6:1 session-open:1 peer",
		  SP_CHANGE_AT_PEERS, true },
		{ "rows:1", -EAGAIN, "rows:1", SP_CHANGE_IN_REVISIONS, false },
		{ "add:1", -ENOSPC, "rows:1 begin add:1 cancel", SP_CHANGE_IN_DATABASE, false },
		{ "commit", -ENOSPC, "rows:1 begin add:1 commit cancel", SP_CHANGE_IN_DATABASE,
		  false },
		{ "put:1", -E2BIG,
		  "rows:1 begin add:1 commit put:1 end:1 close:1(failed) session-close:1(failed) "
		  "over:1 "
		  "peer",
		  SP_CHANGE_IN_KERNEL, true },
		{ "ident6:1", -E2BIG,
		  "rows:1 begin add:1 commit put:1 ident4:1 ident6:1 end:1 close:1(failed) "
		  "session-close:1(failed) over:1 "
		  "peer",
		  SP_CHANGE_IN_KERNEL, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_people *people = people_of(NULL, 0);
		struct sp_live *live = live_of(1, 9, 0);
		struct sp_change change = { .kind = SP_CHANGE_OPEN,
					    .live = live,
					    .former_why = "replaced" };

		live->row.id = 1;
		assert_int_equal(change_with(people, &change, cases[i].fails, cases[i].r),
				 cases[i].r);
		assert_calls(cases[i].calls);
		assert_int_equal(change.place, cases[i].place);
		assert_int_equal(change.is_kept, cases[i].is_kept);
		assert_ptr_equal(people->slots[1], cases[i].is_kept ? live : NULL);
		if (cases[i].r == 0) { /* where the revisions say that it stands */
			assert_int_equal(fake->sessions[1].epoch, 1000);
			assert_int_equal(fake->sessions[1].count, 1);
			assert_int_equal(fake->sessions[1].in[0].class_id[0], 5);
		}
		if (cases[i].is_kept)
			assert_int_equal(live->state, cases[i].r ? SP_LIVE_ENDED : SP_LIVE_OPEN);
		else
			sp_live_free(live);
		people_free(people);
	}
}

static void who_was_there_before_ends_once_the_new_session_is_in_the_kernel(void **state)
{
	struct sp_live *former[] = { live_of(2, 9, 50),
				     live_of(3, 8, 60) }; /* the other is of another device */
	struct sp_people *people = people_of(former, 2);
	struct sp_change change = { .kind = SP_CHANGE_OPEN,
				    .live = live_of(1, 9, 0),
				    .why = "groups-changed",
				    .former_why = "groups-changed" };

	(void)state;
	assert_int_equal(change_with(people, &change, NULL, 0), 0);
	assert_calls(
		"rows:1 begin add:1 commit put:1 ident4:1 ident6:1 settle end:2 "
		"close:2(groups-changed) "
		"session-close:2(groups-changed) denied peer session-open:1(groups-changed) peer");
	assert_int_equal(former[0]->state, SP_LIVE_ENDED);
	assert_int_equal(former[1]->state, SP_LIVE_OPEN);
	people_free(people);
}

static void what_the_kernel_refuses_takes_nothing_from_who_was_there_before(void **state)
{
	struct sp_live *former = live_of(2, 9, 50);
	struct sp_people *people = people_of(&former, 1);
	struct sp_change change = { .kind = SP_CHANGE_OPEN,
				    .live = live_of(1, 9, 0),
				    .former_why = "replaced" };

	(void)state;
	assert_int_equal(change_with(people, &change, "put:1", -E2BIG), -E2BIG);
	assert_int_equal(former->state, SP_LIVE_OPEN);
	assert_int_equal(people->slots[1]->state, SP_LIVE_ENDED);
	people_free(people);
}

/* ---- devices ---- */

static struct sp_device *device_of(uint8_t key, const char *name)
{
	struct sp_device *device = calloc(1, sizeof(*device));

	memset(device->public_key, key, 32);
	device->user = strdup("ana");
	device->name = strdup(name);
	return device;
}

/* People who know of one device. */
static struct sp_people *people_with(struct sp_device *device, struct sp_live *const *lives,
				     size_t count)
{
	struct sp_people *people = people_of(lives, count);
	struct sp_change change = { .kind = SP_CHANGE_ENROL, .device = device };

	assert_int_equal(change_with(people, &change, NULL, 0), 0);
	assert_calls("enrol:9");
	assert_true(change.is_kept);
	return people;
}

static void a_new_device_and_its_first_session_are_kept_together_or_neither(void **state)
{
	static const struct {
		const char *fails, *calls;
		bool is_kept;
	} cases[] = {
		{ NULL,
		  "rows:1 begin enrol:9 add:1 commit put:1 ident4:1 ident6:1 session-open:1 peer",
		  true },
		{ "rows:1", "rows:1", false },
		{ "begin", "rows:1 begin cancel", false },
		{ "enrol:9", "rows:1 begin enrol:9 cancel", false },
		{ "add:1", "rows:1 begin enrol:9 add:1 cancel", false },
		{ "commit", "rows:1 begin enrol:9 add:1 commit cancel", false },
		/* in the database by then: the session alone has failed */
		{ "put:1",
		  "rows:1 begin enrol:9 add:1 commit put:1 end:1 close:0(failed) "
		  "session-close:1(failed) over:1 peer",
		  true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_people *people = people_of(NULL, 0);
		struct sp_device *device = device_of(9, "laptop");
		struct sp_live *live = live_of(1, 9, 0);
		struct sp_change change = { .kind = SP_CHANGE_OPEN,
					    .live = live,
					    .former_why = "replaced",
					    .device = device,
					    .proof = "an answered challenge" };

		live->row.id = 0;
		assert_int_equal(change_with(people, &change, cases[i].fails, -ENOSPC),
				 cases[i].fails ? -ENOSPC : 0);
		assert_calls(cases[i].calls);
		assert_int_equal(change.is_kept, cases[i].is_kept);
		assert_int_equal(people->device_count, cases[i].is_kept);
		assert_ptr_equal(sp_device_find(people, device->public_key),
				 cases[i].is_kept ? device : NULL);
		if (!cases[i].is_kept) {
			sp_live_free(live);
			sp_device_free(device);
		}
		people_free(people);
	}
}

static void a_sign_in_proves_the_device_in_the_transaction_that_keeps_its_session(void **state)
{
	static const struct {
		const char *fails, *calls;
		bool is_kept;
	} cases[] = {
		{ NULL,
		  "rows:1 begin prove:9 add:1 commit put:1 ident4:1 ident6:1 session-open:1 peer",
		  true },
		{ "prove:9", "rows:1 begin prove:9 cancel", false },
		{ "commit", "rows:1 begin prove:9 add:1 commit cancel", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_device *device = device_of(9, "laptop");
		struct sp_people *people = people_with(device, NULL, 0);
		struct sp_live *live = live_of(1, 9, 0);
		struct sp_change change = { .kind = SP_CHANGE_OPEN,
					    .live = live,
					    .former_why = "replaced",
					    .device = device,
					    .proof = "an answered challenge" };

		assert_int_equal(change_with(people, &change, cases[i].fails, -ENOSPC),
				 cases[i].fails ? -ENOSPC : 0);
		assert_calls(cases[i].calls);
		assert_int_equal(device->proven_ns > 0, cases[i].is_kept);
		assert_int_equal(people->device_count, 1); /* it was known before */
		if (!cases[i].is_kept)
			sp_live_free(live);
		people_free(people);
	}
}

static void a_proof_counts_once_the_database_has_it_and_is_kept_once(void **state)
{
	struct sp_device *device = device_of(9, "laptop");
	struct sp_people *people = people_with(device, NULL, 0);
	struct sp_change change = { .kind = SP_CHANGE_PROVE,
				    .device = device,
				    .proof = "a handshake" };

	(void)state;
	assert_int_equal(change_with(people, &change, "prove:9", -ENOSPC), -ENOSPC);
	assert_int_equal(device->proven_ns, 0);
	assert_int_equal(change_with(people, &change, NULL, 0), 0);
	assert_calls("prove:9");
	assert_true(device->proven_ns > 0);
	assert_int_equal(change_with(people, &change, NULL, 0), 0);
	assert_calls("");
	people_free(people);
}

static void a_device_that_the_database_does_not_take_is_nobody_s(void **state)
{
	struct sp_people *people = people_of(NULL, 0);
	struct sp_device *device = device_of(9, "laptop");
	struct sp_change change = { .kind = SP_CHANGE_ENROL, .device = device };

	(void)state;
	assert_int_equal(change_with(people, &change, "enrol:9", -ENOSPC), -ENOSPC);
	assert_calls("enrol:9");
	assert_false(change.is_kept);
	assert_int_equal(people->device_count, 0);
	sp_device_free(device);
	people_free(people);
}

static void a_removed_device_s_sessions_end_in_the_kernel_before_anything_slow(void **state)
{
	static const struct {
		const char *fails, *calls;
		int r;
		bool is_known;
	} cases[] = {
#define ENDED                                                                                      \
	"end:1 end:3 close:1(removed) session-close:1(removed) denied peer close:3(removed) "      \
	"over:3 peer"
		{ NULL, ENDED " begin forget:9 commit peer", 0, false },
		{ "end:1", ENDED " begin forget:9 commit peer", -EIO, false },
		{ "close:1(removed)", ENDED " begin forget:9 commit peer", 0, false },
		{ "begin", ENDED " begin cancel peer", -EIO, true },
		{ "forget:9", ENDED " begin forget:9 cancel peer", -EIO, true },
		{ "commit", ENDED " begin forget:9 commit cancel peer", -EIO, true },
#undef ENDED
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_live *lives[] = { live_of(1, 9, 50), live_of(2, 8, 51),
					    live_of(3, 9, 49) };
		struct sp_people *people = people_with(device_of(9, "laptop"), lives, 3);
		struct sp_change change = { .kind = SP_CHANGE_REMOVE,
					    .device = people->devices[0],
					    .why = "removed" };

		lives[2]->state = SP_LIVE_PARKED; /* its end is on record already */
		lives[2]->row.closed_ns = 1;
		assert_int_equal(change_with(people, &change, cases[i].fails, -EIO), cases[i].r);
		assert_calls(cases[i].calls);
		assert_int_equal(change.is_kept, cases[i].is_known);
		assert_int_equal(people->device_count, cases[i].is_known);
		assert_int_equal(change.count, 2);
		assert_int_equal(lives[0]->state, SP_LIVE_ENDED);
		assert_int_equal(lives[1]->state, SP_LIVE_OPEN);
		assert_int_equal(lives[2]->state, SP_LIVE_ENDED);
		people_free(people);
	}
}

/* ---- limits ---- */

static void limits_are_given_by_the_database_and_taken_by_the_kernel(void **state)
{
	static const struct {
		enum sp_change_kind kind;
		const char *fails;
		int r;
		const char *calls;
		bool is_moved;
	} cases[] = {
		{ SP_CHANGE_EXTEND, NULL, 0, "keep:1 idle:1 until:1 session-extend:1 peer", true },
		{ SP_CHANGE_EXTEND, "keep:1", -ENOSPC, "keep:1", false },
		{ SP_CHANGE_EXTEND, "until:1", -EIO, "keep:1 idle:1 until:1", true },
		{ SP_CHANGE_SHORTEN, NULL, 0, "idle:1 until:1 keep:1 session-extend:1 peer", true },
		{ SP_CHANGE_SHORTEN, "keep:1", -ENOSPC,
		  "idle:1 until:1 keep:1 session-extend:1 peer", true },
		{ SP_CHANGE_SHORTEN, "until:1", -EIO, "idle:1 until:1 keep:1 session-extend:1 peer",
		  true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_live *live = live_of(1, 9, 50);
		struct sp_people *people = people_of(&live, 1);
		struct sp_session_row row = live->row;
		struct sp_change change = {
			.kind = cases[i].kind, .live = live, .row = &row, .is_recorded = true
		};

		row.idle_s = 77;
		assert_int_equal(change_with(people, &change, cases[i].fails, cases[i].r),
				 cases[i].r);
		assert_calls(cases[i].calls);
		assert_int_equal(live->row.idle_s == 77, cases[i].is_moved);
		people_free(people);
	}
}

static void limits_that_nobody_asked_to_be_told_of_are_not_on_record(void **state)
{
	struct sp_live *live = live_of(1, 9, 50);
	struct sp_people *people = people_of(&live, 1);
	struct sp_change early = { .kind = SP_CHANGE_SHORTEN, .live = live, .row = &live->row };
	struct sp_change keep = { .kind = SP_CHANGE_KEEP, .live = live, .row = &live->row };
	struct sp_change project = { .kind = SP_CHANGE_PROJECT, .live = live };

	(void)state;
	assert_int_equal(change_with(people, &early, NULL, 0), 0);
	assert_calls("idle:1 until:1 keep:1 peer");
	assert_int_equal(change_with(people, &keep, NULL, 0), 0);
	assert_calls("keep:1");
	assert_int_equal(change_with(people, &project, NULL, 0), 0);
	assert_calls("idle:1 until:1");
	people_free(people);
}

static void other_groups_reach_the_database_before_the_revision_that_is_staged(void **state)
{
	static const struct {
		const char *fails, *calls, *groups;
	} cases[] = {
		{ NULL, "keep:1 stage:1", "[\"new\"]" },
		{ "keep:1", "keep:1", "[\"old\"]" },
		{ "stage:1", "keep:1 stage:1", "[\"new\"]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_live *live = live_of(1, 9, 50);
		struct sp_live *next = sp_live_copy(live, (const char *const[]){ "new" }, 1);
		struct sp_people *people = people_of(&live, 1);
		struct sp_change change = { .kind = SP_CHANGE_GROUPS, .live = live, .next = next };

		assert_int_equal(change_with(people, &change, cases[i].fails, -ENOSPC),
				 cases[i].fails ? -ENOSPC : 0);
		assert_calls(cases[i].calls);
		assert_string_equal(live->row.groups, cases[i].groups);
		sp_live_free(next);
		people_free(people);
	}
}

/* ---- taken: the kernel first, of all, then what is slow ---- */

static bool is_anybody(const void *arg, const struct sp_live *live)
{
	(void)arg;
	(void)live;
	return true;
}

static void the_kernel_ends_everybody_meant_before_anything_slow(void **state)
{
	static const struct {
		const char *fails;
		int r;
	} cases[] = {
		{ NULL, 0 }, { "end:1", -EIO }, { "end:4", -EIO }, { "close:1(revoked)", 0 }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_live *lives[] = { live_of(1, 1, 50), live_of(2, 2, 51), live_of(3, 3, 52),
					    live_of(4, 4, 53) };
		struct sp_people *people = people_of(lives, 4);
		struct sp_change change = { .kind = SP_CHANGE_END,
					    .is_meant = is_anybody,
					    .why = "revoked" };
		int r = cases[i].r;

		lives[1]->state = SP_LIVE_ENDED;
		lives[3]->state = SP_LIVE_PARKED; /* its end is on record already */
		lives[3]->row.closed_ns = 1;
		assert_int_equal(change_with(people, &change, cases[i].fails, r ? r : -ENOSPC), r);
		assert_calls(
			"end:1 end:3 end:4 close:1(revoked) session-close:1(revoked) over:1 peer "
			"close:3(revoked) session-close:3(revoked) over:3 peer "
			"close:4(revoked) over:4 peer");
		assert_int_equal(change.count, 3);
		for (int j = 0; j < 4; j++)
			assert_int_equal(lives[j]->state, SP_LIVE_ENDED);
		people_free(people);
	}
}

static void a_deadline_is_for_good_before_it_is_kept(void **state)
{
	static const char *const failures[] = { NULL, "close:1(expired)" };

	(void)state;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		struct sp_live *live = live_of(1, 9, 50);
		struct sp_people *people = people_of(&live, 1);
		struct sp_change change = { .kind = SP_CHANGE_PARK,
					    .live = live,
					    .why = "expired",
					    .since_ns = 1000000000 };

		assert_int_equal(change_with(people, &change, failures[i], -ENOSPC), 0);
		assert_calls("park:1 close:1(expired) session-close:1(expired) peer");
		assert_int_equal(live->state, SP_LIVE_PARKED);
		assert_int_equal(live->until_ns, 61000000000);
		people_free(people);
	}
}

static void a_forgotten_session_frees_its_slot_and_the_addresses_that_nobody_took(void **state)
{
	struct sp_live *lives[] = { live_of(1, 9, 50), live_of(2, 9, 51) };
	struct sp_people *people = people_of(lives, 2);
	struct sp_change older = { .kind = SP_CHANGE_FORGET, .live = lives[0] };
	struct sp_change newer = { .kind = SP_CHANGE_FORGET, .live = lives[1] };

	(void)state;
	assert_int_equal(change_with(people, &older, NULL, 0), 0);
	assert_calls("end:1 peer"); /* the addresses are the newer one's */
	assert_null(people->slots[1]);
	assert_int_equal(change_with(people, &newer, NULL, 0), 0);
	assert_calls("free4 free6 end:2 peer");
	people_free(people);
}

/* ---- at start ---- */

static void recovery_puts_back_what_the_kernel_does_not_know(void **state)
{
	static const struct {
		enum sp_live_state state;
		bool is_fresh;
		const char *calls;
	} cases[] = {
		{ SP_LIVE_OPEN, true, "put:1 ident4:1 ident6:1" },
		{ SP_LIVE_PARKED, true, "put:1 ident4:1 ident6:1" },
		{ SP_LIVE_ENDED, true, "end:1 ident4:1 ident6:1" },
		{ SP_LIVE_OPEN, false, "ident4:1 ident6:1" },
		{ SP_LIVE_ENDED, false, "end:1 ident4:1 ident6:1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_live *live = live_of(1, 9, 50);
		struct sp_people *people = people_of(&live, 1);
		struct sp_change change = { .kind = SP_CHANGE_RESTORE,
					    .live = live,
					    .is_fresh_plane = cases[i].is_fresh };

		live->state = cases[i].state;
		assert_int_equal(change_with(people, &change, NULL, 0), 0);
		assert_calls(cases[i].calls);
		assert_int_equal(fake->sessions[1].is_parked, cases[i].state == SP_LIVE_PARKED);
		/* where it stands is for the revision that follows */
		assert_int_equal(fake->sessions[1].count, 0);
		people_free(people);
	}
}

/* ---- the engine, which may be away ---- */

static void who_changed_is_noted_until_the_engine_asks(void **state)
{
	struct sp_live *live = live_of(1, 9, 50);
	struct sp_people *people = people_of(&live, 1);
	struct sp_people_changes changes;

	(void)state;
	assert_int_equal(sp_session_end(people, live, "revoked", NULL), 0);
	sp_people_take_changes(people, &changes);
	assert_int_equal(changes.count, 1);
	assert_false(changes.is_all);
	assert_memory_equal(changes.keys[0].bytes, KEY(people, 1), 32);
	sp_people_take_changes(people, &changes);
	assert_int_equal(changes.count, 0);
	for (int i = 0; i <= SP_CHANGES_MAX; i++)
		sp_people_changed(people, KEY(people, 1));
	sp_people_take_changes(people, &changes);
	assert_true(changes.is_all); /* more than are named: all are compared */
	sp_people_changed(people, NULL);
	sp_people_take_changes(people, &changes);
	assert_true(changes.is_all);
	people_free(people);
}

/* ---- roles ---- */

static struct sp_policy *policy_of(const char *roles)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_policy *policy = NULL;
	char text[512];

	snprintf(text, sizeof(text),
		 "sallyport: 1\nroles:\n%snetworks: { git: 10.30.2.9 }\n"
		 "rules:\n  - { name: r, allow: {from: any, to: git} }\n",
		 roles);
	assert_int_equal(sp_policy_load("policy.yaml", text, strlen(text), &policy, &diagnostics),
			 0);
	sp_diagnostics_done(&diagnostics);
	return policy;
}

static size_t role_count_of(const struct sp_live *live, const struct sp_policy *policy)
{
	struct sp_identity identity;
	uint32_t *roles = NULL;

	assert_int_equal(sp_live_identity(live, policy, 0, &identity, &roles), 0);
	free(roles);
	return identity.role_count;
}

static void roles_are_matched_once_a_policy(void **state)
{
	struct sp_policy *policy = policy_of("  eng: { match: [ {idp: corp, group: new} ] }\n");
	struct sp_policy *other = policy_of("  a: { match: [ {idp: corp, group: new} ] }\n"
					    "  b: { match: [ {idp: corp, group: new} ] }\n");
	struct sp_live *live = live_of(1, 9, 50);
	struct sp_live *next = sp_live_copy(live, (const char *const[]){ "new" }, 1);
	struct sp_people *people = people_of(&live, 1);
	struct sp_change change = { .kind = SP_CHANGE_GROUPS, .live = live, .next = next };

	(void)state;
	matches = 0;
	assert_int_equal(sp_live_set_roles(live, policy, NULL, 0), 0);
	assert_int_equal(role_count_of(live, policy), 0);
	assert_int_equal(matches, 0);
	assert_int_equal(sp_live_set_roles(next, policy, (const uint32_t[]){ 0 }, 1), 0);
	assert_string_equal(next->row.roles, "[\"eng\"]");
	assert_string_equal(next->row.groups, "[\"new\"]");
	assert_int_equal(change_with(people, &change, NULL, 0), 0);
	assert_int_equal(role_count_of(live, policy), 1); /* by the groups it has now */
	assert_int_equal(role_count_of(next, policy), 0);
	assert_int_equal(matches, 0);
	assert_int_equal(role_count_of(live, other), 2); /* of another policy nothing is known */
	assert_int_equal(matches, 1);
	sp_live_free(next);
	people_free(people);
	sp_policy_free(policy);
	sp_policy_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_sign_in_is_in_the_database_before_the_kernel_and_ends_where_that_fails),
		cmocka_unit_test(who_was_there_before_ends_once_the_new_session_is_in_the_kernel),
		cmocka_unit_test(what_the_kernel_refuses_takes_nothing_from_who_was_there_before),
		cmocka_unit_test(a_new_device_and_its_first_session_are_kept_together_or_neither),
		cmocka_unit_test(
			a_sign_in_proves_the_device_in_the_transaction_that_keeps_its_session),
		cmocka_unit_test(a_proof_counts_once_the_database_has_it_and_is_kept_once),
		cmocka_unit_test(a_device_that_the_database_does_not_take_is_nobody_s),
		cmocka_unit_test(
			a_removed_device_s_sessions_end_in_the_kernel_before_anything_slow),
		cmocka_unit_test(limits_are_given_by_the_database_and_taken_by_the_kernel),
		cmocka_unit_test(limits_that_nobody_asked_to_be_told_of_are_not_on_record),
		cmocka_unit_test(
			other_groups_reach_the_database_before_the_revision_that_is_staged),
		cmocka_unit_test(the_kernel_ends_everybody_meant_before_anything_slow),
		cmocka_unit_test(a_deadline_is_for_good_before_it_is_kept),
		cmocka_unit_test(
			a_forgotten_session_frees_its_slot_and_the_addresses_that_nobody_took),
		cmocka_unit_test(recovery_puts_back_what_the_kernel_does_not_know),
		cmocka_unit_test(roles_are_matched_once_a_policy),
		cmocka_unit_test(who_changed_is_noted_until_the_engine_asks),
	};

	int failed;

	fake = fake_plane_new();
	if (!fake)
		return 1;
	failed = cmocka_run_group_tests_name("change", tests, NULL, NULL);
	fake_plane_free(fake);
	return failed;
}
