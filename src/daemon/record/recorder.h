/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The audit log's one writer: what people, administrators and this process did, and what events.c
 * makes of the plane's events. Each record goes to the log first and then to those who follow. */
#ifndef SALLYPORT_DAEMON_RECORDER_H
#define SALLYPORT_DAEMON_RECORDER_H

#include "audit/query.h"
#include "audit/record.h"
#include "daemon/record/bucket.h"
#include "io/loop/loop.h"

struct sp_audit_log;
struct sp_client;
struct sp_device;
struct sp_live;
struct sp_machine;
struct sp_paths;
struct sp_revisions;
struct sp_warnings;

/* What people and administrators did, and what senders of packets made (docs/audit.md). */
enum sp_recorder_log { SP_RECORDER_PEOPLE, SP_RECORDER_PACKETS, SP_RECORDER_FILES };

struct sp_recorder_file {
	struct sp_audit_log *log; /* NULL: it cannot be written; status says so */
	const char *path;
	char error[128]; /* of the last append that failed */
	uint64_t lost;   /* rotated away too young, not yet recorded */
	/* CLOCK_BOOTTIME, when such a record was last written; 0: never */
	uint64_t told_ns;
	/* of packets: where and when (CLOCK_BOOTTIME) audit.jsonl noted it to stand, */
	uint64_t noted_seq, noted_ns;
	unsigned int noted_rotations; /* and how often it had been rotated */
	int64_t short_since_ns;       /* since when it reaches back too little; 0: it does not */
};

#define SP_REFUSAL_ADDRESSES 256

struct sp_recorder {
	/* what it stands on, lent by the daemon */
	const struct sp_paths *paths;
	const char *gateway_name;
	struct sp_machine *const *machine; /* sallyport.yaml as it is now */
	const struct sp_revisions *revisions;
	struct sp_warnings *warnings;

	/* why, in the words of the person who asked for it; NULL: they gave none */
	const char *words;
	struct sp_recorder_file files[SP_RECORDER_FILES];
	struct sp_follower *followers;
	struct sp_bucket refusals; /* records of refused sign-ins, of all and by what their */
	struct sp_bucket refusals_of[SP_REFUSAL_ADDRESSES]; /* address hashes to */
	unsigned char refusal_key[16];
	bool has_key;
	uint64_t more_refusals; /* beyond: counted, not yet recorded */
};

struct sp_follower {
	struct sp_follower *next;
	struct sp_client *client;
	struct sp_audit_query query;
};

/* A log that cannot be opened is a warning, and tried again each second. */
void sp_recorder_open(struct sp_recorder *recorder);
/* What is due once a second beside the events: the refused sign-ins that got no record of their
 * own, how far the log reaches back, and the log's way to the disk. */
void sp_recorder_second(struct sp_recorder *recorder);
/* audit.* of sallyport.yaml, as it is now. */
void sp_recorder_set_bounds(struct sp_recorder *recorder);
void sp_recorder_close(struct sp_recorder *recorder);

/* Append, or -errno: nothing is written, try again. */
int sp_recorder_try(struct sp_recorder *recorder, const struct sp_audit_record *record);
/* Append a record of ours; gateway, revision and generation are filled in. */
void sp_recorder_append(struct sp_recorder *recorder, struct sp_audit_record *record);
/* Fill in whose record it is. @id is lent to the record. */
void sp_recorder_name_session(struct sp_audit_record *record, const struct sp_live *live,
			      char id[24]);
/* Record an event of a session. @by: who asked; NULL: nobody did. @from: where the person came
 * from; NULL. */
void sp_recorder_session(struct sp_recorder *recorder, enum sp_audit_event event,
			 const struct sp_live *live, const char *why, const char *by,
			 const struct sp_addr *from);
/* So many denials at @hook for @reason: one record, `aggregated`. @message: NULL, or what there is
 * to say. Returns 0; -errno: it is not written, try again. */
int sp_recorder_denials(struct sp_recorder *recorder, enum sp_hook hook, enum sp_reason reason,
			const struct sp_counter *counter, const char *message);
/* A sign-in that was refused. Beyond 500 of one address (IPv6: /64) and one every ten seconds, or
 * 1000 of all and one a second, they become one record a second with their number. */
void sp_recorder_refusal(struct sp_recorder *recorder, struct sp_audit_record *record);
/* A session's peer now sends from @endpoint, after @moves of them. */
void sp_recorder_roam(struct sp_recorder *recorder, const struct sp_live *live,
		      const struct sp_addr *endpoint, uint16_t port, uint64_t moves);
/* The engine dropped @packets out of a device's tunnel whose source is none of its addresses.
 * @live: its session; NULL: it has none. */
void sp_recorder_spoofed(struct sp_recorder *recorder, const struct sp_device *device,
			 const struct sp_live *live, uint64_t packets);

/* Send @client every later record that matches. Returns 0; -ENOMEM. */
int sp_recorder_follow(struct sp_recorder *recorder, struct sp_client *client,
		       const struct sp_audit_query *query);
/* @client stops following. Safe when it did not follow. */
void sp_recorder_unfollow(struct sp_recorder *recorder, const struct sp_client *client);

#endif
