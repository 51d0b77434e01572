/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/engine/engine_way.h"

#include <net/if.h>
#include <sys/stat.h>

#include "base/err.h"
#include "io/uapi/uapi.h"
#include "io/wireguard/wg_netlink.h"

#define ANSWER_MS 250 /* the daemon serves nobody else meanwhile */

/* ---- a process ---- */

static int identify_socket(const char *path, struct sp_engine_identity *ret_identity)
{
	struct stat seen;

	if (stat(path, &seen) < 0)
		return -ENOENT;
	*ret_identity = (struct sp_engine_identity){ { seen.st_dev, seen.st_ino,
						       (uint64_t)seen.st_ctim.tv_sec * 1000000000u +
							       (uint64_t)seen.st_ctim.tv_nsec } };
	return 0;
}

static int get_from_socket(const char *path, struct sp_wg_device *ret_device)
{
	return sp_uapi_get(path, ANSWER_MS, ret_device);
}

static int change_by_socket(const char *path, const struct sp_wg_change *change)
{
	return sp_uapi_change(path, ANSWER_MS, change);
}

static int get_stats_from_socket(const char *path, struct sp_uapi_stats *ret_stats)
{
	return sp_uapi_stats(path, ANSWER_MS, ret_stats);
}

const struct sp_engine_way sp_engine_userspace = {
	.name = "userspace",
	.answers = "the tunnel engine answers at",
	.silent = "no tunnel engine answers at",
	.remedy = " (start one on the tunnel interface: sallyport-vpnd --managed)",
	.identify = identify_socket,
	.get = get_from_socket,
	.change = change_by_socket,
	.get_stats = get_stats_from_socket,
};

/* ---- the kernel ---- */

static int identify_link(const char *ifname, struct sp_engine_identity *ret_identity)
{
	const unsigned int ifindex = if_nametoindex(ifname);

	if (ifindex == 0)
		return -ENODEV;
	*ret_identity = (struct sp_engine_identity){ { ifindex } };
	return 0;
}

const struct sp_engine_way sp_engine_kernel = {
	.name = "kernel",
	.answers = "the kernel's WireGuard carries",
	.silent = "the kernel's WireGuard does not answer for",
	.remedy = "",
	.identify = identify_link,
	.get = sp_wg_netlink_get,
	.change = sp_wg_netlink_change,
};
