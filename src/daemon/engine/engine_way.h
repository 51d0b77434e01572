/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two ways to a tunnel engine: a process behind a socket, or the kernel behind a link of kind
 * "wireguard". engine.c decides, for both alike, what peers the engine should have and what
 * differs. */
#ifndef SALLYPORT_DAEMON_ENGINE_WAY_H
#define SALLYPORT_DAEMON_ENGINE_WAY_H

#include <stdint.h>

#include "io/uapi/uapi_stats.h"
#include "io/wireguard/wg_device.h"

/* Of the engine that is there now; another one, or the same started anew, has another. */
struct sp_engine_identity {
	uint64_t parts[3];
};

struct sp_engine_way {
	const char *name;                      /* "userspace", "kernel": status and doctor */
	const char *answers, *silent, *remedy; /* what is said of it, before and behind @at */
	/* @at: the socket's path, or the interface's name. Each returns 0 or -errno; -ENOENT,
	 * -ECONNREFUSED, -ENODEV there is no engine. */
	int (*identify)(const char *at, struct sp_engine_identity *ret_identity);
	int (*get)(const char *at, struct sp_wg_device *ret_device);
	int (*change)(const char *at, const struct sp_wg_change *change);
	/* NULL: it counts nothing. -EOPNOTSUPP: another one than ours. */
	int (*get_stats)(const char *at, struct sp_uapi_stats *ret_stats);
};

extern const struct sp_engine_way sp_engine_userspace, sp_engine_kernel;

#endif
