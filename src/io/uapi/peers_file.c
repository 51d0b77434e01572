/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/uapi/peers_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/text.h"
#include "io/files/files.h"
#include "io/uapi/uapi_line.h"

void sp_peers_done(struct sp_peers *peers)
{
	for (size_t i = 0; i < peers->count; i++)
		sp_wg_peer_done(&peers->entries[i].peer);
	free(peers->entries);
	sp_wg_key_wipe(&peers->private_key);
	*peers = (struct sp_peers){ 0 };
}

static bool is_name(const char *name, size_t len)
{
	return len > 0 && len < SP_PEERS_NAME_MAX && name[0] != ' ' && name[len - 1] != ' ' &&
	       sp_text_is_printable(name, len);
}

static int compare_entries(const void *a, const void *b)
{
	const struct sp_peers_entry *const *left = a, *const *right = b;

	return memcmp(&(*left)->peer.public_key, &(*right)->peer.public_key, SP_WG_KEY_LEN);
}

/* Returns 0; -EEXIST two entries have one key; -ENOMEM. */
static int check_unique(const struct sp_peers *peers)
{
	__sp_free const struct sp_peers_entry **sorted = NULL;

	if (peers->count < 2)
		return 0;
	sorted = reallocarray(NULL, peers->count, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < peers->count; i++)
		sorted[i] = &peers->entries[i];
	qsort(sorted, peers->count, sizeof(*sorted), compare_entries);
	for (size_t i = 1; i < peers->count; i++)
		if (compare_entries(&sorted[i - 1], &sorted[i]) == 0)
			return -EEXIST;
	return 0;
}

/* ---- writing ---- */

static void put_entry(struct sp_uapi_set *set, const struct sp_peers_entry *entry)
{
	char comment[SP_PEERS_NAME_MAX + 48], name[SP_PEERS_NAME_MAX];

	snprintf(comment, sizeof(comment), "expires=%" PRId64 " name=%s", entry->expires_s,
		 sp_text_show(entry->name, name, sizeof(name)));
	sp_uapi_set_comment(set, comment);
	sp_uapi_set_peer(set, &entry->peer, SP_WG_PUT);
}

int sp_peers_file_write(const char *path, const struct sp_peers *peers, uid_t uid, gid_t gid)
{
	__sp_uapi_set struct sp_uapi_set set = { 0 };
	int r;

	r = check_unique(peers);
	if (r < 0)
		return r;
	sp_uapi_set_init(&set);
	if (peers->has_private_key)
		sp_uapi_set_private_key(&set, &peers->private_key);
	if (peers->listen_port)
		sp_uapi_set_listen_port(&set, peers->listen_port);
	sp_uapi_set_replace_peers(&set);
	for (size_t i = 0; i < peers->count; i++) {
		const struct sp_peers_entry *entry = &peers->entries[i];

		if (!is_name(entry->name, strnlen(entry->name, SP_PEERS_NAME_MAX)) ||
		    entry->expires_s < 0)
			return -EINVAL;
		put_entry(&set, entry);
	}
	r = sp_uapi_set_finish(&set);
	if (r < 0)
		return r;
	return sp_file_replace(path, set.text.data, set.text.len, 0600, uid, gid);
}

/* ---- reading ---- */

/* A reader that is one line ahead. `has` is false when the text is used up. */
struct reader {
	struct sp_uapi_lines lines;
	struct sp_uapi_line line;
	bool has;
	const char *error;
};

static void advance(struct reader *reader)
{
	reader->has = sp_uapi_next_line(&reader->lines, &reader->line);
}

static int refuse(struct reader *reader, const char *error)
{
	reader->error = error;
	return -EBADMSG;
}

static bool at(const struct reader *reader, const char *key)
{
	return reader->has && sp_uapi_key_is(&reader->line, key);
}

static int expect_line(struct reader *reader, const char *key, const char *value, const char *error)
{
	if (!at(reader, key) || !sp_uapi_value_is(&reader->line, value))
		return refuse(reader, error);
	advance(reader);
	return 0;
}

static int read_head(struct reader *reader, struct sp_peers *peers)
{
	int r = expect_line(reader, "set", "1", "the file does not begin with set=1");

	if (r < 0)
		return r;
	if (at(reader, "private_key")) {
		if (sp_uapi_read_key(&reader->line, &peers->private_key) < 0)
			return refuse(reader, "private_key is not 64 hex digits");
		peers->has_private_key = true;
		advance(reader);
	}
	if (at(reader, "listen_port")) {
		if (sp_uapi_read_port(&reader->line, &peers->listen_port) < 0)
			return refuse(reader, "listen_port is not a port");
		advance(reader);
	}
	return expect_line(reader, "replace_peers", "true", "replace_peers=true is missing");
}

