/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What outlives the daemon: rule numbers, generations, revisions, devices, sessions, counters that
 * are never reused. SQLite in WAL mode; only this process writes it. Times are UTC nanoseconds.
 * Every call returns 0 or -errno; -EUCLEAN: the database is damaged. sp_store_error says it in
 * words. */
#ifndef SALLYPORT_DAEMON_STORE_H
#define SALLYPORT_DAEMON_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/abi/tables.h>

#include "base/cleanup.h"
#include "policy/files.h"

struct sp_store;

/* Open or make @path. A database that cannot be read is moved aside, with its log, to the name
 * given in @ret_moved (malloc'ed, else NULL), and an empty one is made: the caller must say so and
 * let no session live on that it cannot name. @ret_is_new: it was made now. Returns 0; -errno the
 * file cannot be opened, moved or made. */
int sp_store_open(const char *path, struct sp_store **ret_store, char **ret_moved, bool *ret_is_new,
		  char error[256]);
/* NULL is allowed. An unfinished transaction is undone. */
void sp_store_close(struct sp_store *store);
static inline void sp_store_closep(struct sp_store **store)
{
	sp_store_close(*store);
}
/* The last failure in words; valid until the next call. */
const char *sp_store_error(const struct sp_store *store);

/* All or nothing. An unfinished one is undone by _cancel or by a crash. */
int sp_store_begin(struct sp_store *store);
int sp_store_commit(struct sp_store *store);
void sp_store_cancel(struct sp_store *store);

/* ---- counters and marks ---- */

/* The next epoch; starts at the wall clock's nanoseconds, so that a lost database repeats none. */
int sp_store_next_epoch(struct sp_store *store, uint64_t *ret_epoch);
/* A named number, 0 when it was never set. */
int sp_store_get_mark(struct sp_store *store, const char *name, uint64_t *ret_value);
/* Set a named number. Returns 0; -errno of the database. */
int sp_store_set_mark(struct sp_store *store, const char *name, uint64_t value);

/* ---- rule numbers ---- */

/* The number of a rule's name, given once and for good. -ENOSPC: all 16383 are used. An
 * sp_rule_number_fn with the store as its argument. */
int sp_store_rule_number(void *store, const char *name, uint32_t *ret_number);
/* malloc'ed; -ENOENT. */
int sp_store_rule_name(struct sp_store *store, uint32_t number, char **ret_name);

/* ---- generations and revisions ---- */

struct sp_store_revision {
	uint64_t number;
	uint8_t generation[32];
	int64_t time_ns;
	char *who;  /* who applied the generation */
	char *path; /* of its first file */
	uint32_t rules;
	bool is_switched;  /* it ran */
	bool is_confirmed; /* what a boot may load */
};

/* Free what it holds; empty afterwards. */
void sp_store_revision_done(struct sp_store_revision *revision);

/* Keep the files (once per generation) and the intent to run them as @number. No files: they are
 * kept, and nobody applied them anew. */
int sp_store_put_revision(struct sp_store *store, const struct sp_store_revision *revision,
			  const struct sp_file *files, size_t file_count);
/* Mark the revision: it runs, and no boot may load it yet. */
int sp_store_switch_revision(struct sp_store *store, uint64_t number);
/* Mark the revision: it runs, and a boot may load it. */
int sp_store_confirm_revision(struct sp_store *store, uint64_t number);
/* -ENOENT. */
int sp_store_get_revision(struct sp_store *store, uint64_t number,
			  struct sp_store_revision *ret_revision);
/* Read the confirmed revision with the highest number. The caller runs sp_store_revision_done.
 * -ENOENT: there is none. */
int sp_store_last_confirmed(struct sp_store *store, struct sp_store_revision *ret_revision);
/* The same of those that ran, confirmed or not. */
int sp_store_last_switched(struct sp_store *store, struct sp_store_revision *ret_revision);
/* The caller runs _done. -ENOENT: no such generation. */
int sp_store_get_files(struct sp_store *store, const uint8_t generation[32],
		       struct sp_files *ret_files);
/* A generation by the 12 hex digits shown. -ENOENT. */
int sp_store_find_generation(struct sp_store *store, const char *hex, uint8_t ret_generation[32]);

typedef int (*sp_store_revision_fn)(void *arg, const struct sp_store_revision *revision);
/* The newest revision of each apply, newest first, at most @limit. */
int sp_store_each_apply(struct sp_store *store, uint32_t limit, sp_store_revision_fn take,
			void *arg);

/* ---- devices ---- */

struct sp_device {
	uint8_t public_key[32];
	uint8_t preshared_key[32];
	char *name;
	char *user; /* machines: the device's name */
	char *idp;  /* machines: NULL, and so is the subject */
	char *subject;
	struct sp_addr addresses[2]; /* [0] IPv4, [1] IPv6 */
	bool has_address[2];
	int64_t added_ns;
	int64_t proven_ns; /* when its holder showed to have the private key; 0: not yet */
};

