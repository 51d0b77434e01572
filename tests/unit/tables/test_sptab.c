/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <openssl/sha.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "../policy/hand.h"
#include "tables/tables.h"

SP_DEFINE_CLEANUP(struct sp_tables *, sp_tables_free);
#define __hand __sp_cleanup(hand_done)
#define __tables __sp_cleanup(sp_tables_freep)

static void small_policy(struct hand *hand)
{
	hand_self(hand, "192.0.2.1");
	hand_pool(hand, "100.64.0.0/16 fd00:64::/64");
	hand_route(hand, "10.0.0.0/8", SP_ZONE_INSIDE);
	hand->policy.bogons = hand_network(hand, "bogons", "127.0.0.0/8 ::1", "");
	hand->policy.drop_bogons = true;
	hand_network(hand, "db", "10.30.8.0/24 2001:db8:30::/48", "10.30.8.13");
	hand_rule(hand, SP_RULE_EXPOSE, "portal", "", "self", "tcp/443");
	hand_rule(hand, SP_RULE_PROTECT, "admin", "db", "self", "tcp/22");
	hand_rule(hand, SP_RULE_ALLOW, "db", "any", "db", "tcp/5432 icmp/8");
	hand_rule(hand, SP_RULE_DENY, "no", "db", "any", "proto/47");
	memset(hand->policy.generation, 0xa5, sizeof(hand->policy.generation));
	hand_parked(hand, 8443, "10.30.8.53 100.64.0.1");
}

struct file {
	uint8_t *bytes;
	size_t len;
};

static void file_done(struct file *file)
{
	free(file->bytes);
}
#define __file __sp_cleanup(file_done)

static void write_small(struct file *file)
{
	__hand struct hand hand = { 0 };
	__tables struct sp_tables *tables = NULL;

	small_policy(&hand);
	assert_int_equal(sp_tables_compile(&hand.policy, &hand.gateway, &hand.facts, &tables), 0);
	assert_int_equal(sp_sptab_write(tables, &file->bytes, &file->len), 0);
}

/* Make the checksum right again: what is then refused is refused for its content. */
static void seal(struct file *file)
{
	SHA256(file->bytes, file->len - 32, file->bytes + file->len - 32);
}

static int read_back(const struct file *file)
{
	__tables struct sp_tables *tables = NULL;
	int r = sp_sptab_read(file->bytes, file->len, &tables);

	assert_true(r == 0 || !tables);
	return r;
}

/* Where section @id's rows start. */
static size_t section(const struct file *file, uint32_t id, size_t *ret_len)
{
	size_t at = 8;

	for (;;) {
		size_t len = sp_get_le64(file->bytes + at + 8);

		if (sp_get_le32(file->bytes + at) == id) {
			if (ret_len)
				*ret_len = len;
			return at + 16;
		}
		at += 16 + len + (-len & 7);
		assert_true(at < file->len - 32);
	}
}

static void what_was_written_reads_the_same(void **state)
{
	__hand struct hand hand = { 0 };
	__tables struct sp_tables *tables = NULL;
	__tables struct sp_tables *back = NULL;

	(void)state;
	small_policy(&hand);
	assert_int_equal(sp_tables_compile(&hand.policy, &hand.gateway, &hand.facts, &tables), 0);

	__file struct file file = { 0 };
	__file struct file again = { 0 };
	assert_int_equal(sp_sptab_write(tables, &file.bytes, &file.len), 0);
	assert_int_equal(sp_sptab_read(file.bytes, file.len, &back), 0);
	assert_null(back->index);
	assert_memory_equal(back->generation, tables->generation, 32);
	assert_int_equal(back->flags, tables->flags);
	assert_int_equal(back->self_class, tables->self_class);
	assert_int_equal(tables->portal_port, 8443);
	assert_int_equal(back->portal_port, 8443);
	assert_int_equal(back->class_count, tables->class_count);
	assert_int_equal(back->netset_count, tables->netset_count);
	assert_int_equal(back->src_count, tables->src_count);
	assert_memory_equal(back->src, tables->src, tables->src_count * sizeof(*tables->src));
	assert_int_equal(back->dst_count, tables->dst_count);
	assert_memory_equal(back->dst, tables->dst, tables->dst_count * sizeof(*tables->dst));
	assert_memory_equal(back->svc, tables->svc, sizeof(tables->svc));
	assert_int_equal(back->pair_count, tables->pair_count);
	assert_int_equal(back->profile_count, tables->profile_count);
	assert_memory_equal(back->verdict, tables->verdict,
			    (size_t)tables->profile_count * tables->svcset_count *
				    sizeof(*tables->verdict));
	for (uint32_t c = 0; c < tables->class_count; c++)
		for (uint32_t n = 0; n < tables->netset_count; n++)
			for (uint32_t slot = 0; slot < SP_SVC_SLOTS; slot += 61)
				assert_memory_equal(sp_tables_decide(tables, c, n, slot),
						    sp_tables_decide(back, c, n, slot),
						    sizeof(struct sp_verdict));
	assert_int_equal(sp_sptab_write(back, &again.bytes, &again.len), 0);
	assert_int_equal(again.len, file.len);
	assert_memory_equal(again.bytes, file.bytes, file.len);
}

