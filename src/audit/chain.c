/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "audit/chain.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium/crypto_hash_sha256.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/str.h"

#define FINDINGS_MAX 1000
#define RING 256

/* A line that was fed. */
struct seen {
	const char *file;
	uint64_t line;
	uint64_t seq; /* its own number, or the number it should have if its own is wrong */
	char hash[SP_CHAIN_HEX + 1];
	char prev[SP_CHAIN_HEX + 1];
	bool is_record; /* it has the form of a record, so seq and prev have a meaning */
	bool is_bad;    /* it was found changed, so the next line need not link to it */
};

/* If a line does not link to the line before it, one of the two is wrong. Only the line after them
 * shows which one. So a break is `pending` until the next line, and `anchor` is the line before the
 * break. */
struct sp_chain_verifier {
	uint64_t fed;
	uint64_t first_seq;
	bool has_last;
	struct seen last;
	bool pending;
	struct seen anchor;
	struct seen ring[RING]; /* the accepted lines, newest at (ring_next - 1) % RING */
	uint64_t ring_next;
	const struct sp_chain_head *heads; /* heads that were noted outside of the log */
	size_t head_count;
	struct sp_chain_finding *findings;
	size_t finding_count;
	uint64_t finding_total;
	int error;
};

void sp_chain_hash(const char *line, size_t len, char ret_hex[SP_CHAIN_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, (const unsigned char *)line, len);
	for (size_t i = 0; i < sizeof(hash); i++) {
		ret_hex[2 * i] = digits[hash[i] >> 4];
		ret_hex[2 * i + 1] = digits[hash[i] & 15];
	}
	ret_hex[SP_CHAIN_HEX] = '\0';
}

int sp_chain_verifier_new(struct sp_chain_verifier **ret_verifier)
{
	struct sp_chain_verifier *verifier = calloc(1, sizeof(*verifier));

	if (!verifier)
		return -ENOMEM;
	*ret_verifier = verifier;
	return 0;
}

void sp_chain_verifier_free(struct sp_chain_verifier *verifier)
{
	if (!verifier)
		return;
	free(verifier->findings);
	free(verifier);
}

/* ---- one line ---- */

#define LINE_START "{\"v\":1,\"seq\":"
#define LINE_PREV ",\"prev\":\""
#define LINE_END "\"}"

/* Read the two fields that make the chain, from the places where the writer puts them. A line that
 * has them elsewhere is none of the writer's. */
static bool read_fields(const char *line, size_t len, struct seen *seen)
{
	const size_t start = strlen(LINE_START);
	const size_t tail = strlen(LINE_PREV) + SP_CHAIN_HEX + strlen(LINE_END);
	const char *at, *end, *prev;
	uint64_t seq = 0;

	if (len < start + tail)
		return false;
	at = line + start;
	end = line + len;
	prev = end - tail + strlen(LINE_PREV);
	if (memcmp(line, LINE_START, start) != 0 ||
	    memcmp(end - tail, LINE_PREV, strlen(LINE_PREV)) != 0 ||
	    memcmp(end - strlen(LINE_END), LINE_END, strlen(LINE_END)) != 0)
		return false;
	for (; at < end && *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(seq, 10, &seq) ||
		    __builtin_add_overflow(seq, (uint64_t)(*at - '0'), &seq))
			return false;
	if (at == line + start || *at != ',' || seq == 0)
		return false;
	for (size_t i = 0; i < SP_CHAIN_HEX; i++)
		if (!strchr("0123456789abcdef", prev[i]) || prev[i] == '\0')
			return false;
	seen->seq = seq;
	memcpy(seen->prev, prev, SP_CHAIN_HEX);
	seen->prev[SP_CHAIN_HEX] = '\0';
	return true;
}

/* ---- findings ---- */

