/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as an engine's reply and as a peers file: no crash, no leak, and what is taken is whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/uapi/peers_file.h"
#include "io/uapi/uapi.h"
#include "net/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_peer(const struct sp_wg_peer *peer)
{
	for (size_t i = 0; i < peer->allowed_ip_count; i++) {
		struct sp_prefix masked = peer->allowed_ips[i];

		check(masked.prefix_len <= 128);
		sp_prefix_mask(&masked);
		check(memcmp(&masked, &peer->allowed_ips[i], sizeof(masked)) == 0);
	}
	check(!peer->has_endpoint || peer->endpoint_port != 0);
	check(memchr(peer->endpoint_scope, '\0', sizeof(peer->endpoint_scope)));
	check(peer->last_handshake_ns >= 0);
}

/* What was read can be said again, and says the same. */
static void check_round_trip(const struct sp_wg_peer *peer)
{
	__sp_wg_device struct sp_wg_device again = { 0 };
	__sp_uapi_set struct sp_uapi_set set = { 0 };
	static const char start[] = "set=1\n", set_only[] = "replace_allowed_ips=true\n";
	char *cut;
	size_t len;

	sp_uapi_set_init(&set);
	sp_uapi_set_peer(&set, peer, SP_WG_PUT);
	if (set.error == -EINVAL && *peer->endpoint_scope)
		return; /* a scope no interface has */
	check(set.error == 0);
	check(sp_secret_buf_put(&set.text, "errno=0\n\n", 9) == 0);
	/* A reply is the request without what only requests say. */
	len = set.text.len - strlen(start);
	memmove(set.text.data, set.text.data + strlen(start), len);
	cut = memmem(set.text.data, len, set_only, strlen(set_only));
	check(cut != NULL);
	len -= strlen(set_only);
	memmove(cut, cut + strlen(set_only), len - (size_t)(cut - set.text.data));
	check(sp_uapi_parse_get(set.text.data, len, &again) == 0 && again.peer_count == 1);
	check(memcmp(&again.peers[0].public_key, &peer->public_key, SP_WG_KEY_LEN) == 0);
	check(again.peers[0].allowed_ip_count == peer->allowed_ip_count);
	check(again.peers[0].has_endpoint == peer->has_endpoint);
	check(memcmp(&again.peers[0].endpoint, &peer->endpoint, sizeof(peer->endpoint)) == 0);
}

static void try_reply(const char *text, size_t size)
{
	__sp_wg_device struct sp_wg_device device = { 0 };
	int r = sp_uapi_parse_get(text, size, &device);

	check(r == 0 ? sp_uapi_is_complete(text, size) || size == 0 : r >= -4095 && r < 0);
	for (size_t i = 0; i < device.peer_count; i++) {
		check_peer(&device.peers[i]);
		check_round_trip(&device.peers[i]);
	}
	check(sp_uapi_parse_set(text, size) <= 0);
}

static void try_file(const char *text, size_t size)
{
	__sp_peers struct sp_peers peers = { 0 };
	struct sp_peers_error error = { 0 };
	int r = sp_peers_parse(text, size, &peers, &error);

	check(r == 0 || (r == -EBADMSG && error.text && peers.count == 0));
	for (size_t i = 0; i < peers.count; i++) {
		check_peer(&peers.entries[i].peer);
		check(peers.entries[i].name[0] != '\0' && peers.entries[i].expires_s >= 0);
		check(memchr(peers.entries[i].name, '\0', SP_PEERS_NAME_MAX));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact = malloc(size ? size : 1); /* so that a read behind the end is seen */

	if (!exact)
		return 0;
	memcpy(exact, data, size);
	try_reply(exact, size);
	try_file(exact, size);
	free(exact);
	return 0;
}
