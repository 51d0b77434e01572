/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a process gives up once it has what it needs. Source: capabilities(7), seccomp(2). */
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

/* Those of @wanted that we have, into @ret_have (room for @count). Returns how many. */
int sp_rights_have(const cap_value_t *wanted, int count, cap_value_t *ret_have);

/* Become @user (NULL: stay who we are) with no capability but @kept, which we have, and no way to
 * any more: not by a program run, not by being root. Call before there are threads. Returns 0 or
 * -errno. */
int sp_rights_drop(const struct sp_user *user, const cap_value_t *kept, int kept_count);

/* From here on only @calls (SCMP_SYS numbers; those this processor lacks are passed over), ioctl
 * with one of @ioctls, and what every process takes: memory, threads, signals, time, its own end.
 * Memory is never made executable, threads are made but no process and no namespace. Anything else
 * gets EPERM and a line in the kernel's log. For every thread made later. Returns 0 or -errno. */
int sp_rights_restrict(const int *calls, size_t call_count, const unsigned int *ioctls,
		       size_t ioctl_count);

#endif
