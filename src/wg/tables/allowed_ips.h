/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cryptokey routing: which peer owns an inner address. One path-compressed binary trie for each
 * family, so that ::/0 never answers for IPv4; the longest prefix wins. Each entry also hangs in
 * its peer's list, so a peer's entries go without walking the rest.
 *
 * Invariants: a node without a peer has two children; a child's prefix is longer than its parent's
 * and inside it; a prefix belongs to at most one peer.
 * Source: WireGuard paper, section 2. */
#ifndef SALLYPORT_WG_ALLOWED_IPS_H
#define SALLYPORT_WG_ALLOWED_IPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/abi/tables.h>

struct sp_wg_engine_peer;

struct sp_wg_allowed_ip;

struct sp_wg_allowed_ips {
	struct sp_wg_allowed_ip *roots[2]; /* IPv4, IPv6 */
	size_t count;                      /* prefixes with a peer */
	struct sp_wg_allowed_cursor *cursors;
};

/* The head of one peer's list; all zero is empty. */
struct sp_wg_allowed_list {
	struct sp_wg_allowed_ip *first, *last;
	size_t count;
};

/* Give @prefix (16-byte form, host bits zero) to @peer, taking it from the peer that had it. The
 * prefix goes behind the others of @list, the list of @peer. Returns 0; -EINVAL host bits set or
 * length over 128; -ENOMEM, nothing changed. */
int sp_wg_allowed_ips_insert(struct sp_wg_allowed_ips *ips, const struct sp_prefix *prefix,
			     struct sp_wg_engine_peer *peer, struct sp_wg_allowed_list *list);

/* Remove one prefix if @list holds it. Returns 0; -ENOENT. */
int sp_wg_allowed_ips_remove(struct sp_wg_allowed_ips *ips, const struct sp_prefix *prefix,
			     struct sp_wg_allowed_list *list);

/* Remove everything a peer holds. */
void sp_wg_allowed_ips_remove_all(struct sp_wg_allowed_ips *ips, struct sp_wg_allowed_list *list);

/* Remove at most @max prefixes. Returns true if more are left. */
bool sp_wg_allowed_ips_remove_some(struct sp_wg_allowed_ips *ips, struct sp_wg_allowed_list *list,
				   size_t max);

/* The peer of the longest prefix that holds @addr, or NULL. */
struct sp_wg_engine_peer *sp_wg_allowed_ips_find(const struct sp_wg_allowed_ips *ips,
						 const struct sp_addr *addr);

/* A walk over a peer's prefixes, in the order they came, which may pause while prefixes are added
 * and removed: a prefix that stays is met once. Linked into @ips until closed. */
struct sp_wg_allowed_cursor {
	const struct sp_wg_allowed_ip *next;
	struct sp_wg_allowed_cursor *next_cursor;
};

/* Start before the first prefix of @list, which is one of @ips. */
void sp_wg_allowed_cursor_open(struct sp_wg_allowed_ips *ips, const struct sp_wg_allowed_list *list,
			       struct sp_wg_allowed_cursor *cursor);
/* False: there are no more. */
bool sp_wg_allowed_cursor_next(struct sp_wg_allowed_cursor *cursor, struct sp_prefix *ret_prefix);
/* Unlink @cursor from @ips; a cursor that is not linked is left alone. */
void sp_wg_allowed_cursor_close(struct sp_wg_allowed_ips *ips, struct sp_wg_allowed_cursor *cursor);

#endif
