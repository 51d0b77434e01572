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

/* What a person was refused lately, to be told to them. */
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

/* By its public key. NULL: no device has it. */
struct sp_device *sp_device_find(const struct sp_people *people, const uint8_t key[32]);
/* `KEY`, `user/name`, or a name that only one has. -ENOENT; -EEXIST several. */
int sp_device_lookup(const struct sp_people *people, const char *text,
		     struct sp_device **ret_device);

/* Read the database and reconcile it with the kernel. @is_fresh_store: the database was made now,
 * so whoever the kernel still knows cannot be named and is ended. */
int sp_people_load(struct sp_people *people, bool is_fresh_store);
/* Free every session and device in memory. The database and the kernel keep theirs. */
void sp_people_done(struct sp_people *people);
/* The engine is to be told of the device with this key; NULL: of every one. */
void sp_people_changed(struct sp_people *people, const uint8_t key[32]);
/* What changed since the last call. */
void sp_people_take_changes(struct sp_people *people, struct sp_people_changes *ret_changes);
/* Once a second: deadlines, silence, lingering. */
void sp_people_tick(struct sp_people *people);
/* The wall clock was set: project every deadline again. */
void sp_people_reproject(struct sp_people *people);
/* How far sessions and devices have followed a policy that came into force. Zeroed: not at all. */
struct sp_follow {
	uint32_t slot;     /* of the session looked at last */
	bool has_sessions; /* all are through */
	bool is_among_devices;
	size_t device_count;         /* that are left: the first ones */
	bool has_opened, lacks_room; /* sessions of machines */
};

/* After a policy came into force: roles of all; those left without one end, and are listed in @lost
 * unless it is NULL. Works until @until_ns (boot time) or a little longer. Returns whether some are
 * left: to be called again. */
bool sp_people_follow_policy(struct sp_people *people, struct sp_follow *follow, uint64_t until_ns,
			     json_t *lost);

/* ---- sessions.c ---- */

struct sp_sign_in {
	const char *idp; /* NULL: a machine */
	const char *subject, *user;
	const char *const *groups;
	size_t group_count;
	const uint8_t *public_key;     /* NULL: a device the person has */
	const char *device_name;       /* NULL: the only one */
	const char *challenge, *proof; /* that they have the private key; NULL both: not shown */
	int64_t max_s, idle_s;         /* 0: never, any; SP_BY_ROLES */
	const char *refresh;           /* of the portal, sealed; NULL: none */
	const struct sp_addr *from;    /* where the person is, for the record; NULL: not known */
	const char *by;                /* who asked for it */
	bool is_asked_again;           /* after -EAGAIN, which is a refusal now */
};
#define SP_BY_ROLES (-1)

/* Open a session (replacing the device's). Returns 0; -EAGAIN the revision that runs has no room
 * for it: nothing was done, make a new one and ask again; -errno with @refusal filled and
 * recorded. */
int sp_session_open(struct sp_people *people, const struct sp_sign_in *sign_in,
		    struct sp_live **ret_live, struct sp_refusal *refusal);
/* @max_s from now, or SP_BY_ROLES. -ENOENT: by roles, but no policy runs. */
int sp_session_extend(struct sp_people *people, struct sp_live *live, int64_t max_s, const char *by,
		      const struct sp_addr *from);
/* After a policy came into force: sp_people_follow_policy; then a person loses a device whose key a
 * role names, since it is a machine's, whoever was there first; then machines whose key has a role
 * again get their session. Takes some ms at the most. Returns whether some are left: to be called
 * again in another round of the loop. */
bool sp_sessions_follow_policy(struct sp_people *people, struct sp_follow *follow, json_t *lost);
/* All have followed. True: another revision is wanted, which has room for the rest of the
 * machines. */
bool sp_follow_wants_room(const struct sp_follow *follow);
/* What the provider says of a person now. */
struct sp_news {
	const char *const *groups; /* NULL: nothing new */
	size_t group_count;
	const char *refresh; /* NULL: no change */
	const char *by;
	bool is_asked_again; /* after -EAGAIN, which ends the session now */
};
/* Let it take effect, for live flows too, before this returns. *@ret_live: @live, or with other
 * roles the session that took its place. On failure @refusal is filled and the session has ended:
 * without a role, or because its new roles could not be put in force (but: -ENOENT, no policy runs,
 * and -EAGAIN, the revision that runs has no room for them, make a new one and ask again, change
 * nothing). */
int sp_session_update(struct sp_people *people, struct sp_live *live, const struct sp_news *news,
		      struct sp_live **ret_live, struct sp_refusal *refusal);
/* No later than @within_s from now, and parked then with @why (one of sp_session_is_ending) on
 * record, also when nobody says more; an end that is earlier already stays. 0; -errno. */
