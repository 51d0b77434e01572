/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/facts/bans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "daemon/record/recorder.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "net/addr.h"
#include "plane/plane.h"

#define AT_ONCE 4096u /* rows that are projected before others are served */

/* ---- the list ---- */

static bool is_inside(const struct sp_prefix *inner, const struct sp_prefix *outer)
{
	return sp_prefix_covers(outer, inner);
}

/* The first row at @prefix or behind it. */
static size_t place_of(const struct sp_bans *bans, const struct sp_prefix *prefix)
{
	size_t low = 0, high = bans->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (sp_prefix_compare(&bans->rows[middle]->prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct sp_bans *bans, size_t place, const struct sp_prefix *prefix)
{
	return place < bans->count && sp_prefix_compare(&bans->rows[place]->prefix, prefix) == 0;
}

const struct sp_ban_row *sp_bans_find(const struct sp_bans *bans, const struct sp_prefix *prefix)
{
	const size_t place = place_of(bans, prefix);

	return is_at(bans, place, prefix) ? bans->rows[place] : NULL;
}

const struct sp_ban_row *sp_bans_next(const struct sp_bans *bans, const struct sp_prefix *after)
{
	size_t place = 0;

	if (after) {
		place = place_of(bans, after);
		place += is_at(bans, place, after);
	}
	return place < bans->count ? bans->rows[place] : NULL;
}

static void row_free(struct sp_ban_row *row)
{
	if (!row)
		return;
	sp_ban_row_done(row);
	free(row);
}
SP_DEFINE_CLEANUP(struct sp_ban_row *, row_free);

static struct sp_ban_row *row_copy(const struct sp_ban_row *row)
{
	__sp_cleanup(row_freep) struct sp_ban_row *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return NULL;
	copy->prefix = row->prefix;
	copy->added_ns = row->added_ns;
	copy->until_ns = row->until_ns;
	copy->reason = row->reason ? strdup(row->reason) : NULL;
	copy->who = row->who ? strdup(row->who) : NULL;
	if ((row->reason && !copy->reason) || (row->who && !copy->who))
		return NULL;
	return SP_TAKE_PTR(copy);
}

/* Put @row, which is the list's own now, at its place. Returns 0; -ENOMEM. */
static int list_insert(struct sp_bans *bans, struct sp_ban_row *row)
{
	const size_t place = place_of(bans, &row->prefix);

	if (!SP_ARRAY_PUSH(bans->rows, bans->count))
		return -ENOMEM;
	memmove(bans->rows + place + 1, bans->rows + place,
		(bans->count - 1 - place) * sizeof(*bans->rows));
	bans->rows[place] = row;
	bans->of_length[row->prefix.prefix_len]++;
	bans->next += place < bans->next;
	return 0;
}

static struct sp_ban_row *list_take(struct sp_bans *bans, size_t place)
{
	struct sp_ban_row *row = bans->rows[place];

	bans->count--;
	memmove(bans->rows + place, bans->rows + place + 1,
		(bans->count - place) * sizeof(*bans->rows));
	bans->of_length[row->prefix.prefix_len]--;
	bans->next -= place < bans->next;
	return row;
}

/* ---- the plane ---- */

/* The later of two ends; 0 is never. */
static int64_t later(int64_t a_ns, int64_t b_ns)
{
	if (!a_ns || !b_ns)
		return 0;
	return a_ns > b_ns ? a_ns : b_ns;
}

/* The narrowest ban around @inner that is wider than it; NULL: none. */
static const struct sp_ban_row *find_around(const struct sp_bans *bans,
					    const struct sp_prefix *inner)
{
	struct sp_prefix outer = *inner;

	while (outer.prefix_len > 0) {
		const struct sp_ban_row *around;

		outer.prefix_len--;
		if (!bans->of_length[outer.prefix_len])
			continue;
		sp_prefix_mask(&outer);
		around = sp_bans_find(bans, &outer);
		if (around)
			return around;
	}
	return NULL;
}

const struct sp_ban_row *sp_bans_holding(const struct sp_bans *bans, const struct sp_addr *addr,
					 int64_t at_s)
{
	struct sp_prefix prefix = { .prefix_len = 128 };
	const struct sp_ban_row *row;

	memcpy(prefix.addr, addr->b, sizeof(prefix.addr));
	row = sp_bans_find(bans, &prefix);
	if (!row)
		row = find_around(bans, &prefix);
	while (row && row->until_ns && row->until_ns / SP_NS_PER_S <= at_s)
		row = find_around(bans, &row->prefix);
	return row;
}

/* When the last of the bans ends that hold @row's prefix. */
static int64_t find_end(const struct sp_bans *bans, const struct sp_ban_row *row)
{
	int64_t until_ns = row->until_ns;

	while (until_ns && (row = find_around(bans, &row->prefix)))
		until_ns = later(until_ns, row->until_ns);
	return until_ns;
}

static int project(struct sp_bans *bans, const struct sp_ban_row *row)
{
	const int64_t until_ns = find_end(bans, row);

	return sp_plane_ban_put(bans->plane, &row->prefix,
				sp_clock_utc_to_boottime_ns(until_ns, sp_clock_offset_ns()));
}

/* The rows within @outer, from @place on, whose end the one of @outer can have moved. */
static void project_inner(struct sp_bans *bans, size_t place, const struct sp_prefix *outer,
			  int64_t until_ns)
{
	for (size_t i = place; i < bans->count && is_inside(&bans->rows[i]->prefix, outer); i++) {
		const struct sp_ban_row *row = bans->rows[i];
		int r;

		if (later(row->until_ns, until_ns) == row->until_ns)
			continue;
		r = project(bans, row);
		if (r < 0)
			sp_log_error("a ban's end could not be moved: %s", sp_err_text(r));
	}
}

static void project_some(void *arg)
{
	struct sp_bans *bans = arg;

	for (unsigned n = 0; bans->next < bans->count && n < AT_ONCE; n++) {
		int r = project(bans, bans->rows[bans->next++]);

		if (r < 0)
			sp_log_error("a ban could not be projected: %s", sp_err_text(r));
	}
	if (bans->next < bans->count)
		sp_loop_in(bans->loop, &bans->again, 0);
}

/* ---- ends ---- */

static void ended(void *arg);

static void wait_for_first(struct sp_bans *bans)
{
	int64_t first_ns = 0;

	for (size_t i = 0; i < bans->count; i++) {
		const int64_t until_ns = bans->rows[i]->until_ns;

		if (until_ns && (!first_ns || until_ns < first_ns))
			first_ns = until_ns;
	}
	bans->ended.fire = ended;
	bans->ended.arg = bans;
	if (first_ns)
		sp_loop_at(bans->loop, &bans->ended,
			   sp_clock_utc_to_boottime_ns(first_ns, sp_clock_offset_ns()));
	else
		sp_loop_drop(bans->loop, &bans->ended);
}

static void record(struct sp_bans *bans, enum sp_audit_event event, const struct sp_ban_row *row,
		   const char *by)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	char text[SP_PREFIX_TEXT_MAX], message[SP_PREFIX_TEXT_MAX + SP_BAN_REASON_MAX + 8];

	sp_prefix_format(&row->prefix, text);
	snprintf(message, sizeof(message), "%s%s%s", text, row->reason ? ": " : "",
		 row->reason ? row->reason : "");
	record.event = event;
	record.by = by;
	record.message = message;
	record.has_src = true;
	memcpy(record.src.b, row->prefix.addr, sizeof(record.src.b));
	sp_recorder_append(bans->recorder, &record);
}

/* Take it out of the plane and the list. The database goes by @now. */
static int forget(struct sp_bans *bans, size_t place, const char *by)
{
	__sp_cleanup(row_freep) struct sp_ban_row *row = NULL;
	int r = sp_plane_ban_remove(bans->plane, &bans->rows[place]->prefix);

	if (r < 0)
		return r;
	row = list_take(bans, place);
	project_inner(bans, place, &row->prefix, row->until_ns);
	record(bans, SP_AUDIT_UNBAN, row, by);
	return 0;
}

static void ended(void *arg)
{
	struct sp_bans *bans = arg;
	const int64_t now_ns = sp_clock_realtime_ns();
	int r = sp_store_forget_bans(bans->store, now_ns);

	if (r < 0)
		sp_log_error("forgetting bans that are over: %s; %s", sp_err_text(r),
			     sp_store_error(bans->store));
	for (size_t i = bans->count; i-- > 0;) {
		const int64_t until_ns = bans->rows[i]->until_ns;

		if (until_ns && until_ns <= now_ns && (r = forget(bans, i, NULL)) < 0)
			sp_log_error("a ban that is over could not be taken away: %s",
				     sp_err_text(r));
	}
	if (bans->count && r < 0)
		sp_loop_in(bans->loop, &bans->ended, 60 * SP_SECOND_NS);
	else
		wait_for_first(bans);
}

void sp_bans_reproject(struct sp_bans *bans)
{
	bans->next = 0;
	bans->again.fire = project_some;
	bans->again.arg = bans;
	sp_loop_in(bans->loop, &bans->again, 0);
	wait_for_first(bans);
}

/* ---- changes ---- */

static bool is_too_wide(const struct sp_prefix *prefix)
{
	static const struct sp_prefix v4 = { .prefix_len = 96,
					     .addr = { [10] = 0xff, [11] = 0xff } };
	struct sp_prefix around = v4;

	if (sp_prefix_is_v4(prefix))
		return prefix->prefix_len < 96 + SP_BAN_SHORTEST_V4;
	/* in the 16 bytes, an IPv6 prefix around the IPv4 addresses would hold them too */
	around.prefix_len = prefix->prefix_len;
	sp_prefix_mask(&around);
	return prefix->prefix_len < SP_BAN_SHORTEST_V6 ||
	       (prefix->prefix_len <= 96 && sp_prefix_compare(&around, prefix) == 0);
}

/* The row that was there gets the other's end and texts. Returns the former end. */
static int64_t replace(struct sp_ban_row *there, struct sp_ban_row *row)
{
	const struct sp_ban_row former = *there;

	*there = *row;
	*row = former;
	return former.until_ns;
}

int sp_bans_put(struct sp_bans *bans, const struct sp_ban_row *row)
{
	const size_t place = place_of(bans, &row->prefix);
	const bool is_there = is_at(bans, place, &row->prefix);
	__sp_cleanup(row_freep) struct sp_ban_row *copy = NULL;
	int64_t former_ns = row->until_ns;
	int r;

	if (is_too_wide(&row->prefix))
		return -ERANGE;
	if (!is_there && bans->count == SP_BANS_MAX)
		return -ENOSPC;
	copy = row_copy(row);
	if (!copy)
		return -ENOMEM;
	r = project(bans, copy);
	if (r < 0)
		return r;
	if (is_there) {
		former_ns = replace(bans->rows[place], copy);
	} else {
		r = list_insert(bans, copy);
		if (r < 0) {
			sp_plane_ban_remove(bans->plane, &row->prefix);
			return r;
		}
		copy = NULL;
	}
	/* within it, ends move to the later one, or back from it */
	project_inner(bans, place + 1, &row->prefix, later(row->until_ns, former_ns));
	record(bans, SP_AUDIT_BAN, bans->rows[place], row->who);
	wait_for_first(bans);
	r = sp_store_put_ban(bans->store, row);
	if (r < 0)
		sp_log_error("keeping a ban: %s; %s", sp_err_text(r), sp_store_error(bans->store));
	return r < 0 ? -EROFS : 0;
}

int sp_bans_remove(struct sp_bans *bans, const struct sp_prefix *prefix, const char *by)
{
	const size_t place = place_of(bans, prefix);
	int r;

	if (!is_at(bans, place, prefix))
		return -ENOENT;
	r = sp_store_remove_ban(bans->store, prefix);
	if (r == 0)
		r = forget(bans, place, by);
	if (r == 0)
		wait_for_first(bans);
	return r;
}

/* ---- beginning and end ---- */

static int load_row(void *arg, struct sp_ban_row *row)
{
	struct sp_bans *bans = arg;
	__sp_cleanup(row_freep) struct sp_ban_row *copy = NULL;
	int r;

	if (is_too_wide(&row->prefix) || bans->count == SP_BANS_MAX)
		return 0; /* no hand of ours wrote it */
	copy = row_copy(row);
	r = copy ? list_insert(bans, copy) : -ENOMEM;
	if (r == 0)
		copy = NULL;
	return r;
}

/* Into the list and the database, from what the plane has. */
static int adopt(struct sp_bans *bans, const struct sp_plane_ban *there)
{
	const int64_t offset_ns = sp_clock_offset_ns();
	struct sp_ban_row row = {
		.prefix = there->prefix,
		.added_ns = sp_clock_realtime_ns(),
		.until_ns = there->until_ns ? (int64_t)there->until_ns + offset_ns : 0,
	};
	int r = sp_store_put_ban(bans->store, &row);

	return r < 0 ? r : load_row(bans, &row);
}

/* What the plane has and the database has not: it is over, or the database is new. */
static int settle_others(struct sp_bans *bans, bool is_new_store)
{
	__sp_free struct sp_plane_ban *there = NULL;
	size_t count = 0, kept = 0;
	int r = sp_plane_ban_list(bans->plane, &there, &count);

	for (size_t i = 0; i < count && r == 0; i++) {
		const bool is_over =
			there[i].until_ns && there[i].until_ns <= sp_clock_boottime_ns();

		if (sp_bans_find(bans, &there[i].prefix))
			continue;
		if (is_new_store && !is_over) {
			r = adopt(bans, &there[i]);
			kept++;
		} else {
			r = sp_plane_ban_remove(bans->plane, &there[i].prefix);
		}
	}
	if (kept && r == 0)
		sp_log_note("the database is new: %zu bans were taken from the kernel", kept);
	return r;
}

int sp_bans_load(struct sp_bans *bans, bool is_new_store)
{
	int r = sp_store_forget_bans(bans->store, sp_clock_realtime_ns());

	if (r == 0)
		r = sp_store_each_ban(bans->store, load_row, bans);
	if (r == 0)
		r = settle_others(bans, is_new_store);
	for (size_t i = 0; i < bans->count && r == 0; i++)
		r = project(bans, bans->rows[i]);
	bans->next = bans->count;
	if (r == 0)
		wait_for_first(bans);
	return r;
}

void sp_bans_done(struct sp_bans *bans)
{
	if (bans->loop) {
		sp_loop_drop(bans->loop, &bans->ended);
		sp_loop_drop(bans->loop, &bans->again);
	}
	for (size_t i = 0; i < bans->count; i++)
		row_free(bans->rows[i]);
	free(bans->rows);
	bans->rows = NULL;
	bans->count = 0;
}
