/* SPDX-License-Identifier: GPL-3.0-or-later */
/* systemd starts an engine that ended within a tenth of a second, whatever it ended of. One that
 * ends again and again, because nothing works here or because it crashes, then waits before it goes
 * on: the first starts in a row not at all, each later one twice as long as the one before. Once it
 * carried packets, what it ends of may be what somebody sends it: such an end never costs the
 * others more than a second, so that no sender can make a long wait of a short packet. The count is
 * in memory that the manager keeps between two processes (kept.h), as it does over a crash and not
 * over a stop. Without a manager nothing is counted. */
#ifndef SALLYPORT_VPND_STARTS_H
#define SALLYPORT_VPND_STARTS_H

#include <stdint.h>

struct sp_vpnd_starts {
	uint64_t started_ns; /* CLOCK_BOOTTIME: when the last one went on; 0: there was none */
	uint32_t count;      /* starts in a row, each soon after the one before */
	uint32_t idle;       /* the last ones of them, which carried nothing */
};

/* The memory, which every process that the manager starts shares. NULL: there is none. It stays
 * mapped until the end of the process. */
struct sp_vpnd_starts *sp_vpnd_starts_open(void);
/* Note a start at @now_ns. Returns how long it waits before it goes on, in ns. */
uint64_t sp_vpnd_starts_note(struct sp_vpnd_starts *starts, uint64_t now_ns);
/* Note that packets are carried from here on. */
void sp_vpnd_starts_carry(struct sp_vpnd_starts *starts);
/* Note an end that somebody asked for: the next start is the first. */
void sp_vpnd_starts_forget(struct sp_vpnd_starts *starts);

#endif