int sp_session_end_early(struct sp_people *people, struct sp_live *live, int64_t within_s,
			 const char *why);
/* Take an early end back: the session ends when it would have. Returns 0; -errno. */
int sp_session_end_in_time(struct sp_people *people, struct sp_live *live);
/* Whether @why is a word for an early end: unconfirmed, refresh-lost, other-subject. */
bool sp_session_is_ending(const char *why);
/* Is a session that ended for @why parked, so that its person may sign in again from the tunnel? */
bool sp_session_parks(const char *why);
/* Note whether the session is unused so far: nothing of its person has passed. Called when @live
 * was opened or read back from the kernel. Machines, and sessions whose lengths an administrator
 * set, are never noted: they do not end as `unused`. */
void sp_session_await(struct sp_live *live);
/* @handshake_ns: UTC of a handshake by the session's device. One after the opening means that the
 * session is used: the kernel's last_seen moves by one second, so that a restart of this process
 * does not take the session for unused. */
void sp_session_meet(struct sp_people *people, struct sp_live *live, int64_t handshake_ns);
/* Roles by a policy, which are matched unless sp_live_set_roles had them of it; the identity
 * borrows from @live and @ret_roles (malloc'ed). */
int sp_live_identity(const struct sp_live *live, const struct sp_policy *policy,
		     struct sp_identity *ret_identity, uint32_t **ret_roles);
/* Of a row of the database, which is taken. NULL: its lists are damaged, or there is no memory. */
struct sp_live *sp_live_new(struct sp_session_row *row);
/* Of a person who signs in with @groups: @row, which is taken, has neither groups nor roles yet.
 * NULL: no memory. */
struct sp_live *sp_live_make(struct sp_session_row *row, const char *const *groups,
			     size_t group_count);
/* The same person with other groups and no roles yet; same id, slot and epoch still. NULL: no
 * memory. */
struct sp_live *sp_live_copy(const struct sp_live *live, const char *const *groups,
			     size_t group_count);
/* Shorten the session to @span. Never lengthens it, and leaves limits that an administrator set.
 * Returns true if its deadline or its idle limit changed. */
bool sp_live_shorten(struct sp_live *live, const struct sp_session_span *span);
/* NULL is allowed. */
void sp_live_free(struct sp_live *live);
/* Whether its roles are those that @policy gives it: not yet, right after another came into force. */
bool sp_live_follows(const struct sp_live *live, const struct sp_policy *policy);
/* These roles, indices of @policy, are what the session has. 0; -ENOMEM, and it has those of
 * before. */
int sp_live_set_roles(struct sp_live *live, const struct sp_policy *policy, const uint32_t *roles,
		      size_t count);

/* ---- devices.c ---- */

struct sp_enrolment {
	const uint8_t *public_key;
	const char *name;
	const char *user, *idp, *subject; /* NULL all three: a machine */
	bool is_proven;
};

#define SP_DEVICES_MAX 16 /* of a person; until roles have max-devices */

/* A device with addresses and a pre-shared key of its own, which nobody knows of yet: to be kept by
 * the change that opens its first session. The caller frees it with sp_device_free. Returns 0;
 * -errno with @refusal. */
int sp_device_make(struct sp_people *people, const struct sp_enrolment *enrolment,
		   struct sp_device **ret_device, struct sp_refusal *refusal);
/* The same, and kept before it has a session; *@ret_device is people's. Returns 0; -errno with
 * @refusal. */
int sp_device_enrol(struct sp_people *people, const struct sp_enrolment *enrolment,
		    struct sp_device **ret_device, struct sp_refusal *refusal);
/* Keep in the database that the device's holder has the private key, and log it. @how names what
 * showed it. */
void sp_device_prove(struct sp_people *people, struct sp_device *device, const char *how);
/* Free a device that is not people's. NULL is allowed. */
void sp_device_free(struct sp_device *device);
/* End its sessions (their record says @why, @by), forget it and free it. Returns 0; -errno with
 * @refusal: the kernel did not take the end of a session, or the database did not forget the
 * device, which is then still known. */
int sp_device_remove(struct sp_people *people, struct sp_device *device, const char *why,
		     const char *by, struct sp_refusal *refusal);
/* The same, with a login-refused record of its own: somebody else has the better claim to its key.
 * What fails is said in the log. */
void sp_device_lose(struct sp_people *people, struct sp_device *device,
		    enum sp_refusal_reason reason, const char *message, const char *by);
/* If a role names the key of @device, which a person holds, the person loses it. @lost: as
 * above. */
void sp_device_follow_policy(struct sp_people *people, struct sp_device *device, json_t *lost);
/* May a person hold @key? -EPERM with @refusal: a role of the running policy names it as a
 * machine's. */
int sp_device_check_key(const struct sp_people *people, const uint8_t key[32],
			struct sp_refusal *refusal);

#endif
