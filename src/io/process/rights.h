/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rights that a process gives up once it has opened all that it needs. Source: capabilities(7),
 * seccomp(2). */
#ifndef SALLYPORT_IO_RIGHTS_H
#define SALLYPORT_IO_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/capability.h>

#include "io/process/user.h"

/* Forbid core dumps and ptrace by the same user, before any secret is read. Keep all memory, now and
 * later, out of swap where the limit on locked memory can be lifted. Memory is left unlocked where
 * not: a lock of the future under a limit makes allocations fail. Returns whether memory is
 * locked. */
bool sp_rights_protect_memory(void);

/* Write the capabilities of @wanted that this process has into @ret_have (room for @count). Returns
 * their number. */
int sp_rights_have(const cap_value_t *wanted, int count, cap_value_t *ret_have);

/* Become @user (NULL: stay who we are) with no capability but @kept, which we have, and no way to
 * any more: not by a program run, not by being root. Call before there are threads. Returns 0 or
 * -errno. */
int sp_rights_drop(const struct sp_user *user, const cap_value_t *kept, int kept_count);

/* Allow only these calls from here on: @calls (SCMP_SYS numbers; numbers that this processor lacks
 * are skipped), ioctl with one of @ioctls, and the calls of every process: memory, threads,
 * signals, time, exit. No memory can be made executable, and no process or namespace can be made.
 * Every other call fails with EPERM and leaves a line in the kernel's log. Holds for this thread
 * and every thread that it makes later. Returns 0 or -errno. */
int sp_rights_restrict(const int *calls, size_t call_count, const unsigned int *ioctls,
		       size_t ioctl_count);

#endif
