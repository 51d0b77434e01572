/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One reading of one feed: the file, and the last good copy of it, which a restart finds again. The
 * copy is replaced by a good list alone and has the file's time: so a feed is as old as the list
 * that is used. Reads and writes files, waits for the disk: for a thread beside the loop. */
#ifndef SALLYPORT_DAEMON_FEED_H
#define SALLYPORT_DAEMON_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/abi/tables.h>

#define SP_FEED_BYTES_MAX (64u << 20)

/* X(identifier, "word", "meaning"): what became of the last reading that found something new. */
#define SP_FEED_STATES(X)                                                                          \
	X(NEW, "new", "it was not read yet")                                                       \
	X(GOOD, "good", "the file is in use as it is")                                             \
	X(GONE, "gone", "the file cannot be read")                                                 \
	X(EMPTIED, "emptied", "the file holds no prefix any more")                                 \
	X(GARBAGE, "garbage", "the file is no list of networks")                                   \
	X(TOO_LARGE, "too-large", "the file is too long, or has too many prefixes")

enum sp_feed_state {
#define X(id, word, text) SP_FEED_##id,
	SP_FEED_STATES(X)
#undef X
		SP_FEED_STATE_COUNT
};

/* By what a file is known to be the same as before. */
struct sp_feed_version {
	uint64_t device, inode, size;
	int64_t modified_ns, changed_ns; /* UTC */
};

struct sp_feed_list {
	struct sp_prefix *items; /* as of sp_netset_read */
	size_t count;
	uint8_t hash[32];    /* of the items: the same list, the same hash */
	int64_t modified_ns; /* UTC, of the file it was read from */
};

/* Free the items; empty afterwards. */
void sp_feed_list_done(struct sp_feed_list *list);

struct sp_feed_reading {
	/* what is asked; the strings are the reading's own */
	char *path, *copy;
	bool is_first;                /* it was never read */
	bool has_list;                /* a list is in use: the copy need not be read */
	struct sp_feed_version known; /* of the last reading */
	/* A file that was changed less than so long before @now_ns is left for later: it may be
	 * half of what it is to be. The first time it is read at once. */
	int64_t now_ns, settled_ns;
	/* what was found */
	bool is_new; /* the file is another one than `known`, or is gone now, or is back */
	enum sp_feed_state state;
	struct sp_feed_version version; /* zero: it is not there */
	struct sp_feed_list list;       /* to be used from now on; count 0: as before */
	size_t bad;                     /* lines that could not be read */
	/* what is wrong, a sentence with the line; "": nothing. Of a copy that could not be written
	 * too. */
	char fault[256];
};

/* Free what it holds; empty afterwards. */
void sp_feed_reading_done(struct sp_feed_reading *reading);

/* Read it. Returns 0, whatever was found; -ENOMEM: ask again. */
int sp_feed_read(struct sp_feed_reading *reading);

/* The word of a state. */
const char *sp_feed_state_word(enum sp_feed_state state);

#endif
