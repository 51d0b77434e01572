/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hash chain of the audit log: `prev` of a line is the SHA-256 of the line before it (its bytes
 * without the newline), across files; the first line of a log has 64 zeros. And a verifier that is
 * fed line by line and says what was done to the log: which line was changed, removed, inserted or
 * cut off. No I/O.
 *
 *	struct sp_chain_verifier *verifier;
 *	sp_chain_verifier_new(&verifier);
 *	while (…a line…)
 *		sp_chain_verifier_feed(verifier, file, line_number, line, len, has_newline);
 *	sp_chain_verifier_finish(verifier, head);	where the writer says it stands, or NULL
 *	count = sp_chain_verifier_get_findings(verifier, &findings, &total);
 *						0: the log is as it was written
 *
 * What a chain alone cannot show is named in docs/audit.md: lines cut off its end, and a change to
 * its very last line, are seen only against a head kept elsewhere. Inserted lines are told from the
 * real ones up to 256 lines back.
 */
#ifndef SALLYPORT_AUDIT_CHAIN_H
#define SALLYPORT_AUDIT_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define SP_CHAIN_HEX 64
#define SP_CHAIN_GENESIS "0000000000000000000000000000000000000000000000000000000000000000"

/* SHA-256 of a line (without its newline) in lower-case hex. */
void sp_chain_hash(const char *line, size_t len, char ret_hex[SP_CHAIN_HEX + 1]);

/* Where a log stands: the number and hash of its last line. An empty log: 0 and
 * SP_CHAIN_GENESIS. */
struct sp_chain_head {
	uint64_t seq;
	char hash[SP_CHAIN_HEX + 1];
};

/* X(identifier, "name") */
#define SP_CHAIN_FINDINGS(X)                                                                       \
	X(CHANGED, "changed")     /* this line is not what was written */                          \
	X(REMOVED, "removed")     /* `count` lines are missing before this line */                 \
	X(INSERTED, "inserted")   /* this line and those behind it, `count` in all */              \
	X(REWRITTEN, "rewritten") /* another record of this number was noted elsewhere */          \
	X(TRUNCATED, "truncated") /* the log ends inside this line, or `count` lines early */

enum sp_chain_finding_kind {
#define X(id, name) SP_CHAIN_##id,
	SP_CHAIN_FINDINGS(X)
#undef X
};

struct sp_chain_finding {
	enum sp_chain_finding_kind kind;
	const char *file; /* as fed */
	uint64_t line;    /* as fed */
	uint64_t seq;     /* of that line, or the number it should have; 0: unknown */
	uint64_t count;   /* INSERTED, REMOVED, TRUNCATED: how many lines; 0: unknown */
	bool or_next;     /* CHANGED at the end of a log: this line or the one after it */
};

struct sp_chain_verifier;

int sp_chain_verifier_new(struct sp_chain_verifier **ret_verifier); /* -ENOMEM */
void sp_chain_verifier_free(struct sp_chain_verifier *verifier);
SP_DEFINE_CLEANUP(struct sp_chain_verifier *, sp_chain_verifier_free);

/* Heads the log had, noted elsewhere (@heads is read while lines are fed, in any order): a line of
 * such a number is that line, and the log reaches as far as they do. Lines that are gone with the
 * oldest files are not missed. */
void sp_chain_verifier_expect(struct sp_chain_verifier *verifier, const struct sp_chain_head *heads,
			      size_t count);

/* Oldest first. @file outlives the verifier. The first line may have any number when older files
 * have been rotated away; number 1 must have the zeros. @has_newline false only makes sense for the
 * last line: it is torn.
 * Returns 0, whatever was found; -ENOMEM.
 */
int sp_chain_verifier_feed(struct sp_chain_verifier *verifier, const char *file,
			   uint64_t line_number, const char *line, size_t len, bool has_newline);

/* @head: where the writer says the log ends; NULL: not known. Returns 0 or -ENOMEM. */
int sp_chain_verifier_finish(struct sp_chain_verifier *verifier, const struct sp_chain_head *head);

/* Borrow what was found, in the order of the lines. At most 1000 are kept; @ret_count counts all of
 * them. */
size_t sp_chain_verifier_get_findings(const struct sp_chain_verifier *verifier,
				      const struct sp_chain_finding **ret_findings,
				      uint64_t *ret_total);

/* Lines fed so far; the first and the last number among them. */
uint64_t sp_chain_verifier_get_range(const struct sp_chain_verifier *verifier,
				     uint64_t *ret_first_seq, uint64_t *ret_last_seq);

/* "audit.jsonl:41: record 1041 was changed" and the like. Returns 0 with a malloc'ed text, or
 * -ENOMEM. */
int sp_chain_finding_format(const struct sp_chain_finding *finding, char **ret_text);

#endif