static void report(struct sp_chain_verifier *verifier, struct sp_chain_finding found)
{
	struct sp_chain_finding *last =
		verifier->finding_count ? &verifier->findings[verifier->finding_count - 1] : NULL;
	struct sp_chain_finding *finding;

	/* Several inserted lines in a row are one finding. */
	if (last && found.kind == SP_CHAIN_INSERTED && last->kind == SP_CHAIN_INSERTED &&
	    last->file == found.file && last->line + last->count == found.line) {
		last->count += found.count;
		return;
	}
	verifier->finding_total++;
	if (verifier->finding_count == FINDINGS_MAX)
		return;
	finding = SP_ARRAY_PUSH(verifier->findings, verifier->finding_count);
	if (finding)
		*finding = found;
	else
		verifier->error = -ENOMEM;
}

static void report_at(struct sp_chain_verifier *verifier, enum sp_chain_finding_kind kind,
		      const struct seen *at, uint64_t count)
{
	report(verifier, (struct sp_chain_finding){ .kind = kind,
						    .file = at->file,
						    .line = at->line,
						    .seq = at->seq,
						    .count = count });
}

/* ---- the chain ---- */

static const struct seen *ring_at(const struct sp_chain_verifier *verifier, uint64_t back)
{
	return &verifier->ring[(verifier->ring_next - 1 - back) % RING];
}

static uint64_t ring_used(const struct sp_chain_verifier *verifier)
{
	return verifier->ring_next < RING ? verifier->ring_next : RING;
}

/* How many lines ago a line with this hash was accepted. -1: not among the last RING lines. */
static int ring_find(const struct sp_chain_verifier *verifier, const char *hash)
{
	for (uint64_t back = 0; back < ring_used(verifier); back++)
		if (strcmp(ring_at(verifier, back)->hash, hash) == 0)
			return (int)back;
	return -1;
}

static void accept(struct sp_chain_verifier *verifier, const struct seen *line)
{
	verifier->last = *line;
	verifier->has_last = true;
	verifier->ring[verifier->ring_next++ % RING] = *line;
}

static void accept_first(struct sp_chain_verifier *verifier, struct seen *line)
{
	if (!line->is_record || (line->seq == 1 && strcmp(line->prev, SP_CHAIN_GENESIS) != 0)) {
		report_at(verifier, SP_CHAIN_CHANGED, line, 0);
		line->is_bad = true;
	}
	verifier->first_seq = line->seq;
	accept(verifier, line);
}

/* Accept a line that links to the last one, or that follows a line known to be changed, to which no
 * line can link. */
static void accept_next(struct sp_chain_verifier *verifier, struct seen *line, bool is_linked)
{
	const struct seen *last = &verifier->last;
	bool is_number_known = last->seq != 0;
	uint64_t expected = last->seq + 1;

	if (is_number_known && line->seq != expected) {
		/* the line is in its right place in the chain, but has a wrong number */
		if (is_linked) {
			line->seq = expected;
			line->is_bad = true;
			report_at(verifier, SP_CHAIN_CHANGED, line, 0);
		} else if (line->seq > expected) {
			report_at(verifier, SP_CHAIN_REMOVED, line, line->seq - expected);
		} else {
			report_at(verifier, SP_CHAIN_INSERTED, line, 1);
		}
	}
	accept(verifier, line);
}

static void break_at(struct sp_chain_verifier *verifier, const struct seen *line)
{
	verifier->pending = true;
	verifier->anchor = verifier->last;
	accept(verifier, line);
}

static void judge(struct sp_chain_verifier *verifier, struct seen *line)
{
	bool is_linked = line->is_record && strcmp(line->prev, verifier->last.hash) == 0;

	if (is_linked || (line->is_record && verifier->last.is_bad))
		accept_next(verifier, line, is_linked);
	else
		break_at(verifier, line);
}

/* Report what is wrong before `last`, which the line behind it shows to be genuine. */
static void blame_before(struct sp_chain_verifier *verifier)
{
	const struct seen *anchor = &verifier->anchor, *last = &verifier->last;

	if (last->seq == anchor->seq + 1)
		report_at(verifier, SP_CHAIN_CHANGED, anchor, 0);
	else if (last->seq > anchor->seq)
		report_at(verifier, SP_CHAIN_REMOVED, last, last->seq - anchor->seq - 1);
	else
		report_at(verifier, SP_CHAIN_INSERTED, last, 1);
}

