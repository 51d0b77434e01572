/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wg/tables/allowed_ips.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "net/addr.h"

struct sp_wg_allowed_ip {
	/* the address in host order: the prefix's bit 0 is the top bit of high */
	uint64_t high, low;
	struct sp_wg_allowed_ip *children[2];
	struct sp_wg_allowed_ip *parent;
	struct sp_wg_engine_peer *peer; /* NULL: only a fork */
	struct sp_wg_allowed_list *list;
	struct sp_wg_allowed_ip *list_next, *list_previous;
	uint8_t len; /* 96..128 in the IPv4 trie */
	bool is_v4;
};

static unsigned int common_bits(uint64_t a_high, uint64_t a_low, uint64_t b_high, uint64_t b_low)
{
	if (a_high != b_high)
		return (unsigned int)__builtin_clzll(a_high ^ b_high);
	return a_low != b_low ? 64 + (unsigned int)__builtin_clzll(a_low ^ b_low) : 128;
}

static bool covers(const struct sp_wg_allowed_ip *node, uint64_t high, uint64_t low)
{
	return common_bits(node->high, node->low, high, low) >= node->len;
}

/* Which child of a node of length @len an address belongs to; @len under 128. */
static unsigned int side_of(uint64_t high, uint64_t low, unsigned int len)
{
	return len < 64 ? high >> (63 - len) & 1 : low >> (127 - len) & 1;
}

struct sp_wg_engine_peer *sp_wg_allowed_ips_find(const struct sp_wg_allowed_ips *ips,
						 const struct sp_addr *addr)
{
	uint64_t high = sp_get_be64(addr->b), low = sp_get_be64(addr->b + 8);
	const struct sp_wg_allowed_ip *node = ips->roots[!sp_addr_is_v4(addr)];
	struct sp_wg_engine_peer *found = NULL;

	while (node && covers(node, high, low)) {
		if (node->peer)
			found = node->peer;
		if (node->len == 128)
			break;
		node = node->children[side_of(high, low, node->len)];
	}
	return found;
}

static void list_add(struct sp_wg_allowed_ip *node, struct sp_wg_engine_peer *peer,
		     struct sp_wg_allowed_list *list)
{
	node->peer = peer;
	node->list = list;
	node->list_previous = list->last;
	node->list_next = NULL;
	*(list->last ? &list->last->list_next : &list->first) = node;
	list->last = node;
	list->count++;
}

static void list_remove(struct sp_wg_allowed_ips *ips, struct sp_wg_allowed_ip *node)
{
	for (struct sp_wg_allowed_cursor *cursor = ips->cursors; cursor;
	     cursor = cursor->next_cursor)
		if (cursor->next == node)
			cursor->next = node->list_next;
	if (node->list_previous)
		node->list_previous->list_next = node->list_next;
	else
		node->list->first = node->list_next;
	if (node->list_next)
		node->list_next->list_previous = node->list_previous;
	else
		node->list->last = node->list_previous;
	node->list->count--;
	node->list = NULL;
	node->peer = NULL;
	node->list_next = node->list_previous = NULL;
}

/* The place that holds the pointer to @node. */
static struct sp_wg_allowed_ip **link_to(struct sp_wg_allowed_ips *ips,
					 struct sp_wg_allowed_ip *node)
{
	if (!node->parent)
		return &ips->roots[!node->is_v4];
	return &node->parent->children[node->parent->children[1] == node];
}

/* Put @node in the place of @old, which may be nothing. */
static void put_at(struct sp_wg_allowed_ip **link, struct sp_wg_allowed_ip *parent,
		   struct sp_wg_allowed_ip *node)
{
	*link = node;
	if (node)
		node->parent = parent;
}

/* Take out a node that has no peer and is no fork any more. Its parent may then be no fork either,
 * and goes too. */
static void prune(struct sp_wg_allowed_ips *ips, struct sp_wg_allowed_ip *node)
{
	while (node && !node->peer && !(node->children[0] && node->children[1])) {
		struct sp_wg_allowed_ip *parent = node->parent;
		struct sp_wg_allowed_ip *child = node->children[!node->children[0]];

		put_at(link_to(ips, node), parent, child);
		free(node);
		node = parent;
	}
}

static struct sp_wg_allowed_ip *make_node(uint64_t high, uint64_t low, unsigned int len, bool is_v4)
{
	struct sp_wg_allowed_ip *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->high = len >= 64 ? high : len ? high & ~0ull << (64 - len) : 0;
	node->low = len <= 64 ? 0 : low & ~0ull << (128 - len);
	node->len = (uint8_t)len;
	node->is_v4 = is_v4;
	return node;
}

/* Walk down while the nodes are shorter than the prefix and cover it. *@ret_link is where the walk
 * ends: there is no node, or one that equals the prefix, lies inside it or lies beside it. */
static void descend(struct sp_wg_allowed_ips *ips, const struct sp_prefix *prefix,
		    struct sp_wg_allowed_ip ***ret_link, struct sp_wg_allowed_ip **ret_parent)
{
	uint64_t high = sp_get_be64(prefix->addr), low = sp_get_be64(prefix->addr + 8);
	struct sp_addr addr;
	struct sp_wg_allowed_ip **link;

