/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Devices and sessions as the daemon knows them: the database's rows in memory, in step with the
 * kernel's session array and identities. What a rule sees of a person starts here.
 *
 * A session is open; then parked (its deadline passed: the kernel says `expired`, its peer stays
 * for vpn.parked) or ended (epoch 0 in the kernel; its peer goes within seconds: farewell.h). An
 * ended one lingers until its addresses may be another person's, so that a late packet still has a
 * name; then it is forgotten and its slot is free. */
#ifndef SALLYPORT_DAEMON_PEOPLE_H
#define SALLYPORT_DAEMON_PEOPLE_H

#include <jansson.h>

#include "audit/record.h"
#include "daemon/people/refusal.h"
#include "daemon/store/store.h"
#include "io/wireguard/wg_key.h"
#include "policy/model.h"

struct sp_host;
struct sp_plane;
struct sp_machine;
struct sp_people;
struct sp_refusal;
struct sp_revisions;
struct sp_sign_in;
struct sp_warnings;

#define SP_SLOTS 65536u /* that we can remember; slot 0 is no session */
#define SP_LINGER_NS (600 * 1000000000ll)

enum sp_live_state { SP_LIVE_OPEN, SP_LIVE_PARKED, SP_LIVE_ENDED };

#define SP_DENIALS_KEPT 4

/* The last refusals of a person, which the person is told. */
struct sp_denial {
	int64_t time_ns; /* UTC; 0: none */
	struct sp_addr destination;
	int proto;
	uint16_t port;
	uint32_t rule; /* SP_RULE_DEFAULT: none allowed it */
};

struct sp_live {
	struct sp_session_row row;
	char **groups;
	size_t group_count;
	char **roles; /* by the running policy */
	size_t role_count;
	/* the same as indices: they hold for the policy of this generation and for no other */
	struct {
		uint32_t *roles; /* NULL: not matched yet */
		size_t count;
		uint8_t generation[32];
	} matched;
	/* the same number in every session of one person: the epoch of the first of them, which is
	 * nobody else's; 0: a machine's, or not known yet */
	uint64_t person;
	enum sp_live_state state;
	int64_t until_ns; /* parked or ended: UTC until when */
	/* ended: UTC until when its peer stays, to be told so; 0: it has none */
	int64_t peer_until_ns;
	uint64_t last_seen_ns; /* boot time, as last read from the kernel */
	/* last_seen_ns as it was at the opening, as long as the session is unused; else 0 */
	uint64_t awaited_ns;
	struct sp_denial denials[SP_DENIALS_KEPT]; /* the newest first */
};

/* Whom people tell what became of a session: the parts above them. */
struct sp_people_outside {
	void *arg;
	/* On record: @event of the session. @why, @by, @from: NULL, there is nothing to say. */
	void (*record)(void *arg, enum sp_audit_event event, const struct sp_live *live,
		       const char *why, const char *by, const struct sp_addr *from);
	/* All connections of the session are over. */
	void (*over)(void *arg, const struct sp_live *live);
	/* Over are the connections denied since @since_ns (boot time). */
	void (*denied)(void *arg, uint64_t since_ns);
	/* Is the answer to a challenge right, by which a sign-in shows to have the private key? 0;
	 * -EACCES @refusal. */
	int (*check_proof)(void *arg, const struct sp_sign_in *sign_in, struct sp_refusal *refusal);
	/* Record that a person was refused, or has to give up a device. */
	void (*refused)(void *arg, struct sp_audit_record *record);
	/* Is it the gateway's own tunnel key? */
	bool (*is_own_key)(void *arg, const uint8_t key[32]);
	/* A key has a new holder: handshakes of the former holder do not count for the new one. */
	void (*forget_peer)(void *arg, const uint8_t key[32]);
	/* Take in the handshakes since the engine was last asked. Returns false: the engine is
	 * away. */
	bool (*take_handshakes)(void *arg);
	/* UTC of the last handshake that is known of the device with this key; 0: of none. */
	int64_t (*find_handshake)(void *arg, const uint8_t key[32]);
	/* `changes` has something new. */
	void (*changed)(void *arg);
	/* Tests: a step of a change is made, after which a crash leaves another state behind. */
	void (*passed)(void *arg, const char *step);
};

#define SP_CHANGES_MAX 256

/* Devices whose sessions changed, until the engine is told. */
struct sp_people_changes {
	struct sp_wg_key keys[SP_CHANGES_MAX];
	size_t count;
	bool is_all; /* too many to name, or never told: compare everything */
};

struct sp_people {
	/* what they stand on, lent by the daemon */
	struct sp_store *store;
	struct sp_plane *plane;
	struct sp_revisions *revisions;
	struct sp_machine *const *machine; /* sallyport.yaml as it is now */
	const struct sp_host *host;
	struct sp_warnings *warnings;
	struct sp_people_outside outside;