/* Free its strings and wipe its pre-shared key. */
void sp_device_done(struct sp_device *device);

/* -EEXIST: the key, or the name of one of this person's devices, is taken. */
int sp_store_add_device(struct sp_store *store, const struct sp_device *device);
/* Its holder has shown to have the private key. */
int sp_store_prove_device(struct sp_store *store, const uint8_t key[32], int64_t proven_ns);
/* Forget the device; its addresses go to nobody else until @until_ns. */
int sp_store_remove_device(struct sp_store *store, const struct sp_device *device,
			   int64_t until_ns);

typedef int (*sp_store_device_fn)(void *arg, struct sp_device *device); /* may take its strings */
int sp_store_each_device(struct sp_store *store, sp_store_device_fn take, void *arg);

typedef int (*sp_store_held_fn)(void *arg, const struct sp_addr *addr);
/* Addresses held back at @now_ns for others than (@idp, @subject). */
int sp_store_each_held(struct sp_store *store, int64_t now_ns, const char *idp, const char *subject,
		       sp_store_held_fn take, void *arg);

/* ---- sessions ---- */

struct sp_session_row {
	uint64_t id;   /* what people see; never used twice */
	uint32_t slot; /* its number in the kernel's array */
	uint64_t epoch;
	char *idp; /* NULL: a machine */
	char *subject;
	char *user;
	char *groups; /* JSON list */
	char *roles;  /* JSON list of names, as of the last policy */
	uint8_t public_key[32];
	char *device;
	struct sp_addr addresses[2];
	bool has_address[2];
	int64_t opened_ns;
	int64_t expires_ns;             /* 0: never */
	int64_t idle_s;                 /* 0: any */
	int64_t closed_ns;              /* 0: open */
	char *why;                      /* of the closing; NULL: open */
	int64_t since_ns;               /* opened, or extended since: what its length counts from */
	int64_t warn_s;                 /* before expires_ns */
	bool has_own_max, has_own_idle; /* given by an administrator, not by the roles */
	uint64_t replaces; /* the session it took the place of when roles changed; 0: none */
	char *refresh;     /* the portal's, sealed by it; NULL: none, or the session has ended */
	char *ending;      /* why it ends before its time (people.h); NULL: in its time */
	int64_t full_ns;   /* then: what expires_ns was; 0: never */
	uint64_t boot_ns;  /* opened, in boot time; 0: not known */
};

/* Free its strings; they are NULL afterwards. */
void sp_session_row_done(struct sp_session_row *row);

/* Gives the row its id. */
int sp_store_add_session(struct sp_store *store, struct sp_session_row *row);
/* What may change while it is open: groups, roles, lengths, refresh, an early end. */
int sp_store_change_session(struct sp_store *store, const struct sp_session_row *row);
/* Forgets its refresh, too. */
int sp_store_close_session(struct sp_store *store, uint64_t id, int64_t closed_ns, const char *why);

typedef int (*sp_store_session_fn)(void *arg,
				   struct sp_session_row *row); /* may take its strings */
/* Read the sessions that are open, or were closed at or after @since_ns, oldest first. */
int sp_store_each_session(struct sp_store *store, int64_t since_ns, sp_store_session_fn take,
			  void *arg);
/* The first of those with an id above @after_id. Returns 0, and the caller frees *@ret_row; -ENOENT:
 * there is none; -errno. */
int sp_store_next_session(struct sp_store *store, uint64_t after_id, int64_t since_ns,
			  struct sp_session_row *ret_row);
/* Find the session that had this epoch. -ENOENT: there is none. */
int sp_store_session_of_epoch(struct sp_store *store, uint64_t epoch,
			      struct sp_session_row *ret_row);
/* Forget the sessions closed, and addresses held, before @before_ns. */
int sp_store_forget(struct sp_store *store, int64_t before_ns);

/* ---- bans ---- */

struct sp_ban_row {
	struct sp_prefix prefix;
	int64_t added_ns;
	int64_t until_ns; /* 0: for good */
	char *reason;     /* NULL: none was given */
	char *who;        /* who asked for it */
};

/* Free its strings; empty afterwards. */
void sp_ban_row_done(struct sp_ban_row *row);

/* A ban of the same prefix is replaced. */
int sp_store_put_ban(struct sp_store *store, const struct sp_ban_row *row);
/* 0 also when it is not there. */
int sp_store_remove_ban(struct sp_store *store, const struct sp_prefix *prefix);
/* Forget those that are over at @now_ns. */
int sp_store_forget_bans(struct sp_store *store, int64_t now_ns);

typedef int (*sp_store_ban_fn)(void *arg, struct sp_ban_row *row); /* may take its strings */
/* By prefix. -EUCLEAN: a row is none. */
int sp_store_each_ban(struct sp_store *store, sp_store_ban_fn take, void *arg);

#endif
