/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The second lock: an nftables table that drops every packet no program judged. One table, put in
 * one transaction. Its chains read the packet's mark before conntrack, where nothing can have
 * restored the mark from a connection. The rules name the interfaces that need no mark, so an
 * interface of an unexpected name is closed. In the forward chains names decide, because behind
 * conntrack a mark may come from anybody. A listed device stays closed when it is renamed to a name
 * that is open. */
#include <ctype.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/str.h"
#include "plane/ebpf/plane.h"

#define TABLE "inet " SP_EBPF_LOCK_TABLE
#define BEFORE_ALL "-450" /* conntrack's defragmentation is at -400 */
#define IS_PASSED "meta mark & 0xf1000000 == 0x51000000" /* judged, or a reply */
#define IS_REPLY "meta mark & 0xff000000 == 0x51000000"
#define SET_JUDGED "meta mark set meta mark & 0x00ffffff | 0x53000000"
#define CLEAR_MARK "meta mark set meta mark & 0x00ffffff"
_Static_assert(SP_MARK_MASK == 0xff000000u && SP_MARK_JUDGED == 0x53000000u &&
		       SP_MARK_PASSED_MASK == 0xf1000000u && SP_MARK_REPLY == 0x51000000u,
	       "as the rules say");
/* A rule of its own, before the rule that drops: packets beyond the limit are dropped without a
 * sample. */
#define SAMPLE "limit rate 100/second burst 100 packets log prefix \"%s\" group %d snaplen %d"

static const char *const drop_names[] = {
#define X(id, name, text) name,
	SP_PLANE_DROPS(X)
#undef X
};

/* Added before it is deleted, so that deleting an absent table is no error. */
#define REMOVE "add table " TABLE "\ndelete table " TABLE "\n"

/* ---- names ---- */

/* An interface may be named almost anything; nft would read a star or a quote. */
static bool is_plain(const char *name)
{
	for (; *name; name++)
		if (!isgraph((unsigned char)*name) || strchr("\"\\*", *name))
			return false;
	return true;
}

/* Write `"a", "b"`; nothing for an empty list. */
static int list_names(const struct sp_plane_guard *lock, enum sp_plane_guarded_kind kind,
		      struct sp_buf *out, struct sp_plane_error *error)
{
	for (size_t i = 0; i < lock->count; i++) {
		const char *name = lock->names[i].name;

		if (lock->names[i].kind != kind)
			continue;
		if (is_plain(name))
			sp_buf_printf(out, "%s\"%s\"", out->len ? ", " : "", name);
		else if (kind != SP_PLANE_UNLISTED)
			return sp_ebpf_fail(error, -EINVAL, "interface %s: nftables cannot name it",
					    name);
	}
	return out->error ? -ENOMEM : 0;
}

/* Match devices other than these by number, because a number stays when the device is renamed. */
static int put_devices(const struct sp_plane_guard *lock, struct sp_buf *out)
{
	for (size_t i = 0; i < lock->count; i++)
		if (lock->names[i].kind == SP_PLANE_LISTED && lock->names[i].ifindex)
			sp_buf_printf(out, "%s%u", out->len ? ", " : "iif != { ",
				      lock->names[i].ifindex);
	if (out->len)
		sp_buf_put(out, " } ");
	return out->error ? -ENOMEM : 0;
}

/* ---- rules ---- */

struct rules {
	struct sp_buf text;
	struct sp_buf names[3]; /* by enum sp_plane_guarded_kind */
	struct sp_buf
		devices; /* "iif != { 3, 4 } " of the listed interfaces; "" if none is present */
	bool is_sampled; /* some of the dropped packets are reported by NFLOG */
};

static void rules_done(struct rules *rules)
{
	sp_buf_done(&rules->text);
	sp_buf_done(&rules->devices);
	for (size_t i = 0; i < SP_ARRAY_LEN(rules->names); i++)
		sp_buf_done(&rules->names[i]);
}