static void tables_from_a_file_take_no_identities(void **state)
{
	__file struct file file = { 0 };
	__tables struct sp_tables *tables = NULL;
	struct sp_identity nobody = { 0 };
	uint32_t class_id[2], netset[2];

	(void)state;
	write_small(&file);
	assert_int_equal(sp_sptab_read(file.bytes, file.len, &tables), 0);
	assert_int_equal(sp_tables_add_identity(tables, &nobody, class_id, netset, NULL), -EINVAL);
}

/* An identity's pairs come behind the others: the file does not care in which order they were made.
 */
static void the_same_tables_give_the_same_bytes(void **state)
{
	struct file files[2] = { 0 };

	(void)state;
	for (int order = 0; order < 2; order++) {
		__hand struct hand hand = { 0 };
		__tables struct sp_tables *tables = NULL;
		struct sp_pair_row first;

		small_policy(&hand);
		assert_int_equal(
			sp_tables_compile(&hand.policy, &hand.gateway, &hand.facts, &tables), 0);
		assert_true(tables->pair_count >= 2);
		if (order) {
			first = tables->pair[0];
			tables->pair[0] = tables->pair[1];
			tables->pair[1] = first;
		}
		assert_int_equal(sp_sptab_write(tables, &files[order].bytes, &files[order].len), 0);
	}
	assert_int_equal(files[0].len, files[1].len);
	assert_memory_equal(files[0].bytes, files[1].bytes, files[0].len);
	file_done(&files[0]);
	file_done(&files[1]);
}

static void every_short_file_is_refused(void **state)
{
	__file struct file file = { 0 };
	struct file part;

	(void)state;
	write_small(&file);
	for (size_t len = 0; len < file.len; len += len < 4096 ? 1 : 997) {
		__sp_free uint8_t *copy = malloc(len + 1);

		memcpy(copy, file.bytes, len);
		part = (struct file){ copy, len };
		assert_int_equal(read_back(&part), -EBADMSG);
		if (len < 40)
			continue;
		seal(&part);
		assert_int_equal(read_back(&part), -EBADMSG);
	}
}

static void a_longer_file_is_refused(void **state)
{
	__file struct file file = { 0 };

	(void)state;
	write_small(&file);
	file.bytes = realloc(file.bytes, file.len + 8);
	memset(file.bytes + file.len, 0, 8);
	file.len += 8;
	seal(&file);
	assert_int_equal(read_back(&file), -EBADMSG);
}

static void any_changed_byte_breaks_the_checksum(void **state)
{
	__file struct file file = { 0 };

	(void)state;
	write_small(&file);
	for (size_t at = 0; at < file.len; at += at < 2048 ? 1 : 4099) {
		file.bytes[at] ^= 0x10;
		assert_int_equal(read_back(&file), -EBADMSG);
		file.bytes[at] ^= 0x10;
	}
	assert_int_equal(read_back(&file), 0);
}

enum { HEAD = 1, SRC, DST, SVC, PAIR, VERDICT };