/* "# expires=1767225600 name=ana's laptop" */
static int read_comment(struct reader *reader, struct sp_peers_entry *entry)
{
	static const char start[] = "# expires=", middle[] = " name=";
	const size_t start_len = sizeof(start) - 1, middle_len = sizeof(middle) - 1;
	const char *name, *end = reader->line.text + reader->line.len;
	struct sp_uapi_line number = { 0 };
	uint64_t expires;

	if (!reader->has || reader->line.len < start_len ||
	    memcmp(reader->line.text, start, start_len) != 0)
		return refuse(reader, "a peer without its `# expires=… name=…` line");
	number.value = reader->line.text + start_len;
	name = memmem(number.value, (size_t)(end - number.value), middle, middle_len);
	if (!name)
		return refuse(reader, "the peer has no name");
	number.value_len = (size_t)(name - number.value);
	name += middle_len;
	if (sp_uapi_read_number(&number, INT64_MAX, &expires) < 0)
		return refuse(reader, "expires is not a number of seconds");
	if (!is_name(name, (size_t)(end - name)))
		return refuse(reader, "the peer's name is empty, too long or not printable");
	entry->expires_s = (int64_t)expires;
	memcpy(entry->name, name, (size_t)(end - name));
	advance(reader);
	return 0;
}

static int read_peer_head(struct reader *reader, struct sp_wg_peer *peer)
{
	if (!at(reader, "public_key") || sp_uapi_read_key(&reader->line, &peer->public_key) < 0)
		return refuse(reader, "public_key is missing or not 64 hex digits");
	advance(reader);
	if (!at(reader, "preshared_key") ||
	    sp_uapi_read_key(&reader->line, &peer->preshared_key) < 0)
		return refuse(reader, "preshared_key is missing or not 64 hex digits");
	advance(reader);
	if (at(reader, "endpoint")) {
		if (sp_uapi_read_endpoint(&reader->line, peer) < 0)
			return refuse(reader, "endpoint is not address:port");
		advance(reader);
	}
	if (!at(reader, "persistent_keepalive_interval") ||
	    sp_uapi_read_port(&reader->line, &peer->keepalive_s) < 0)
		return refuse(reader, "persistent_keepalive_interval is missing or no number");
	advance(reader);
	return expect_line(reader, "replace_allowed_ips", "true",
			   "replace_allowed_ips=true is missing");
}

static int read_entry(struct reader *reader, struct sp_peers_entry *entry)
{
	int r = read_comment(reader, entry);

	if (r == 0)
		r = read_peer_head(reader, &entry->peer);
	while (r == 0 && at(reader, "allowed_ip")) {
		r = sp_uapi_read_allowed_ip(&reader->line, &entry->peer);
		if (r == -EBADMSG)
			return refuse(reader, "allowed_ip is not a prefix");
		advance(reader);
	}
	return r;
}

static int read_all(struct reader *reader, struct sp_peers *peers)
{
	size_t room = sp_uapi_count_peers(reader->lines.next, reader->lines.left);
	int r;

	peers->entries = room ? calloc(room, sizeof(*peers->entries)) : NULL;
	if (room && !peers->entries)
		return -ENOMEM;
	advance(reader);
	r = read_head(reader, peers);
	while (r == 0 && reader->has && reader->line.len > 0) {
		if (peers->count == room)
			return refuse(reader, "this line begins no peer");
		r = read_entry(reader, &peers->entries[peers->count++]);
	}
	if (r < 0)
		return r;
	if (!reader->has)
		return refuse(reader, "the file is cut off: its last line is not empty");
	if (reader->lines.left > 0)
		return refuse(reader, "text behind the empty line that ends the file");
	r = check_unique(peers);
	return r == -EEXIST ? refuse(reader, "two peers have the same public key") : r;
}

int sp_peers_parse(const char *text, size_t len, struct sp_peers *ret_peers,
		   struct sp_peers_error *ret_error)
{
	__sp_peers struct sp_peers peers = { 0 };
	struct reader reader = { .lines = { .next = text, .left = len } };
	int r = read_all(&reader, &peers);

	if (r < 0) {
		if (r == -EBADMSG && ret_error)
			*ret_error = (struct sp_peers_error){ .line = reader.lines.number,
							      .text = reader.error };
		return r;
	}
	*ret_peers = peers;
	peers = (struct sp_peers){ 0 };
	return 0;
}

int sp_peers_file_read(const char *path, struct sp_peers *ret_peers,
		       struct sp_peers_error *ret_error)
{
	__sp_free char *text = NULL;
	struct stat st;
	size_t len;
	int r;

	if (lstat(path, &st) < 0)
		return sp_errno();
	if (S_ISREG(st.st_mode) && (st.st_mode & 077))
		return -EACCES;
	r = sp_file_read(path, SP_PEERS_FILE_MAX, &text, &len);
	if (r < 0)
		return r;
	r = sp_peers_parse(text, len, ret_peers, ret_error);
	sp_wipe(text, len);
	return r;
}
