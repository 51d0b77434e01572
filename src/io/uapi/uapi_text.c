/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The texts of the userspace API: reading replies and writing requests. No I/O. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "io/uapi/uapi.h"
#include "io/uapi/uapi_line.h"
#include "net/addr.h"

/* ---- replies ---- */

bool sp_uapi_is_complete(const char *text, size_t len)
{
	return len >= 2 && text[len - 1] == '\n' && text[len - 2] == '\n';
}

/* `errno=`: 0, or what the engine could not do. Engines write it positive or negative. */
static int read_errno(const struct sp_uapi_line *line)
{
	struct sp_uapi_line positive = *line;
	uint64_t number;

	if (positive.value_len > 1 && positive.value[0] == '-') {
		positive.value++;
		positive.value_len--;
	}
	if (sp_uapi_read_number(&positive, 4095, &number) < 0)
		return -EBADMSG;
	return -(int)number;
}

static int read_device_line(const struct sp_uapi_line *line, struct sp_wg_device *device)
{
	uint64_t number = 0;
	int r = 0;

	if (sp_uapi_key_is(line, "private_key")) {
		r = sp_uapi_read_key(line, &device->private_key);
		device->has_private_key = r == 0;
	} else if (sp_uapi_key_is(line, "listen_port")) {
		r = sp_uapi_read_port(line, &device->listen_port);
	} else if (sp_uapi_key_is(line, "fwmark")) {
		r = sp_uapi_read_number(line, UINT32_MAX, &number);
		device->fwmark = (uint32_t)number;
	}
	return r;
}

static bool is_peer_key(const struct sp_uapi_line *line)
{
	static const char *const keys[] = {
		"preshared_key",
		"endpoint",
		"allowed_ip",
		"last_handshake_time_sec",
		"last_handshake_time_nsec",
		"rx_bytes",
		"tx_bytes",
		"persistent_keepalive_interval",
	};

	for (size_t i = 0; i < SP_ARRAY_LEN(keys); i++)
		if (sp_uapi_key_is(line, keys[i]))
			return true;
	return false;
}

/* Add seconds, or nanoseconds, to a time: they come on lines of their own. A reply that repeats
 * them until the sum does not fit is refused. */
static int add_number(const struct sp_uapi_line *line, uint64_t max, int64_t unit, int64_t *to)
{
	uint64_t number = 0;
	int64_t sum;
	int r = sp_uapi_read_number(line, max, &number);

	if (r < 0)
		return r;
	if (__builtin_add_overflow(*to, (int64_t)number * unit, &sum))
		return -EBADMSG;
	*to = sum;
	return 0;
}

static int read_peer_line(const struct sp_uapi_line *line, struct sp_wg_peer *peer)
{
	if (sp_uapi_key_is(line, "preshared_key"))
		return sp_uapi_read_key(line, &peer->preshared_key);
	if (sp_uapi_key_is(line, "endpoint"))
		return sp_uapi_read_endpoint(line, peer);
	if (sp_uapi_key_is(line, "allowed_ip"))
		return sp_uapi_read_allowed_ip(line, peer);
	if (sp_uapi_key_is(line, "last_handshake_time_sec"))
		return add_number(line, INT64_MAX / 4000000000, 1000000000,
				  &peer->last_handshake_ns);
	if (sp_uapi_key_is(line, "last_handshake_time_nsec"))
		return add_number(line, 999999999, 1, &peer->last_handshake_ns);
	if (sp_uapi_key_is(line, "rx_bytes"))
		return sp_uapi_read_number(line, UINT64_MAX, &peer->rx_bytes);
	if (sp_uapi_key_is(line, "tx_bytes"))
		return sp_uapi_read_number(line, UINT64_MAX, &peer->tx_bytes);
	if (sp_uapi_key_is(line, "persistent_keepalive_interval"))
		return sp_uapi_read_port(line, &peer->keepalive_s);
	return 0; /* protocol_version, or what later engines say */
}

/* @room: how many peers there is room for. */
static int read_get_line(const struct sp_uapi_line *line, struct sp_wg_device *device, size_t room)
{
	if (line->key_len == line->len)
		return -EBADMSG;
	if (sp_uapi_key_is(line, "public_key")) {
		if (device->peer_count == room)
			return -EBADMSG; /* a key of wrong length */
		return sp_uapi_read_key(line, &device->peers[device->peer_count++].public_key);
	}
	if (device->peer_count > 0)
		return read_peer_line(line, &device->peers[device->peer_count - 1]);
	return is_peer_key(line) ? -EBADMSG : read_device_line(line, device);
}

