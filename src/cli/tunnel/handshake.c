/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/tunnel/handshake.h"

#include <errno.h>
#include <time.h>

#include "base/cleanup.h"
#include "io/files/paths.h"
#include "io/loop/clock.h"
#include "io/uapi/uapi.h"
#include "io/wireguard/wg_netlink.h"

#define ENGINE_MS 500
#define LOOK_EVERY_MS 100

int sp_handshake_get(const char *root, const char *iface, int64_t *ret_ns)
{
	__sp_cleanup(sp_wg_device_done) struct sp_wg_device device = { 0 };
	__sp_paths struct sp_paths paths = { 0 };
	__sp_free char *socket = NULL;
	int r = sp_paths_init(&paths, root);

	if (r == 0)
		r = sp_paths_engine_socket(&paths, iface, &socket);
	if (r < 0)
		return r;
	r = sp_uapi_get(socket, ENGINE_MS, &device);
	if (r < 0)
		r = sp_wg_netlink_get(iface, &device);
	if (r < 0)
		return r;
	*ret_ns = 0;
	for (size_t i = 0; i < device.peer_count; i++)
		if (device.peers[i].last_handshake_ns > *ret_ns)
			*ret_ns = device.peers[i].last_handshake_ns;
	return 0;
}

int sp_handshake_await(const char *root, const char *iface, int64_t since_ns, int64_t wait_ms)
{
	const struct timespec pause = { .tv_nsec = LOOK_EVERY_MS * 1000000L };
	const uint64_t end_ns = sp_clock_boottime_ns() + (uint64_t)wait_ms * 1000000u;

	for (;;) {
		int64_t seen_ns = 0;
		const int r = sp_handshake_get(root, iface, &seen_ns);

		if (r < 0)
			return r;
		if (seen_ns && seen_ns >= since_ns)
			return 1;
		if (sp_clock_boottime_ns() >= end_ns)
			return 0;
		nanosleep(&pause, NULL);
	}
}