	memcpy(addr.b, prefix->addr, sizeof(addr.b));
	link = &ips->roots[!(prefix->prefix_len >= 96 && sp_addr_is_v4(&addr))];
	*ret_parent = NULL;
	while (*link && (*link)->len < prefix->prefix_len && covers(*link, high, low)) {
		*ret_parent = *link;
		link = &(*link)->children[side_of(high, low, (*link)->len)];
	}
	*ret_link = link;
}

/* Add a node for the prefix at @link: above the node that is there, beside it, or in an empty
 * place. */
static struct sp_wg_allowed_ip *graft(struct sp_wg_allowed_ip **link,
				      struct sp_wg_allowed_ip *parent,
				      const struct sp_prefix *prefix, bool is_v4)
{
	uint64_t high = sp_get_be64(prefix->addr), low = sp_get_be64(prefix->addr + 8);
	struct sp_wg_allowed_ip *old = *link, *fork;
	struct sp_wg_allowed_ip *node = make_node(high, low, prefix->prefix_len, is_v4);
	unsigned int common;

	if (!node)
		return NULL;
	if (!old) {
		put_at(link, parent, node);
		return node;
	}
	common = common_bits(old->high, old->low, high, low);
	if (common >= node->len) { /* the old one is inside the new */
		put_at(link, parent, node);
		put_at(&node->children[side_of(old->high, old->low, node->len)], node, old);
		return node;
	}
	fork = make_node(high, low, common, is_v4);
	if (!fork) {
		free(node);
		return NULL;
	}
	put_at(link, parent, fork);
	put_at(&fork->children[side_of(high, low, common)], fork, node);
	put_at(&fork->children[side_of(old->high, old->low, common)], fork, old);
	return node;
}

int sp_wg_allowed_ips_insert(struct sp_wg_allowed_ips *ips, const struct sp_prefix *prefix,
			     struct sp_wg_engine_peer *peer, struct sp_wg_allowed_list *list)
{
	struct sp_wg_allowed_ip **link, *parent, *node;
	struct sp_prefix masked = *prefix;

	if (prefix->prefix_len > 128)
		return -EINVAL;
	sp_prefix_mask(&masked);
	if (memcmp(masked.addr, prefix->addr, sizeof(masked.addr)) != 0)
		return -EINVAL;
	descend(ips, prefix, &link, &parent);
	node = *link;
	if (!node || node->len != prefix->prefix_len ||
	    !covers(node, sp_get_be64(prefix->addr), sp_get_be64(prefix->addr + 8))) {
		node = graft(link, parent, prefix,
			     link == &ips->roots[0] || (parent && parent->is_v4));
		if (!node)
			return -ENOMEM;
	}
	if (node->list == list)
		return 0; /* the peer has this prefix already */
	if (node->peer) {
		list_remove(ips, node);
		ips->count--;
	}
	list_add(node, peer, list);
	ips->count++;
	return 0;
}

static void remove_node(struct sp_wg_allowed_ips *ips, struct sp_wg_allowed_ip *node)
{
	list_remove(ips, node);
	ips->count--;
	prune(ips, node);
}

int sp_wg_allowed_ips_remove(struct sp_wg_allowed_ips *ips, const struct sp_prefix *prefix,
			     struct sp_wg_allowed_list *list)
{
	struct sp_wg_allowed_ip **link, *parent;

	if (prefix->prefix_len > 128)
		return -ENOENT;
	descend(ips, prefix, &link, &parent);
	if (!*link || (*link)->len != prefix->prefix_len || (*link)->list != list ||
	    !covers(*link, sp_get_be64(prefix->addr), sp_get_be64(prefix->addr + 8)))
		return -ENOENT;
	remove_node(ips, *link);
	return 0;
}

void sp_wg_allowed_ips_remove_all(struct sp_wg_allowed_ips *ips, struct sp_wg_allowed_list *list)
{
	while (list->first)
		remove_node(ips, list->first);
}

bool sp_wg_allowed_ips_remove_some(struct sp_wg_allowed_ips *ips, struct sp_wg_allowed_list *list,
				   size_t max)
{
	for (; list->first && max > 0; max--)
		remove_node(ips, list->first);
	return list->first;
}

void sp_wg_allowed_cursor_open(struct sp_wg_allowed_ips *ips, const struct sp_wg_allowed_list *list,
			       struct sp_wg_allowed_cursor *cursor)
{
	cursor->next = list->first;
	cursor->next_cursor = ips->cursors;
	ips->cursors = cursor;
}

bool sp_wg_allowed_cursor_next(struct sp_wg_allowed_cursor *cursor, struct sp_prefix *ret_prefix)
{
	const struct sp_wg_allowed_ip *node = cursor->next;

	if (!node)
		return false;
	ret_prefix->prefix_len = node->len;
	sp_put_be64(ret_prefix->addr, node->high);
	sp_put_be64(ret_prefix->addr + 8, node->low);
	cursor->next = node->list_next;
	return true;
}

void sp_wg_allowed_cursor_close(struct sp_wg_allowed_ips *ips, struct sp_wg_allowed_cursor *cursor)
{
	struct sp_wg_allowed_cursor **link = &ips->cursors;

	while (*link && *link != cursor)
		link = &(*link)->next_cursor;
	if (*link)
		*link = cursor->next_cursor;
}