/* Write a rule for the interfaces of one kind; none if there are none. @format has their names as
 * its %s. */
static void put_for(struct rules *rules, enum sp_plane_guarded_kind kind, const char *before,
		    const char *behind)
{
	if (rules->names[kind].len)
		sp_buf_printf(&rules->text, "add rule " TABLE " %s { %s } %s\n", before,
			      sp_buf_get(&rules->names[kind]), behind);
}

/* Write a rule for packets that interfaces of this kind let in unjudged. */
static void put_for_arriving(struct rules *rules, enum sp_plane_guarded_kind kind,
			     const char *behind)
{
	if (rules->names[kind].len)
		sp_buf_printf(&rules->text,
			      "add rule " TABLE " arriving iifname { %s } %s%s accept\n",
			      sp_buf_get(&rules->names[kind]),
			      rules->devices.len ? sp_buf_get(&rules->devices) : "", behind);
}

/* Drop and count the packets that @match describes: a chain, then conditions. */
static void put_drop(struct rules *rules, enum sp_plane_drop drop, const char *match)
{
	if (rules->is_sampled)
		sp_buf_printf(&rules->text, "add rule " TABLE " %s " SAMPLE "\n", match,
			      drop_names[drop], SP_EBPF_LOCK_LOG_GROUP, SP_EBPF_LOCK_LOG_BYTES);
	sp_buf_printf(&rules->text, "add rule " TABLE " %s counter name %s drop\n", match,
		      drop_names[drop]);
}

/* Write a rule for packets forwarded from a listed interface (@way "iifname") or to one
 * ("oifname"). */
static int put_drop_of_listed(struct rules *rules, const char *way)
{
	__sp_free char *match = NULL;
	int r = sp_str_format(&match, "passing %s { %s }", way,
			      sp_buf_get(&rules->names[SP_PLANE_LISTED]));

	if (r == 0)
		put_drop(rules, SP_PLANE_DROP_UNLISTED, match);
	return r;
}

static void put_arriving(struct rules *rules, bool is_narrow)
{
	sp_buf_put(&rules->text, "add rule " TABLE " arriving " IS_PASSED " accept\n"
				 "add rule " TABLE " arriving iifname \"lo\" accept\n");
	put_for_arriving(rules, SP_PLANE_UNMANAGED, SET_JUDGED);
	put_for_arriving(rules, SP_PLANE_UNLISTED, CLEAR_MARK);
	if (is_narrow)
		put_for(rules, SP_PLANE_LISTED, "arriving iifname !=", "accept");
	if (!is_narrow || rules->names[SP_PLANE_LISTED].len)
		put_drop(rules, SP_PLANE_DROP_UNJUDGED, "arriving");
}

static int put_passing(struct rules *rules, bool is_open)
{
	const char *listed = sp_buf_get(&rules->names[SP_PLANE_LISTED]);

	if (!is_open)
		put_drop(rules, SP_PLANE_DROP_CLOSED, "passing");
	if (!rules->names[SP_PLANE_LISTED].len)
		return 0;
	sp_buf_printf(&rules->text,
		      "add rule " TABLE " passing iifname { %s } oifname { %s } accept\n", listed,
		      listed);
	put_for(rules, SP_PLANE_UNMANAGED, "passing iifname", "accept");
	put_for(rules, SP_PLANE_UNMANAGED, "passing oifname", "accept");
	return put_drop_of_listed(rules, "iifname") < 0 ? -ENOMEM
							: put_drop_of_listed(rules, "oifname");
}

/* A packet marked as a reply has to be forwarded: a delivered one is dropped. The mark of a judged
 * packet ends with its delivery, because the packet inside it (GRE, IPIP, ESP) was not judged. */
static void put_delivered(struct rules *rules)
{
	put_drop(rules, SP_PLANE_DROP_ASTRAY, "delivered iifname != \"lo\" " IS_REPLY);
	sp_buf_put(&rules->text, "add rule " TABLE " delivered " IS_PASSED " " CLEAR_MARK "\n");
}

