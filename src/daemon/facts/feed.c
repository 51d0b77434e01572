/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/facts/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/units.h"
#include "io/files/files.h"
#include "policy/addresses/netset.h"

void sp_feed_list_done(struct sp_feed_list *list)
{
	free(list->items);
	*list = (struct sp_feed_list){ 0 };
}

void sp_feed_reading_done(struct sp_feed_reading *reading)
{
	free(reading->path);
	free(reading->copy);
	sp_feed_list_done(&reading->list);
	*reading = (struct sp_feed_reading){ 0 };
}

__attribute__((format(printf, 2, 3))) static void say(struct sp_feed_reading *reading,
						      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reading->fault, sizeof(reading->fault), format, args);
	va_end(args);
}

static int64_t ns_of(struct timespec time)
{
	return time.tv_sec * SP_NS_PER_S + time.tv_nsec;
}

static struct sp_feed_version version_of(const struct stat *status)
{
	return (struct sp_feed_version){
		.device = status->st_dev,
		.inode = status->st_ino,
		.size = (uint64_t)status->st_size,
		.modified_ns = ns_of(status->st_mtim),
		.changed_ns = ns_of(status->st_ctim),
	};
}

static bool is_same(const struct sp_feed_version *a, const struct sp_feed_version *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

/* A clock that was set back makes no file wait for long. */
static bool is_settled(const struct sp_feed_reading *reading)
{
	const int64_t age_ns = reading->now_ns - reading->version.changed_ns;

	return !reading->version.inode || age_ns >= reading->settled_ns ||
	       age_ns < -reading->settled_ns;
}

/* The length of an address's 16 bytes and one of the prefix: no padding is hashed. */
static int hash_items(struct sp_feed_list *list)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool ok = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; i < list->count && ok; i++) {
		const struct sp_prefix *prefix = &list->items[i];
		const uint8_t length = (uint8_t)prefix->prefix_len;

		ok = EVP_DigestUpdate(hash, prefix->addr, sizeof(prefix->addr)) == 1 &&
		     EVP_DigestUpdate(hash, &length, 1) == 1;
	}
	ok = ok && EVP_DigestFinal_ex(hash, list->hash, NULL) == 1;
	EVP_MD_CTX_free(hash);
	return ok ? 0 : -ENOMEM;
}

/* Take over what was read. */
static int keep_list(struct sp_netset *netset, int64_t modified_ns, struct sp_feed_list *ret_list)
{
	struct sp_feed_list list = { .items = SP_TAKE_PTR(netset->items),
				     .count = netset->count,
				     .modified_ns = modified_ns };
	int r = hash_items(&list);

	if (r < 0) {
		sp_feed_list_done(&list);
		return r;
	}
	*ret_list = list;
	return 0;
}

/* What is wrong with the list, in words. @r: of sp_netset_read. */
static void tell_list(struct sp_feed_reading *reading, const struct sp_netset *netset, int r)
{
	const struct sp_netset_fault *first = netset->fault_count ? &netset->faults[0] : NULL;

	if (r == -ENODATA)
		say(reading, "it holds no prefix");
	else if (r == -E2BIG)
		say(reading, "it has more than %u prefixes", SP_NETSET_PREFIXES_MAX);
	else if (first)
		say(reading, "%zu of %zu lines cannot be read%s; line %u: %s", netset->bad,
		    netset->good + netset->bad, r < 0 ? ", so it is not taken" : "", first->line,
		    first->text);
}

static enum sp_feed_state state_of(int r)
{
	switch (r) {
	case 0:
		return SP_FEED_GOOD;
	case -ENODATA:
		return SP_FEED_EMPTIED;
	case -E2BIG:
	case -EFBIG:
		return SP_FEED_TOO_LARGE;
	case -EBADMSG:
		return SP_FEED_GARBAGE;
	}
	return SP_FEED_GONE;
}

/* The file's text as the copy, with the file's time. */
static void write_copy(struct sp_feed_reading *reading, const char *text, size_t len)
{
	const int64_t modified_ns = reading->version.modified_ns;
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = modified_ns / SP_NS_PER_S, .tv_nsec = modified_ns % SP_NS_PER_S },
	};
	int r = sp_dir_make_parent(reading->copy, 0700);

	if (r == 0)
		r = sp_file_replace(reading->copy, text, len, 0600, SP_UID_KEEP, SP_GID_KEEP);
	if (r == 0 && utimensat(AT_FDCWD, reading->copy, times, 0) < 0)
		r = sp_errno();
	if (r < 0)
		say(reading, "it is used, but no copy of it could be kept in %.100s: %s",
		    reading->copy, sp_err_text(r));
}

/* Read the file, which is another one than before. */
static int read_file(struct sp_feed_reading *reading)
{
	__sp_cleanup(sp_netset_done) struct sp_netset netset = { 0 };
	__sp_free char *text = NULL;
	size_t len;
	int r = sp_file_read(reading->path, SP_FEED_BYTES_MAX, &text, &len);

	if (r < 0) {
		reading->state = state_of(r);
		if (r == -EFBIG || r == -EINVAL)
			say(reading, "%s",
			    r == -EFBIG ? "it is longer than 64 MiB" : "it is no regular file");
		else
			say(reading, "it cannot be read: %s", sp_err_text(r));
		return r == -ENOMEM ? r : 0;
	}
	r = sp_netset_read(text, len, &netset);
	if (r == -ENOMEM)
		return r;
	reading->state = state_of(r);
	reading->bad = netset.bad;
	tell_list(reading, &netset, r);
	if (r < 0)
		return 0;
	r = keep_list(&netset, reading->version.modified_ns, &reading->list);
	if (r == 0)
		write_copy(reading, text, len);
	return r;
}

/* The last good list of an earlier process; that there is none is no fault. */
static int read_copy(struct sp_feed_reading *reading)
{
	__sp_cleanup(sp_netset_done) struct sp_netset netset = { 0 };
	__sp_free char *text = NULL;
	struct stat status;
	size_t len;
	int r;

	if (stat(reading->copy, &status) < 0)
		return 0;
	r = sp_file_read(reading->copy, SP_FEED_BYTES_MAX, &text, &len);
	if (r == 0)
		r = sp_netset_read(text, len, &netset);
	if (r == 0)
		return keep_list(&netset, ns_of(status.st_mtim), &reading->list);
	return r == -ENOMEM ? r : 0;
}

int sp_feed_read(struct sp_feed_reading *reading)
{
	struct stat status;
	int r = 0;

	reading->version = (struct sp_feed_version){ 0 };
	if (stat(reading->path, &status) == 0)
		reading->version = version_of(&status);
	else
		r = sp_errno();
	reading->is_new = reading->is_first ||
			  (!is_same(&reading->version, &reading->known) && is_settled(reading));
	if (!reading->is_new)
		return 0;
	if (r < 0) {
		reading->state = SP_FEED_GONE;
		say(reading, "it cannot be read: %s", sp_err_text(r));
	} else {
		r = read_file(reading);
		if (r < 0)
			return r;
	}
	return reading->list.count || reading->has_list ? 0 : read_copy(reading);
}

const char *sp_feed_state_word(enum sp_feed_state state)
{
	static const char *const words[] = {
#define X(id, word, text) word,
		SP_FEED_STATES(X)
#undef X
	};

	return words[state];
}