	struct sp_people_changes changes;
	struct sp_device **devices;
	size_t device_count;
	struct sp_live *slots[SP_SLOTS];
	uint32_t slot_end; /* slots at and beyond were never used since start */
	uint32_t next_slot;
	uint64_t birth;       /* of the plane */
	uint64_t room_due_ns; /* boot time: when it is next seen how much is left */
};

/* Sessions' slots are from 1 to below this: what we can remember and the plane can hold. */
uint32_t sp_people_slot_limit(const struct sp_people *people);
/* Walk every session known: for (live = …next(people, NULL); live; live = …next(people, live)).
 */
struct sp_live *sp_live_next(const struct sp_people *people, const struct sp_live *live);
/* By the id that people see. NULL: no session known has it. */
struct sp_live *sp_live_find(const struct sp_people *people, uint64_t id);
/* By kernel number and epoch; NULL when it is not (any more) known. */
struct sp_live *sp_live_of(const struct sp_people *people, uint32_t slot, uint64_t epoch);
/* The newest session of an address, whatever its state. */
struct sp_live *sp_live_of_address(const struct sp_people *people, const struct sp_addr *addr);
/* Whose name it is, when people of two providers have it and one is signed in or parked at each (a
 * machine's is ""): *@ret_idps are borrowed. False: nobody's, or one person's. */
bool sp_people_share_name(const struct sp_people *people, const char *user,
			  const char *ret_idps[2]);
/* The session of the device with this key: the open one, else the parked one, else NULL. */
struct sp_live *sp_live_of_device(const struct sp_people *people, const uint8_t key[32]);

/* Free every session and device in memory. The database and the kernel keep theirs. */
void sp_people_done(struct sp_people *people);
/* Note that the engine has to be told of the device with this key. NULL: of every device. */
void sp_people_changed(struct sp_people *people, const uint8_t key[32]);
/* Take the changes that were noted since the last call. */
void sp_people_take_changes(struct sp_people *people, struct sp_people_changes *ret_changes);

/* ---- device.c ---- */

/* The device with this public key, borrowed. NULL: no device has it. */
struct sp_device *sp_device_find(const struct sp_people *people, const uint8_t key[32]);
/* Find the device that @text names: by its key in base64, by `user/name`, or by a name that only
 * one device has. *@ret_device is borrowed. Returns 0; -ENOENT; -EEXIST several have the name. */
int sp_device_lookup(const struct sp_people *people, const char *text,
		     struct sp_device **ret_device);
/* Free a device in memory. NULL is allowed. */
void sp_device_free(struct sp_device *device);

/* ---- live.c ---- */

/* Give a session that has an epoch the number of its person, unless it has one. */
void sp_live_number_person(const struct sp_people *people, struct sp_live *live);
/* Whose session it is, as roles ask. Everything is borrowed from @live. */
struct sp_person sp_live_person(const struct sp_live *live);
/* What @policy sees of the session's person at @now_s (Unix time), when some of the roles may have
 * expired. They are matched anew unless sp_live_set_roles gave @live those of @policy. *@ret_identity borrows from @live and from *@ret_roles, which the
 * caller frees. Returns 0; -ENOMEM. */
int sp_live_identity(const struct sp_live *live, const struct sp_policy *policy, int64_t now_s,
		     struct sp_identity *ret_identity, uint32_t **ret_roles);
/* A session of a row of the database, which is taken. NULL: the row's lists are damaged, or there
 * is no memory. */
struct sp_live *sp_live_new(struct sp_session_row *row);
/* A session of a person who signs in with @groups. @row, which is taken, has neither groups nor
 * roles yet. NULL: no memory. */
struct sp_live *sp_live_make(struct sp_session_row *row, const char *const *groups,
			     size_t group_count);
/* A copy of @live with other groups and no roles yet. Id, slot and epoch are those of @live. NULL:
 * no memory. */
struct sp_live *sp_live_copy(const struct sp_live *live, const char *const *groups,
			     size_t group_count);
/* Shorten the session to @span. Never lengthens it, and leaves limits that an administrator set,
 * unless a role expires before. A machine's ends when @span says, and not before.
 * Returns true if its deadline or its idle limit changed. */
bool sp_live_shorten(struct sp_live *live, const struct sp_session_span *span);
/* Free a session in memory. NULL is allowed. */
void sp_live_free(struct sp_live *live);
/* Give the session these roles, which are indices of @policy. Returns 0; -ENOMEM: the session keeps
 * the roles it had. */
int sp_live_set_roles(struct sp_live *live, const struct sp_policy *policy, const uint32_t *roles,
		      size_t count);

#endif
