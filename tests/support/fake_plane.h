/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plane that is memory: what src/plane/plane.h asks for, without a kernel and without rights. It keeps what a
 * kernel would keep while nobody has it open, so a test can end one daemon and start the next on it; it writes down
 * what it is asked, in order; and it fails where a test says. docs/planes.md shows it as the smallest plane. */
#ifndef SALLYPORT_TESTS_FAKE_PLANE_H
#define SALLYPORT_TESTS_FAKE_PLANE_H

#include "plane/plane.h"

#define FAKE_SESSIONS_MAX 65536u
#define FAKE_IDENTS_MAX 64u
#define FAKE_EVENTS_MAX 64u
#define FAKE_BANS_MAX 64u

struct fake_ident {
	struct sp_addr addr;
	uint32_t session;
	uint64_t epoch;
};

struct fake_staged {
	struct sp_plane_staged base; /* first */
	uint64_t revision;
};

struct fake_plane {
	struct sp_plane base; /* first */
	char log[8192]; /* the words of what was asked since it was emptied, each after a space */
	const char *failing; /* the word that fails; NULL: none */
	int failure;         /* how: -errno; 0: -EIO */
	int program_gate; /* a byte is read from it before a program is loaded; 0: it is loaded at once */
	/* state */
	uint64_t birth;
	struct sp_plane_session sessions[FAKE_SESSIONS_MAX];
	struct fake_ident idents[FAKE_IDENTS_MAX];
	size_t ident_count;
	struct sp_plane_ban bans[FAKE_BANS_MAX];
	size_t ban_count;
	struct fake_staged *running;
	struct fake_staged *kept; /* it may return; NULL: none */
	bool keeps_next;          /* the next commit keeps what runs */
	bool has_returned;        /* the kept one runs again, and nobody followed yet */
	uint32_t staged_count;    /* that are neither freed nor ended by a later commit */
	bool is_guarded;
	enum sp_plane_guard_state guard;
	struct sp_counter guard_drops[SP_PLANE_DROP_COUNT];
	/* what was seen */
	struct sp_counter counters[SP_COUNTER_SLOTS];
	struct sp_sample samples[SP_SAMPLE_SLOTS];
	struct sp_event_stats stats;
	struct sp_event events[FAKE_EVENTS_MAX];
	size_t event_count;
};

extern const struct sp_plane_ops fake_plane_ops;

struct fake_plane *fake_plane_new(void);
void fake_plane_free(struct fake_plane *fake);
/* Write @word down, as the plane does; for what else a test looks at in the same order. Returns 0; -errno if it is
 * the one that fails. */
int fake_plane_say(struct fake_plane *fake, const char *word);
/* The kept revision returns, as another process lets it (return_former). Returns 0; 1 none is kept; -errno. */
int fake_plane_return(struct fake_plane *fake);
/* As it stands in the log; and from here on the log is empty. */
void fake_plane_forget(struct fake_plane *fake);
/* Of a prefix; NULL: it is not banned. */
const struct sp_plane_ban *fake_plane_find_ban(const struct fake_plane *fake,
					       const struct sp_prefix *prefix);
/* Of an address; NULL: it is nobody's. */
const struct fake_ident *fake_plane_find(const struct fake_plane *fake, const struct sp_addr *addr);

#endif
