/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wg/tables/replay.h"

#include <string.h>

/* Move the window up to @word: clear each word above that of the greatest counter so far. */
static void advance(struct sp_wg_replay *replay, uint64_t word)
{
	uint64_t current = replay->next ? (replay->next - 1) / 64 : 0;
	uint64_t steps = word - current;

	if (steps > SP_WG_REPLAY_WORDS)
		steps = SP_WG_REPLAY_WORDS;
	for (uint64_t i = 0; i < steps; i++)
		replay->words[(word - i) % SP_WG_REPLAY_WORDS] = 0;
}

bool sp_wg_replay_accept(struct sp_wg_replay *replay, uint64_t counter, uint64_t limit)
{
	uint64_t word = counter / 64, bit = 1ull << counter % 64;
	uint64_t *slot = &replay->words[word % SP_WG_REPLAY_WORDS];

	if (counter >= limit || counter == UINT64_MAX)
		return false;
	if (counter >= replay->next) {
		advance(replay, word);
		replay->next = counter + 1;
	} else if (replay->next - counter > SP_WG_REPLAY_WINDOW || *slot & bit) {
		return false;
	}
	*slot |= bit;
	return true;
}