int sp_uapi_parse_get(const char *text, size_t len, struct sp_wg_device *ret_device)
{
	__sp_wg_device struct sp_wg_device device = { 0 };
	struct sp_uapi_lines lines = { .next = text, .left = len };
	struct sp_uapi_line line;
	size_t room = sp_uapi_count_peers(text, len);
	bool has_errno = false;
	int r;

	device.peers = room ? calloc(room, sizeof(*device.peers)) : NULL;
	if (room && !device.peers)
		return -ENOMEM;
	while (sp_uapi_next_line(&lines, &line)) {
		if (line.len == 0) {
			if (!has_errno || lines.left > 0)
				return -EBADMSG;
			r = sp_wg_device_check_unique(&device);
			if (r < 0)
				return r;
			*ret_device = device;
			device = (struct sp_wg_device){ 0 };
			return 0;
		}
		if (has_errno)
			return -EBADMSG; /* it is the last line */
		if (sp_uapi_key_is(&line, "errno")) {
			has_errno = true;
			r = read_errno(&line);
		} else {
			r = read_get_line(&line, &device, room);
		}
		if (r < 0)
			return r;
	}
	return -EBADMSG; /* no empty line */
}

int sp_uapi_parse_set(const char *text, size_t len)
{
	struct sp_uapi_lines lines = { .next = text, .left = len };
	struct sp_uapi_line line;
	int error;

	if (!sp_uapi_next_line(&lines, &line) || !sp_uapi_key_is(&line, "errno"))
		return -EBADMSG;
	error = read_errno(&line);
	if (!sp_uapi_next_line(&lines, &line) || line.len != 0 || lines.left > 0)
		return -EBADMSG;
	return error;
}

/* ---- requests ---- */

static void put(struct sp_uapi_set *set, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Add one line; a comment with a peer's name is the longest. It is formatted in a local buffer,
 * which is wiped, because keys pass here. */
static void put(struct sp_uapi_set *set, const char *format, ...)
{
	char line[512];
	va_list args;
	int len;

	if (set->error)
		return;
	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(line))
		set->error = -EINVAL;
	else
		set->error = sp_secret_buf_put(&set->text, line, (size_t)len);
	sp_wipe(line, sizeof(line));
}

static void put_key(struct sp_uapi_set *set, const char *name, const struct sp_wg_key *key)
{
	char hex[SP_WG_KEY_HEX];

	put(set, "%s=%s\n", name, sp_wg_key_to_hex(key, hex));
	sp_wipe(hex, sizeof(hex));
}

void sp_uapi_set_init(struct sp_uapi_set *set)
{
	*set = (struct sp_uapi_set){ 0 };
	put(set, "set=1\n");
}

void sp_uapi_set_done(struct sp_uapi_set *set)
{
	sp_secret_buf_done(&set->text);
	*set = (struct sp_uapi_set){ 0 };
}

void sp_uapi_set_private_key(struct sp_uapi_set *set, const struct sp_wg_key *key)
{
	put_key(set, "private_key", key);
}

void sp_uapi_set_listen_port(struct sp_uapi_set *set, uint16_t port)
{
	put(set, "listen_port=%u\n", port);
}

void sp_uapi_set_replace_peers(struct sp_uapi_set *set)
{
	put(set, "replace_peers=true\n");
}

static void put_endpoint(struct sp_uapi_set *set, const struct sp_wg_peer *peer)
{
	char addr[SP_ADDR_TEXT_MAX];

	sp_addr_format(&peer->endpoint, addr);
	if (sp_addr_is_v4(&peer->endpoint))
		put(set, "endpoint=%s:%u\n", addr, peer->endpoint_port);
	else if (strpbrk(peer->endpoint_scope, "]\n"))
		set->error = set->error ? set->error : -EINVAL;
	else
		put(set, "endpoint=[%s%s%s]:%u\n", addr, *peer->endpoint_scope ? "%" : "",
		    peer->endpoint_scope, peer->endpoint_port);
}

void sp_uapi_set_peer(struct sp_uapi_set *set, const struct sp_wg_peer *peer,
		      enum sp_wg_peer_mode mode)
{
	char prefix[SP_PREFIX_TEXT_MAX];

	put_key(set, "public_key", &peer->public_key);
	if (mode == SP_WG_REMOVE) {
		put(set, "remove=true\n");
		return;
	}
	if (mode == SP_WG_UPDATE)
		put(set, "update_only=true\n");
	put_key(set, "preshared_key", &peer->preshared_key);
	if (peer->has_endpoint)
		put_endpoint(set, peer);
	put(set, "persistent_keepalive_interval=%u\n", peer->keepalive_s);
	put(set, "replace_allowed_ips=true\n");
	for (size_t i = 0; i < peer->allowed_ip_count; i++)
		put(set, "allowed_ip=%s\n", sp_prefix_format(&peer->allowed_ips[i], prefix));
}

void sp_uapi_set_change(struct sp_uapi_set *set, const struct sp_wg_change *change)
{
	if (change->private_key)
		sp_uapi_set_private_key(set, change->private_key);
	if (change->has_listen_port)
		sp_uapi_set_listen_port(set, change->listen_port);
	for (size_t i = 0; i < change->peer_count; i++)
		sp_uapi_set_peer(set, change->peers[i].peer, change->peers[i].mode);
}

void sp_uapi_set_comment(struct sp_uapi_set *set, const char *comment)
{
	if (strchr(comment, '\n'))
		set->error = set->error ? set->error : -EINVAL;
	else
		put(set, "# %s\n", comment);
}

int sp_uapi_set_finish(struct sp_uapi_set *set)
{
	if (!set->is_finished)
		put(set, "\n");
	set->is_finished = true;
	return set->error;
}
