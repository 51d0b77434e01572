/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two clocks and the way between them. Deadlines are stored as UTC and judged in
 * CLOCK_BOOTTIME; a clock step moves the projection, so it is made again then (sp_clock_watch).
 * Texts of times: audit/time.h.
 */
#ifndef SALLYPORT_IO_CLOCK_H
#define SALLYPORT_IO_CLOCK_H

#include <stdint.h>

#include "audit/time.h"
#include "policy/facts.h"

#define SP_BOOT_ID_MAX 37

/* CLOCK_BOOTTIME, in nanoseconds. */
uint64_t sp_clock_boottime_ns(void);
int64_t sp_clock_realtime_ns(void); /* UTC */
int64_t sp_clock_realtime_s(void);

/* UTC minus boot time now, read so that both belong to the same instant within microseconds. */
int64_t sp_clock_offset_ns(void);

/* This moment, as a policy is compiled and judged for it. */
struct sp_facts sp_clock_facts(void);

/* A UTC deadline as boot time. 0 stays 0 (never). A moment before boot is 1: passed, and not
 * never. */
uint64_t sp_clock_utc_to_boottime_ns(int64_t utc_ns, int64_t offset_ns);
/* A boot time as UTC (an event's time). */
int64_t sp_clock_boottime_to_utc_ns(uint64_t boottime_ns, int64_t offset_ns);

/* This boot's id, "8-4-4-4-12" hex. Returns 0; -errno; -EBADMSG the kernel's file is strange. */
int sp_clock_boot_id(char ret_id[SP_BOOT_ID_MAX]);

/* A descriptor that polls readable once the realtime clock was set (discontinuously).
 * sp_clock_step_ack then arms it again. Returns 0 or -errno. */
int sp_clock_watch(int *ret_fd);
/* Take note of the step and arm @fd again. Returns 0 or -errno. */
int sp_clock_step_ack(int fd);

#endif
