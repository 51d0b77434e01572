/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "net/addr.h"
#include "wg/tables/allowed_ips.h"

struct sp_wg_engine_peer {
	struct sp_wg_allowed_list list;
	char name;
};

static struct sp_prefix prefix_of(const char *text)
{
	struct sp_prefix prefix;

	assert_int_equal(sp_prefix_parse(text, &prefix), 0);
	return prefix;
}

static void give(struct sp_wg_allowed_ips *ips, struct sp_wg_engine_peer *peer, const char *text)
{
	struct sp_prefix prefix = prefix_of(text);

	assert_int_equal(sp_wg_allowed_ips_insert(ips, &prefix, peer, &peer->list), 0);
}

static char owner(const struct sp_wg_allowed_ips *ips, const char *text)
{
	struct sp_addr addr;
	struct sp_wg_engine_peer *peer;

	assert_int_equal(sp_addr_parse(text, &addr), 0);
	peer = sp_wg_allowed_ips_find(ips, &addr);
	return peer ? peer->name : '-';
}

static void done(struct sp_wg_allowed_ips *ips, struct sp_wg_engine_peer *peers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		sp_wg_allowed_ips_remove_all(ips, &peers[i].list);
		assert_int_equal(peers[i].list.count, 0);
	}
	assert_int_equal(ips->count, 0);
	assert_null(ips->roots[0]);
	assert_null(ips->roots[1]);
}

static void the_longest_prefix_wins(void **state)
{
	static const struct {
		const char *addr;
		char owner;
	} rows[] = {
		{ "192.168.4.20", 'a' },
		{ "192.168.4.0", 'a' },
		{ "192.168.4.4", 'b' },
		{ "192.168.200.182", 'c' },
		{ "192.95.5.68", 'c' },
		{ "192.95.5.95", 'e' },
		{ "192.168.3.1", 'd' },
		{ "10.0.0.1", 'c' },
		{ "::1", '-' },
		{ "2607:5300:60:6b00::c05f:543", 'd' },
		{ "2607:5300:60:6b01::", 'f' },
		{ "2607:5300:60:6b00::", 'f' },
	};
	struct sp_wg_engine_peer peers[6] = { { .name = 'a' }, { .name = 'b' }, { .name = 'c' },
					      { .name = 'd' }, { .name = 'e' }, { .name = 'f' } };
	struct sp_wg_allowed_ips ips = { 0 };

	(void)state;
	give(&ips, &peers[0], "192.168.4.0/24");
	give(&ips, &peers[1], "192.168.4.4/32");
	give(&ips, &peers[3], "192.168.0.0/16");
	give(&ips, &peers[4], "192.95.5.64/27");
	give(&ips, &peers[2], "192.95.5.64/28");
	give(&ips, &peers[2], "0.0.0.0/0");
	give(&ips, &peers[2], "192.168.200.128/25");
	give(&ips, &peers[5], "2607:5300:60::/48");
	give(&ips, &peers[3], "2607:5300:60:6b00::c05f:543/128");
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++)
		if (owner(&ips, rows[i].addr) != rows[i].owner)
			fail_msg("%s belongs to %c", rows[i].addr, owner(&ips, rows[i].addr));
	done(&ips, peers, 6);
}

static void a_default_route_answers_for_its_own_family_only(void **state)
{
	struct sp_wg_engine_peer peers[2] = { { .name = 'a' }, { .name = 'b' } };
	struct sp_wg_allowed_ips ips = { 0 };
	struct sp_prefix bad = prefix_of("10.0.0.0/8");

	(void)state;
	give(&ips, &peers[0], "::/0");
	assert_int_equal(owner(&ips, "10.0.0.1"), '-');
	assert_int_equal(owner(&ips, "2001:db8::1"), 'a');
	give(&ips, &peers[1], "0.0.0.0/0");
	assert_int_equal(owner(&ips, "10.0.0.1"), 'b');
	assert_int_equal(owner(&ips, "2001:db8::1"), 'a');
	sp_wg_allowed_ips_remove_all(&ips, &peers[0].list);
	assert_int_equal(owner(&ips, "2001:db8::1"), '-');
	assert_int_equal(owner(&ips, "10.0.0.1"), 'b');
	bad.addr[15] = 1;
	assert_int_equal(sp_wg_allowed_ips_insert(&ips, &bad, &peers[0], &peers[0].list), -EINVAL);
	bad.prefix_len = 129;
	assert_int_equal(sp_wg_allowed_ips_insert(&ips, &bad, &peers[0], &peers[0].list), -EINVAL);
	done(&ips, peers, 2);
}

static void a_prefix_moves_to_whoever_is_given_it(void **state)
{
	struct sp_wg_engine_peer peers[2] = { { .name = 'a' }, { .name = 'b' } };
	struct sp_wg_allowed_ips ips = { 0 };
	struct sp_prefix prefix = prefix_of("10.1.0.0/16"), found;
	struct sp_wg_allowed_cursor cursor;

	(void)state;
	give(&ips, &peers[0], "10.1.0.0/16");
	give(&ips, &peers[1], "10.1.0.0/16");
	assert_int_equal(owner(&ips, "10.1.2.3"), 'b');
	assert_int_equal(peers[0].list.count, 0);
	assert_int_equal(sp_wg_allowed_ips_remove(&ips, &prefix, &peers[0].list), -ENOENT);
	sp_wg_allowed_cursor_open(&ips, &peers[1].list, &cursor);
	assert_true(sp_wg_allowed_cursor_next(&cursor, &found));
	sp_wg_allowed_cursor_close(&ips, &cursor);
	assert_int_equal(sp_prefix_compare(&found, &prefix), 0);
	assert_int_equal(sp_wg_allowed_ips_remove(&ips, &prefix, &peers[1].list), 0);
	assert_int_equal(owner(&ips, "10.1.2.3"), '-');
	done(&ips, peers, 2);
}

