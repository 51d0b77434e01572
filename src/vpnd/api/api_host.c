/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/api/api_host.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/array.h"
#include "vpnd/api/peers_load.h"
#include "vpnd/kept.h"

static void lock(void *arg)
{
	sp_vpnd_lock(arg, NULL);
}

static void unlock(void *arg)
{
	struct sp_vpnd *vpnd = arg;

	pthread_mutex_unlock(&vpnd->lock);
}

static void now(void *arg, struct sp_wg_time *ret_now)
{
	(void)arg;
	sp_vpnd_now(ret_now);
}

static void changed(void *arg)
{
	struct sp_vpnd *vpnd = arg;

	sp_vpnd_lock(vpnd, NULL);
	sp_vpnd_send_datagrams(vpnd, &vpnd->sockets[0], sp_vpnd_unlock(vpnd));
}

static uint16_t get_listen_port(void *arg)
{
	return sp_vpnd_get_listen_port(arg);
}

static int set_listen_port(void *arg, uint16_t port)
{
	struct sp_vpnd *vpnd = arg;
	int r = sp_vpnd_set_listen_port(vpnd, port);

	if (r == 0)
		sp_vpnd_keep_descriptors(vpnd);
	return r;
}

static uint32_t get_fwmark(void *arg)
{
	return sp_vpnd_get_fwmark(arg);
}

static int set_fwmark(void *arg, uint32_t fwmark)
{
	return sp_vpnd_set_fwmark(arg, fwmark);
}

static void removed(void *arg, const uint8_t public_key[SP_WG_KEY_LEN])
{
	struct sp_vpnd *vpnd = arg;

	if (vpnd->peers)
		sp_vpnd_peers_removed(vpnd->peers, public_key);
}

/* ---- the device's own lines of stats=1 ---- */

__attribute__((format(printf, 2, 3))) static int put_line(struct sp_secret_buf *reply,
							  const char *format, ...)
{
	char line[128];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	return sp_secret_buf_put(reply, line, (size_t)len);
}

static int put_offloads(const struct sp_vpnd *vpnd, struct sp_secret_buf *reply)
{
	const struct {
		const char *name;
		bool is_on;
	} offloads[] = {
		{ "tun-checksum", vpnd->tuns[0].offloads & SP_MERGE_CSUM },
		{ "tun-tso4", vpnd->tuns[0].offloads & SP_MERGE_TSO4 },
		{ "tun-tso6", vpnd->tuns[0].offloads & SP_MERGE_TSO6 },
		{ "tun-uso", vpnd->tuns[0].offloads & SP_MERGE_USO4 },
		{ "udp-segment", atomic_load(&vpnd->sockets[0].can_segment) },
		{ "udp-gro", vpnd->sockets[0].can_merge },
	};
	int r = 0;

	for (size_t i = 0; i < SP_ARRAY_LEN(offloads) && r == 0; i++)
		r = put_line(reply, "offload=%s:%s\n", offloads[i].name,
			     offloads[i].is_on ? "on" : "off");
	return r;
}

static int write_stats(void *arg, struct sp_secret_buf *reply)
{
	struct sp_vpnd *vpnd = arg;
	int r = put_line(reply, "engine=sallyport-vpnd %s\naead=%s\nqueues=%zu\nmemory=%s\n",
			 SP_VERSION, vpnd->aead_name, vpnd->queue_count,
			 vpnd->is_memory_locked ? "locked" : "pageable");

	if (r == 0)
		r = put_offloads(vpnd, reply);
	if (r == 0)
		r = put_line(reply, "bad_frames=%llu\nrefused_frames=%llu\n",
			     atomic_load(&vpnd->bad_frames), atomic_load(&vpnd->refused_frames));
	return r;
}

void sp_vpnd_fill_api(struct sp_vpnd *vpnd, struct sp_api_device *ret_device)
{
	*ret_device = (struct sp_api_device){
		.engine = vpnd->engine,
		.arg = vpnd,
		.lock = lock,
		.unlock = unlock,
		.now = now,
		.changed = changed,
		.get_listen_port = get_listen_port,
		.set_listen_port = set_listen_port,
		.get_fwmark = get_fwmark,
		.set_fwmark = set_fwmark,
		.write_stats = write_stats,
		.removed = removed,
	};
}