static void settle(struct sp_chain_verifier *verifier, const struct seen *line)
{
	struct seen *last = &verifier->last;

	verifier->pending = false;
	if (line->is_record && last->is_record && strcmp(line->prev, last->hash) == 0) {
		blame_before(verifier);
		return;
	}
	if (line->is_record && line->seq == verifier->anchor.seq + 1) {
		report_at(verifier, SP_CHAIN_CHANGED, &verifier->anchor, 0);
		report_at(verifier, SP_CHAIN_INSERTED, last, 1);
		last->seq = verifier->anchor.seq;
	} else {
		last->seq = verifier->anchor.seq ? verifier->anchor.seq + 1 : 0;
		report_at(verifier, SP_CHAIN_CHANGED, last, 0);
	}
	last->is_bad = true;
}

/* The line links to an earlier line: report all lines behind that one as inserted, and go on from
 * there. */
static void rewind_to(struct sp_chain_verifier *verifier, uint64_t back)
{
	report_at(verifier, SP_CHAIN_INSERTED, ring_at(verifier, back - 1), back);
	verifier->ring_next -= back;
	verifier->last = *ring_at(verifier, 0);
	verifier->pending = false;
}

void sp_chain_verifier_expect(struct sp_chain_verifier *verifier, const struct sp_chain_head *heads,
			      size_t count)
{
	verifier->heads = heads;
	verifier->head_count = count;
}

static void compare_noted(struct sp_chain_verifier *verifier, const struct seen *line)
{
	for (size_t i = 0; i < verifier->head_count; i++)
		if (verifier->heads[i].seq == line->seq &&
		    strcmp(verifier->heads[i].hash, line->hash) != 0) {
			report_at(verifier, SP_CHAIN_REWRITTEN, line, 0);
			return;
		}
}

int sp_chain_verifier_feed(struct sp_chain_verifier *verifier, const char *file,
			   uint64_t line_number, const char *line, size_t len, bool has_newline)
{
	struct seen seen = { .file = file, .line = line_number };
	int back;

	if (!has_newline) {
		seen.seq = verifier->has_last && verifier->last.seq ? verifier->last.seq + 1 : 0;
		report_at(verifier, SP_CHAIN_TRUNCATED, &seen, 0);
		return verifier->error;
	}
	verifier->fed++;
	sp_chain_hash(line, len, seen.hash);
	seen.is_record = read_fields(line, len, &seen);
	if (seen.is_record)
		compare_noted(verifier, &seen);
	if (!verifier->has_last) {
		accept_first(verifier, &seen);
		return verifier->error;
	}
	if (strcmp(seen.prev, verifier->last.hash) != 0) {
		if (ring_find(verifier, seen.hash) >= 0) { /* a copy of an earlier line */
			report_at(verifier, SP_CHAIN_INSERTED, &seen, 1);
			return verifier->error;
		}
		back = seen.is_record ? ring_find(verifier, seen.prev) : -1;
		if (back > 0)
			rewind_to(verifier, (uint64_t)back);
	}
	if (verifier->pending)
		settle(verifier, &seen);
	judge(verifier, &seen);
	return verifier->error;
}

static bool is_same_line(const struct sp_chain_head *head, const struct seen *line)
{
	return head->seq == line->seq && strcmp(head->hash, line->hash) == 0;
}

/* Settle a break at the end of the log, where no line follows that shows which side is wrong. The
 * head may show it. */
static void settle_end(struct sp_chain_verifier *verifier, const struct sp_chain_head *head)
{
	struct seen *last = &verifier->last;

	verifier->pending = false;
	if (!last->is_record) {
		last->seq = verifier->anchor.seq ? verifier->anchor.seq + 1 : 0;
		last->is_bad = true;
		report_at(verifier, SP_CHAIN_CHANGED, last, 0);
	} else if (last->seq != verifier->anchor.seq + 1 || (head && is_same_line(head, last))) {
		blame_before(verifier);
	} else {
		report(verifier, (struct sp_chain_finding){ .kind = SP_CHAIN_CHANGED,
							    .file = verifier->anchor.file,
							    .line = verifier->anchor.line,
							    .seq = verifier->anchor.seq,
							    .or_next = true });
		last->is_bad = true;
	}
}