/* Chains are made before they are flushed, so that a first run and any later one do the same. */
static int put_table(struct rules *rules, const struct sp_plane_guard *lock)
{
	if (lock->is_anew)
		sp_buf_put(&rules->text, REMOVE);
	sp_buf_put(&rules->text, "add table " TABLE "\n"
#define X(id, name, text) "add counter " TABLE " " name "\n"
		   SP_PLANE_DROPS(X)
#undef X
			   "add chain " TABLE " arriving "
			   "{ type filter hook prerouting priority " BEFORE_ALL
			   "; policy accept; }\n"
			   "add chain " TABLE " delivered "
			   "{ type filter hook input priority " BEFORE_ALL "; policy accept; }\n"
			   "add chain " TABLE " passing "
			   "{ type filter hook forward priority " BEFORE_ALL "; policy accept; }\n"
			   "flush table " TABLE "\n");
	put_arriving(rules, lock->state == SP_PLANE_GUARD_TUNNEL);
	put_delivered(rules);
	return put_passing(rules, lock->state == SP_PLANE_GUARD_OPEN) < 0 || rules->text.error
		       ? -ENOMEM
		       : 0;
}

/* ---- looking ---- */

int sp_ebpf_lock_read(char **ret_text)
{
	int r = sp_ebpf_nft_run(TABLE, "list table " TABLE "\n", NFT_CTX_OUTPUT_STATELESS, ret_text,
				NULL);

	return r == -EOPNOTSUPP ? -ENOENT : r;
}

static void read_counter(const char *text, const char *name, struct sp_counter *ret_counter)
{
	unsigned long long packets, bytes;
	char head[32];
	const char *at;

	snprintf(head, sizeof(head), "counter %s ", name);
	at = strstr(text, head);
	at = at ? strstr(at, "packets ") : NULL;
	if (at && sscanf(at, "packets %llu bytes %llu", &packets, &bytes) == 2)
		*ret_counter = (struct sp_counter){ packets, bytes };
}

int sp_ebpf_lock_counters(struct sp_counter ret_counters[SP_PLANE_DROP_COUNT])
{
	__sp_free char *text = NULL;
	int r = sp_ebpf_nft_run(TABLE, "list counters table " TABLE "\n", 0, &text, NULL);

	if (r == -EOPNOTSUPP)
		return -ENOENT;
	if (r < 0)
		return r;
	memset(ret_counters, 0, SP_PLANE_DROP_COUNT * sizeof(*ret_counters));
	for (int drop = 0; drop < SP_PLANE_DROP_COUNT; drop++)
		read_counter(text, drop_names[drop], &ret_counters[drop]);
	return 0;
}

/* ---- setting it ---- */

static int put(const struct sp_plane_guard *lock, bool is_sampled, struct sp_plane_error *error)
{
	__sp_cleanup(rules_done) struct rules rules = { .is_sampled = is_sampled };
	int r = 0;

	sp_ebpf_begin(error);
	for (int kind = 0; r == 0 && kind <= SP_PLANE_UNLISTED; kind++)
		r = list_names(lock, kind, &rules.names[kind], error);
	if (r == 0)
		r = put_devices(lock, &rules.devices);
	if (r == 0)
		r = put_table(&rules, lock);
	if (r == 0)
		r = sp_ebpf_nft_run(TABLE, sp_buf_get(&rules.text), 0, NULL, error);
	return sp_ebpf_end(error, r);
}

/* The lock is put without samples if NFLOG is missing: it still drops and counts. */
int sp_ebpf_lock(const struct sp_plane_guard *lock, struct sp_plane_error *error)
{
	int r = put(lock, true, error);

	if (r != -EOPNOTSUPP)
		return r;
	r = put(lock, false, error);
	return r == 0 ? 1 : r;
}

int sp_ebpf_unlock(struct sp_plane_error *error)
{
	return sp_ebpf_nft_run(TABLE, REMOVE, 0, NULL, error);
}