/* One value that is off, checksum right: refused. */
static void content_that_is_off_is_refused(void **state)
{
	static const struct {
		const char *what;
		uint32_t section;
		size_t at;
		uint8_t size;
		uint64_t value;
	} cases[] = {
		{ "unknown flag", HEAD, 32, 4, 16 },
		{ "two ways to refuse", HEAD, 32, 4, 12 },
		{ "no class", HEAD, 36, 4, 0 },
		{ "too many classes", HEAD, 36, 4, SP_TABLES_CLASS_MAX + 1 },
		{ "fewer classes than used", HEAD, 36, 4, 1 },
		{ "no network set", HEAD, 40, 4, 0 },
		{ "fewer network sets than used", HEAD, 40, 4, 1 },
		{ "no service set", HEAD, 44, 4, 0 },
		{ "too many service sets", HEAD, 44, 4, SP_TABLES_SVCSET_MAX + 1 },
		{ "other number of service sets", HEAD, 44, 4, 2 },
		{ "no profile", HEAD, 48, 4, 0 },
		{ "too many profiles", HEAD, 48, 4, UINT32_MAX },
		{ "class of the gateway", HEAD, 54, 2, 60000 },
		{ "prefix length", SRC, 0, 4, 129 },
		{ "first row is no default route", SRC, 0, 4, 1 },
		{ "host bits", SRC, 4 + 15, 1, 1 },
		{ "class", SRC, 20, 4, 1000 },
		{ "home", SRC, 32, 1, SP_HOME_UNKNOWN + 1 },
		{ "drop reason", SRC, 33, 1, SP_REASON_LIMIT },
		{ "source flags", SRC, 34, 1, 2 },
		{ "padding of a source", SRC, 35, 1, 1 },
		{ "row not behind the one before", SRC, 40, 4, 0 },
		{ "destination prefix length", DST, 0, 4, 200 },
		{ "network set", DST, 20, 4, 1000 },
		{ "destination flags", DST, 24, 4, 16 },
		{ "pool and self", DST, 24, 4, 3 },
		{ "service set", SVC, 0, 2, 1000 },
		{ "service set of the last slot", SVC, 2 * (SP_SVC_SLOTS - 1), 2, 1000 },
		{ "class of a pair", PAIR, 0, 4, 1000 },
		{ "network set of a pair", PAIR, 4, 4, 1000 },
		{ "profile of a pair", PAIR, 8, 4, 1000 },
		{ "pair with the default profile", PAIR, 8, 4, 0 },
		{ "pairs out of order", PAIR, 12, 8, 0 },
		{ "action", VERDICT, 0, 1, SP_VERDICT_COUNT },
		{ "profile 0 allows", VERDICT, 0, 1, SP_ALLOW },
		{ "profile 0 names a rule", VERDICT, 4, 4, 1 },
		{ "reason none", VERDICT, 1, 1, SP_REASON_NONE },
		{ "reason nobody decides by", VERDICT, 1, 1, SP_REASON_REPLY },
		{ "log", VERDICT, 2, 1, SP_LOG_ALL + 1 },
		{ "padding of a verdict", VERDICT, 3, 1, 1 },
		{ "rule", VERDICT, 4, 4, SP_RULE_MAX },
		{ "audit rule", VERDICT, 8, 4, SP_RULE_MAX },
		{ "a limit", VERDICT, 12, 4, 1 },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__file struct file file = { 0 };
		uint8_t *at;

		write_small(&file);
		at = file.bytes + section(&file, cases[i].section, NULL) + cases[i].at;
		for (unsigned b = 0; b < cases[i].size; b++)
			at[b] = (uint8_t)(cases[i].value >> (8 * b));
		seal(&file);
		if (read_back(&file) != -EBADMSG)
			fail_msg("%s was taken", cases[i].what);
	}
}

static void sections_are_each_there_once_and_in_order(void **state)
{
	__file struct file file = { 0 };

	(void)state;
	write_small(&file);
	for (uint32_t id = HEAD; id <= VERDICT; id++) {
		size_t len, at = section(&file, id, &len);

		sp_put_le32(file.bytes + at - 16, id % 6 + 1);
		seal(&file);
		assert_int_equal(read_back(&file), -EBADMSG);
		sp_put_le32(file.bytes + at - 16, id);
		file.bytes[at - 12] = 1;
		seal(&file);
		assert_int_equal(read_back(&file), -EBADMSG);
		file.bytes[at - 12] = 0;
		for (unsigned n = 0; n < 4; n++) {
			const uint64_t lengths[] = { 0, len + 1, len + 8, UINT64_MAX - 7 };

			sp_put_le64(file.bytes + at - 8, lengths[n]);
			seal(&file);
			assert_int_equal(read_back(&file), -EBADMSG);
		}
		sp_put_le64(file.bytes + at - 8, len);
		if (len % 8) {
			file.bytes[at + len] = 1;
			seal(&file);
			assert_int_equal(read_back(&file), -EBADMSG);
			file.bytes[at + len] = 0;
		}
	}
	seal(&file);
	assert_int_equal(read_back(&file), 0);
}

static void both_default_routes_are_required(void **state)
{
	(void)state;
	for (uint32_t id = SRC; id <= DST; id++) {
		__file struct file file = { 0 };
		size_t row = id == SRC ? 40 : 28, len, at, n;

		write_small(&file);
		at = section(&file, id, &len);
		for (n = 0; n < len / row; n++)
			if (sp_get_le32(file.bytes + at + n * row) == 96)
				break;
		assert_true(n < len / row);
		sp_put_le32(file.bytes + at + n * row, 97);
		seal(&file);
		assert_int_equal(read_back(&file), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_reads_the_same),
		cmocka_unit_test(tables_from_a_file_take_no_identities),
		cmocka_unit_test(the_same_tables_give_the_same_bytes),
		cmocka_unit_test(every_short_file_is_refused),
		cmocka_unit_test(a_longer_file_is_refused),
		cmocka_unit_test(any_changed_byte_breaks_the_checksum),
		cmocka_unit_test(content_that_is_off_is_refused),
		cmocka_unit_test(sections_are_each_there_once_and_in_order),
		cmocka_unit_test(both_default_routes_are_required),
	};

	return cmocka_run_group_tests_name("sptab", tests, NULL, NULL);
}
