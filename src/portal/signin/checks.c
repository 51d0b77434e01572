/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/signin/checks.h"

#include <errno.h>

#define KNOWN_IN_ROW 3u /* then an unknown client, so that known people cannot shut strangers out */

static int line_init(struct sp_checks_line *line)
{
	line->last = &line->first;
	return sp_shares_init(&line->shares, SP_CHECKS_LINE_MAX);
}

static void line_done(struct sp_checks_line *line)
{
	while (line->first) {
		struct sp_password_check *check = line->first;

		line->first = check->next;
		sp_password_check_free(check);
	}
	sp_shares_done(&line->shares);
}

int sp_checks_init(struct sp_checks *checks)
{
	*checks = (struct sp_checks){ 0 };
	if (line_init(&checks->known) < 0 || line_init(&checks->strangers) < 0) {
		sp_checks_done(checks);
		return -ENOMEM;
	}
	return 0;
}

void sp_checks_done(struct sp_checks *checks)
{
	line_done(&checks->known);
	line_done(&checks->strangers);
}

/* How many places of the line one address may have: a quarter of the free ones, and always one. */
static size_t share_of(const struct sp_checks_line *line)
{
	const size_t part = (SP_CHECKS_LINE_MAX - line->count) / 4;

	return part ? part : 1;
}

int sp_checks_put(struct sp_checks *checks, struct sp_password_check *check)
{
	struct sp_checks_line *line = check->is_known ? &checks->known : &checks->strangers;

	if (line->count == SP_CHECKS_LINE_MAX ||
	    sp_shares_weight_of(&line->shares, &check->from) >= share_of(line))
		return -EBUSY;
	check->holding = sp_shares_take(&line->shares, &check->from);
	check->next = NULL;
	*line->last = check;
	line->last = &check->next;
	line->count++;
	return 0;
}

static struct sp_checks_line *choose(struct sp_checks *checks)
{
	const bool is_strangers_turn =
		checks->known_in_row >= KNOWN_IN_ROW && checks->strangers.first;

	return checks->known.first && !is_strangers_turn ? &checks->known : &checks->strangers;
}

struct sp_password_check *sp_checks_take(struct sp_checks *checks)
{
	struct sp_checks_line *line = choose(checks);
	struct sp_password_check *check = line->first;

	if (!check ||
	    (checks->in_hand_kib && checks->in_hand_kib + check->cost_kib > SP_CHECKS_MEMORY_KIB))
		return NULL;
	checks->known_in_row = line == &checks->known ? checks->known_in_row + 1 : 0;
	line->first = check->next;
	if (!line->first)
		line->last = &line->first;
	line->count--;
	sp_shares_drop(&line->shares, &check->holding);
	checks->in_hand_kib += check->cost_kib;
	return check;
}

void sp_checks_finish(struct sp_checks *checks, const struct sp_password_check *check)
{
	checks->in_hand_kib -= check->cost_kib;
}
