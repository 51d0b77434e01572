/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "yaml/suggest.h"

#include <stdbool.h>
#include <string.h>

#define WORD_MAX 64
#define LIMIT_MAX 3u

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* The usual dynamic programme. Only the band within @limit of the diagonal is filled: row[i][j] is
 * the distance of the first i letters of @a from the first j of @b. */
unsigned sp_edit_distance(const char *a, const char *b, unsigned limit)
{
	unsigned row[3][WORD_MAX + 2];
	size_t a_len = strlen(a), b_len = strlen(b);
	const unsigned beyond = least(limit, LIMIT_MAX) + 1;

	if (a_len > WORD_MAX || b_len > WORD_MAX || a_len + beyond <= b_len ||
	    b_len + beyond <= a_len)
		return beyond;
	for (size_t j = 0; j <= b_len; j++)
		row[0][j] = least((unsigned)j, beyond);
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *now = row[i % 3], *before = row[(i - 1) % 3],
			 *two_before = row[(i + 1) % 3];
		size_t first = i > beyond ? i - beyond : 1;
		size_t last = i + beyond < b_len ? i + beyond : b_len;
		unsigned best = beyond;

		now[first - 1] = first == 1 ? least((unsigned)i, beyond) : beyond;
		for (size_t j = first; j <= last; j++) {
			bool same = lower(a[i - 1]) == lower(b[j - 1]);
			/* the band of the row before ends one element earlier: nothing is above */
			unsigned above = j < i + beyond ? before[j] : beyond;
			unsigned cost = before[j - 1] + !same;

			cost = least(cost, least(above, now[j - 1]) + 1);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				cost = least(cost, two_before[j - 2] + 1);
			now[j] = least(cost, beyond);
			best = least(best, now[j]);
		}
		if (best >= beyond && now[first - 1] >= beyond)
			return beyond;
	}
	return row[a_len % 3][b_len];
}

void sp_nearest_init(struct sp_nearest *nearest, const char *word)
{
	size_t len = strlen(word);

	*nearest = (struct sp_nearest){ .word = word, .word_len = len };
	/* allow one slip in a short word and three in a long one; with one or two letters
	 * everything is similar */
	nearest->distance = len < 3 ? 1 : len < 5 ? 2 : len < 9 ? 3 : 4;
}

void sp_nearest_offer(struct sp_nearest *nearest, const char *candidate)
{
	unsigned distance;

	if (nearest->distance == 0)
		return;
	distance = sp_edit_distance(nearest->word, candidate, nearest->distance - 1);
	if (distance < nearest->distance) {
		nearest->distance = distance;
		nearest->best = candidate;
	}
}