/* Compare the log with a head that was noted. The log may have grown since, so the head is looked
 * up among the last lines. */
static void compare_head(struct sp_chain_verifier *verifier, const struct sp_chain_head *head)
{
	struct seen *last = &verifier->last;

	if (!verifier->has_last) {
		if (head->seq > 0)
			report(verifier, (struct sp_chain_finding){ .kind = SP_CHAIN_TRUNCATED,
								    .file = "",
								    .seq = 1,
								    .count = head->seq });
		return;
	}
	if (head->seq > last->seq) {
		report_at(verifier, SP_CHAIN_TRUNCATED, last, head->seq - last->seq);
		return;
	}
	for (uint64_t back = 0; back < ring_used(verifier); back++) {
		const struct seen *line = ring_at(verifier, back);

		if (line->seq != head->seq)
			continue;
		if (!line->is_bad && strcmp(line->hash, head->hash) != 0)
			report_at(verifier, SP_CHAIN_CHANGED, line, 0);
		return;
	}
}

int sp_chain_verifier_finish(struct sp_chain_verifier *verifier, const struct sp_chain_head *head)
{
	const struct sp_chain_head *noted = NULL;

	if (verifier->pending) {
		settle_end(verifier, head);
		if (verifier->last.is_bad && verifier->ring_next) /* mark the ring's copy too */
			verifier->ring[(verifier->ring_next - 1) % RING].is_bad = true;
	}
	if (head)
		compare_head(verifier, head);
	for (size_t i = 0; i < verifier->head_count; i++)
		if (!noted || verifier->heads[i].seq > noted->seq)
			noted = &verifier->heads[i];
	if (noted && noted->seq > verifier->last.seq && (!head || noted->seq > head->seq))
		compare_head(verifier, noted);
	return verifier->error;
}

size_t sp_chain_verifier_get_findings(const struct sp_chain_verifier *verifier,
				      const struct sp_chain_finding **ret_findings,
				      uint64_t *ret_total)
{
	*ret_findings = verifier->findings;
	*ret_total = verifier->finding_total;
	return verifier->finding_count;
}

uint64_t sp_chain_verifier_get_range(const struct sp_chain_verifier *verifier,
				     uint64_t *ret_first_seq, uint64_t *ret_last_seq)
{
	*ret_first_seq = verifier->first_seq;
	*ret_last_seq = verifier->last.seq;
	return verifier->fed;
}

int sp_chain_finding_format(const struct sp_chain_finding *finding, char **ret_text)
{
	__sp_buf struct sp_buf text = SP_BUF_INIT;

	if (*finding->file)
		sp_buf_printf(&text, "%s:%" PRIu64 ": ", finding->file, finding->line);
	switch (finding->kind) {
	case SP_CHAIN_CHANGED:
		sp_buf_printf(&text, "record %" PRIu64 "%s was changed", finding->seq,
			      finding->or_next ? " or the one after it" : "");
		break;
	case SP_CHAIN_REMOVED:
		sp_buf_printf(
			&text, "%" PRIu64 " record%s removed before this one (record %" PRIu64 ")",
			finding->count, finding->count == 1 ? " was" : "s were", finding->seq);
		break;
	case SP_CHAIN_INSERTED:
		if (finding->count > 1)
			sp_buf_printf(&text,
				      "this line and the %" PRIu64 " behind it were inserted",
				      finding->count - 1);
		else
			sp_buf_put(&text, "this line was inserted");
		break;
	case SP_CHAIN_REWRITTEN:
		sp_buf_printf(&text,
			      "this is not the record %" PRIu64
			      " that was noted when it was written",
			      finding->seq);
		break;
	case SP_CHAIN_TRUNCATED:
		if (finding->count == 0)
			sp_buf_put(&text, "the log ends in the middle of this line");
		else if (*finding->file)
			sp_buf_printf(&text, "the log ends here, %" PRIu64 " record%s too early",
				      finding->count, finding->count == 1 ? "" : "s");
		else
			sp_buf_printf(&text,
				      "the log is empty, it should have %" PRIu64 " record%s",
				      finding->count, finding->count == 1 ? "" : "s");
		break;
	}
	return sp_buf_take(&text, ret_text);
}
