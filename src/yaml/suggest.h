/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The known name nearest to a mistyped one. */
#ifndef SALLYPORT_YAML_SUGGEST_H
#define SALLYPORT_YAML_SUGGEST_H

#include <stddef.h>

struct sp_nearest {
	const char *word;
	size_t word_len;
	const char *best; /* NULL: nothing near enough was offered */
	unsigned distance;
};

/* @word is borrowed. The longer it is, the more slips are forgiven: none under 3 letters, 3 from
 * 9 on. */
void sp_nearest_init(struct sp_nearest *nearest, const char *word);
/* @candidate is borrowed. */
void sp_nearest_offer(struct sp_nearest *nearest, const char *candidate);

/* Insertions, deletions, substitutions and swaps of neighbours between two words, letters of
 * either case alike; @limit + 1 when there are more than @limit (at most 3). */
unsigned sp_edit_distance(const char *a, const char *b, unsigned limit);

#endif
