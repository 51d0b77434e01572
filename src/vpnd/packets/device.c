/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the userspace API sets besides peers: the port and the fwmark; and the link going up and
 * down. */
#include "vpnd/vpnd.h"

#define CALLS_AT_ONCE 16

static int bind_all(struct sp_vpnd *vpnd, uint16_t port)
{
	const bool is_one_of_many = vpnd->queue_count > 1;
	int r = 0;

	for (size_t i = 0; i < vpnd->queue_count && r == 0; i++) {
		r = sp_udp_bind(&vpnd->sockets[i], port, vpnd->fwmark, is_one_of_many);
		if (r == 0 && i == 0) /* the other sockets share the port that the first one got */
			port = sp_udp_get_port(&vpnd->sockets[0]);
	}
	return r;
}

static void unbind_all(struct sp_vpnd *vpnd)
{
	for (size_t i = 0; i < vpnd->queue_count; i++)
		(void)sp_udp_unbind(&vpnd->sockets[i]);
}

int sp_vpnd_set_listen_port(struct sp_vpnd *vpnd, uint16_t port)
{
	int r = 0;

	pthread_mutex_lock(&vpnd->device_lock);
	if (vpnd->is_up && port != sp_udp_get_port(&vpnd->sockets[0]))
		r = bind_all(vpnd, port);
	if (r == 0)
		vpnd->listen_port = vpnd->is_up ? sp_udp_get_port(&vpnd->sockets[0]) : port;
	pthread_mutex_unlock(&vpnd->device_lock);
	sp_vpnd_forget_local_addresses(vpnd);
	return r;
}

uint16_t sp_vpnd_get_listen_port(struct sp_vpnd *vpnd)
{
	uint16_t port;

	pthread_mutex_lock(&vpnd->device_lock);
	port = vpnd->listen_port;
	pthread_mutex_unlock(&vpnd->device_lock);
	return port;
}

int sp_vpnd_set_fwmark(struct sp_vpnd *vpnd, uint32_t fwmark)
{
	int r = 0;

	pthread_mutex_lock(&vpnd->device_lock);
	for (size_t i = 0; i < vpnd->queue_count && r == 0; i++)
		r = sp_udp_set_fwmark(&vpnd->sockets[i], fwmark);
	if (r == 0)
		vpnd->fwmark = fwmark;
	pthread_mutex_unlock(&vpnd->device_lock);
	sp_vpnd_forget_local_addresses(vpnd);
	return r;
}

uint32_t sp_vpnd_get_fwmark(struct sp_vpnd *vpnd)
{
	uint32_t fwmark;

	pthread_mutex_lock(&vpnd->device_lock);
	fwmark = vpnd->fwmark;
	pthread_mutex_unlock(&vpnd->device_lock);
	return fwmark;
}

static int go_up(struct sp_vpnd *vpnd)
{
	struct sp_wg_time now;
	int r = sp_udp_get_port(&vpnd->sockets[0]) ? 0 : bind_all(vpnd, vpnd->listen_port);

	if (r < 0) {
		unbind_all(vpnd);
		return r;
	}
	vpnd->listen_port = sp_udp_get_port(&vpnd->sockets[0]);
	atomic_store(&vpnd->is_up, true);
	sp_vpnd_lock(vpnd, &now);
	sp_wg_engine_resume(vpnd->engine, &now);
	sp_vpnd_send_datagrams(vpnd, &vpnd->sockets[0], sp_vpnd_unlock(vpnd));
	return 0;
}

static void go_down(struct sp_vpnd *vpnd)
{
	atomic_store(&vpnd->is_up, false);
	unbind_all(vpnd);
	sp_vpnd_lock(vpnd, NULL);
	sp_wg_engine_pause(vpnd->engine);
	sp_vpnd_send_datagrams(vpnd, &vpnd->sockets[0], sp_vpnd_unlock(vpnd)); /* that is: free */
}

int sp_vpnd_set_up(struct sp_vpnd *vpnd, bool is_up)
{
	int r = 0;

	pthread_mutex_lock(&vpnd->device_lock);
	if (is_up && !vpnd->is_up)
		r = go_up(vpnd);
	else if (!is_up && vpnd->is_up)
		go_down(vpnd);
	pthread_mutex_unlock(&vpnd->device_lock);
	return r;
}

void sp_vpnd_forget_local_addresses(struct sp_vpnd *vpnd)
{
	struct sp_wg_engine_peer *peer = NULL;

	sp_vpnd_lock(vpnd, NULL);
	while ((peer = sp_wg_engine_peer_next(vpnd->engine, peer)))
		sp_wg_engine_peer_forget_local(peer);
	pthread_mutex_unlock(&vpnd->lock);
}

void sp_vpnd_call_peers(struct sp_vpnd *vpnd)
{
	struct sp_wg_engine_peer *peer = NULL;
	struct sp_wg_time now;

	for (bool is_last = false; !is_last;) {
		sp_vpnd_lock(vpnd, &now);
		for (size_t i = 0; i < CALLS_AT_ONCE && !is_last; i++) {
			peer = sp_wg_engine_peer_next(vpnd->engine, peer);
			is_last = !peer;
			if (peer && peer->endpoint.port)
				sp_wg_engine_peer_handshake(peer, &now);
		}
		sp_vpnd_send_datagrams(vpnd, &vpnd->sockets[0], sp_vpnd_unlock(vpnd));
	}
}