/* Against a list searched from end to end, with few enough bits that prefixes nest and collide. */
struct naive {
	struct sp_prefix prefix;
	struct sp_wg_engine_peer *peer;
};

static struct sp_wg_engine_peer *naive_find(const struct naive *list, size_t count,
					    const struct sp_addr *addr)
{
	const struct naive *best = NULL;

	for (size_t i = 0; i < count; i++) {
		struct sp_addr start;

		memcpy(start.b, list[i].prefix.addr, sizeof(start.b));
		if ((list[i].prefix.prefix_len >= 96 && sp_addr_is_v4(&start)) !=
		    sp_addr_is_v4(addr))
			continue;
		if (list[i].peer && sp_prefix_contains(&list[i].prefix, addr) &&
		    (!best || list[i].prefix.prefix_len > best->prefix.prefix_len))
			best = &list[i];
	}
	return best ? best->peer : NULL;
}

static void random_addr(struct sp_addr *ret_addr)
{
	bool v4 = random() % 2;

	memset(ret_addr, 0, sizeof(*ret_addr));
	ret_addr->b[0] = v4 ? 0 : 0x20;
	ret_addr->b[7] = v4 ? 0 : random() % 3;
	ret_addr->b[10] = ret_addr->b[11] = v4 ? 0xff : 0;
	ret_addr->b[12] = 10;
	ret_addr->b[13] = random() % 2;
	ret_addr->b[14] = (uint8_t)(random() % 4 * 64);
	ret_addr->b[15] = (uint8_t)random();
}

static void random_prefix(struct sp_prefix *ret_prefix)
{
	struct sp_addr addr;

	random_addr(&addr);
	memcpy(ret_prefix->addr, addr.b, sizeof(addr.b));
	ret_prefix->prefix_len =
		sp_addr_is_v4(&addr) ? 96 + (uint32_t)random() % 33 : (uint32_t)random() % 129;
	sp_prefix_mask(ret_prefix);
}

static void naive_insert(struct naive *list, size_t *count, const struct naive *entry)
{
	for (size_t i = 0; i < *count; i++) {
		if (sp_prefix_compare(&list[i].prefix, &entry->prefix) == 0) {
			list[i].peer = entry->peer;
			return;
		}
	}
	list[(*count)++] = *entry;
}

static void equals_a_naive_list(void **state)
{
	enum { PEERS = 8, STEPS = 3000 };
	static struct naive list[STEPS];

	(void)state;
	for (unsigned int seed = 1; seed <= 8; seed++) {
		struct sp_wg_engine_peer peers[PEERS] = { 0 };
		struct sp_wg_allowed_ips ips = { 0 };
		size_t count = 0;

		srandom(seed);
		for (int step = 0; step < STEPS; step++) {
			struct naive entry = { .peer = &peers[random() % PEERS] };
			struct sp_addr addr;
			long what = random() % 20;

			random_prefix(&entry.prefix);
			if (what < 8) {
				assert_int_equal(sp_wg_allowed_ips_insert(&ips, &entry.prefix,
									  entry.peer,
									  &entry.peer->list),
						 0);
				naive_insert(list, &count, &entry);
			} else if (what < 12 && count) {
				struct naive *gone = &list[random() % (long)count];
				struct sp_wg_engine_peer *peer =
					gone->peer ? gone->peer : &peers[0];

				assert_int_equal(
					sp_wg_allowed_ips_remove(&ips, &gone->prefix, &peer->list),
					gone->peer ? 0 : -ENOENT);
				gone->peer = NULL;
			} else if (what == 12 && step % 5 == 0) {
				sp_wg_allowed_ips_remove_all(&ips, &entry.peer->list);
				for (size_t i = 0; i < count; i++)
					if (list[i].peer == entry.peer)
						list[i].peer = NULL;
			}
			random_addr(&addr);
			assert_ptr_equal(sp_wg_allowed_ips_find(&ips, &addr),
					 naive_find(list, count, &addr));
		}
		done(&ips, peers, PEERS);
	}
}

static void a_hundred_thousand_entries(void **state)
{
	enum { N = 100000 };
	struct sp_wg_engine_peer *peers = test_calloc(N, sizeof(*peers));
	struct sp_wg_allowed_ips ips = { 0 };

	(void)state;
	for (unsigned int i = 0; i < N; i++) {
		struct sp_addr addr = sp_addr_from_v4((uint8_t[4]){
			100, (uint8_t)(64 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i });
		struct sp_prefix prefix = { .prefix_len = 128 };

		memcpy(prefix.addr, addr.b, sizeof(addr.b));
		assert_int_equal(sp_wg_allowed_ips_insert(&ips, &prefix, &peers[i], &peers[i].list),
				 0);
		prefix.addr[0] = 0xfd;
		assert_int_equal(sp_wg_allowed_ips_insert(&ips, &prefix, &peers[i], &peers[i].list),
				 0);
	}
	assert_int_equal(ips.count, 2 * N);
	for (unsigned int i = 0; i < N; i += 7) {
		struct sp_addr addr = sp_addr_from_v4((uint8_t[4]){
			100, (uint8_t)(64 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i });

		assert_ptr_equal(sp_wg_allowed_ips_find(&ips, &addr), &peers[i]);
	}
	done(&ips, peers, N);
	test_free(peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_prefix_wins),
		cmocka_unit_test(a_default_route_answers_for_its_own_family_only),
		cmocka_unit_test(a_prefix_moves_to_whoever_is_given_it),
		cmocka_unit_test(equals_a_naive_list),
		cmocka_unit_test(a_hundred_thousand_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
