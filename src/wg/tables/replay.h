/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The replay window of one receiving key: which of the last 8192 counters were seen. The bits lie
 * in a ring of words (RFC 6479), so moving the window clears whole words and shifts nothing.
 *
 * Invariant: only a counter whose message was authentic may be accepted here.
 * Source: WireGuard paper 5.4.6; RFC 6479. */
#ifndef SALLYPORT_WG_REPLAY_H
#define SALLYPORT_WG_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define SP_WG_REPLAY_WINDOW 8192
#define SP_WG_REPLAY_WORDS (SP_WG_REPLAY_WINDOW / 64 + 1) /* one more: the word being entered */

struct sp_wg_replay {
	uint64_t next; /* one above the greatest counter accepted; all zero is a fresh window */
	uint64_t words[SP_WG_REPLAY_WORDS];
};

/* True if @counter is new: not more than SP_WG_REPLAY_WINDOW below the greatest, below @limit, not
 * seen. It then counts as seen. False changes nothing. */
bool sp_wg_replay_accept(struct sp_wg_replay *replay, uint64_t counter, uint64_t limit);

#endif
