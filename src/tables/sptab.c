/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decision tables as a file.
 *
 *	"SPTAB\0\0\2"
 *	six sections, each once and in this order, a seventh where there are limits, and one more
 *	where there are forwards:
 *		u32 id, u32 0, u64 length; the rows; zeros up to 8 bytes
 *	SHA-256 of everything before it
 *
 * Rows have the layout of <sallyport/abi/tables.h>, little endian, so a plane may map the file.
 * Reserved fields are zero. A reader refuses what it does not know, so a file with more in it needs
 * a newer reader. Given tables are written in one way only (pairs are sorted), and tables that were
 * read are written as the same bytes again. */
#include "tables/tables.h"

#include <errno.h>
#include <openssl/sha.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "net/addr.h"

static const uint8_t magic[8] = { 'S', 'P', 'T', 'A', 'B', 0, 0, 2 };

enum section { HEAD = 1, SRC, DST, SVC, PAIR, VERDICT, LIMIT, FWD };

#define HEAD_SIZE 56u
#define SRC_SIZE 40u
#define DST_SIZE 28u
#define SVC_SIZE 2u
#define PAIR_SIZE 12u
#define VERDICT_SIZE 24u
#define LIMIT_SIZE 40u
#define FWD_SIZE 32u
#define PERIOD_MAX UINT64_C(230400000000000) /* an hour */

SP_DEFINE_CLEANUP(struct sp_tables *, sp_tables_free);

static size_t padding(size_t len)
{
	return -len & 7;
}

/* ---- write ---- */

struct writer {
	uint8_t *next; /* the whole size was computed before, so nothing is checked here */
};

static uint8_t *advance(struct writer *writer, size_t len)
{
	uint8_t *here = writer->next;

	writer->next += len;
	return here;
}

static void put_bytes(struct writer *writer, const void *bytes, size_t len)
{
	memcpy(advance(writer, len), bytes, len);
}

static void put_u8(struct writer *writer, uint8_t value)
{
	*advance(writer, 1) = value;
}

static void put_u16(struct writer *writer, uint16_t value)
{
	sp_put_le16(advance(writer, 2), value);
}

static void put_u32(struct writer *writer, uint32_t value)
{
	sp_put_le32(advance(writer, 4), value);
}

static void put_u64(struct writer *writer, uint64_t value)
{
	sp_put_le64(advance(writer, 8), value);
}

static void put_section(struct writer *writer, enum section id, size_t len)
{
	put_u32(writer, id);
	put_u32(writer, 0);
	put_u64(writer, len);
}

static void put_prefix(struct writer *writer, const struct sp_prefix *prefix)
{
	put_u32(writer, prefix->prefix_len);
	put_bytes(writer, prefix->addr, sizeof(prefix->addr));
}

static void put_head(struct writer *writer, const struct sp_tables *tables)
{
	put_section(writer, HEAD, HEAD_SIZE);
	put_bytes(writer, tables->generation, sizeof(tables->generation));
	put_u32(writer, tables->flags);
	put_u32(writer, tables->class_count);
	put_u32(writer, tables->netset_count);
	put_u32(writer, tables->svcset_count);
	put_u32(writer, tables->profile_count);
	put_u16(writer, tables->portal_port);
	put_u16(writer, (uint16_t)tables->self_class); /* below SP_TABLES_CLASS_MAX */
}

static void put_src(struct writer *writer, const struct sp_tables *tables)
{
	size_t len = tables->src_count * SRC_SIZE;

	put_section(writer, SRC, len);
	for (size_t i = 0; i < tables->src_count; i++) {
		const struct sp_src *src = &tables->src[i].value;

		put_prefix(writer, &tables->src[i].prefix);
		for (unsigned zone = 0; zone < SP_ZONE_COUNT; zone++)
			put_u32(writer, src->class_id[zone]);
		put_u8(writer, src->home);
		put_u8(writer, src->drop_reason);
		put_u8(writer, src->flags);
		put_u8(writer, 0);
		put_u32(writer, src->ifindex);
	}
	advance(writer, padding(len));
}

static void put_dst(struct writer *writer, const struct sp_tables *tables)
{
	size_t len = tables->dst_count * DST_SIZE;

	put_section(writer, DST, len);
	for (size_t i = 0; i < tables->dst_count; i++) {
		put_prefix(writer, &tables->dst[i].prefix);
		put_u32(writer, tables->dst[i].value.netset);
		put_u32(writer, tables->dst[i].value.flags);
	}
	advance(writer, padding(len));
}

static void put_svc(struct writer *writer, const struct sp_tables *tables)
{
	put_section(writer, SVC, SP_SVC_SLOTS * SVC_SIZE);
	for (size_t slot = 0; slot < SP_SVC_SLOTS; slot++)
		put_u16(writer, tables->svc[slot]);
}

static int compare_pair(const void *left, const void *right)
{
	const struct sp_pair_key *a = &((const struct sp_pair_row *)left)->key;
	const struct sp_pair_key *b = &((const struct sp_pair_row *)right)->key;

	if (a->class_id != b->class_id)
		return a->class_id < b->class_id ? -1 : 1;
	return (a->netset > b->netset) - (a->netset < b->netset);
}

static void put_pair(struct writer *writer, const struct sp_pair_row *sorted, size_t count)
{
	put_section(writer, PAIR, count * PAIR_SIZE);
	for (size_t i = 0; i < count; i++) {
		put_u32(writer, sorted[i].key.class_id);
		put_u32(writer, sorted[i].key.netset);
		put_u32(writer, sorted[i].profile);
	}
	advance(writer, padding(count * PAIR_SIZE));
}

static size_t verdict_count(const struct sp_tables *tables)
{
	return (size_t)tables->profile_count * tables->svcset_count;
}

static void put_verdict(struct writer *writer, const struct sp_tables *tables)
{
	put_section(writer, VERDICT, verdict_count(tables) * VERDICT_SIZE);
	for (size_t i = 0; i < verdict_count(tables); i++) {
		const struct sp_verdict *verdict = &tables->verdict[i];

		put_u8(writer, verdict->action);
		put_u8(writer, verdict->reason);
		put_u8(writer, verdict->log);
		put_u8(writer, verdict->would);
		put_u32(writer, verdict->rule);
		put_u32(writer, verdict->audit_rule);
		put_u32(writer, verdict->limit);
		put_u64(writer, verdict->not_after_ns);
	}
}

/* Of number 1 and on. */
static void put_limit(struct writer *writer, const struct sp_tables *tables)
{
	if (tables->limit_count <= 1)
		return;
	put_section(writer, LIMIT, (tables->limit_count - 1) * LIMIT_SIZE);
	for (uint32_t i = 1; i < tables->limit_count; i++) {
		const struct sp_limit_terms *terms = &tables->limit[i];

		put_u64(writer, terms->period);
		put_u64(writer, terms->rate);
		put_u64(writer, terms->burst);
		put_u64(writer, terms->id);
		put_u32(writer, terms->slot);
		put_u8(writer, terms->unit);
		put_u8(writer, terms->key);
		put_u8(writer, terms->source_bits);
		put_u8(writer, 0);
	}
}

static int compare_fwd(const void *left, const void *right)
{
	const struct sp_fwd_row *a = left, *b = right;

	return memcmp(&a->key, &b->key, sizeof(a->key));
}

/* Sorted by the bytes of their keys. */
static int put_fwd(struct writer *writer, const struct sp_tables *tables)
{
	__sp_free struct sp_fwd_row *sorted = NULL;

	if (!tables->fwd_count)
		return 0;
	sorted = calloc(tables->fwd_count, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	memcpy(sorted, tables->fwd, tables->fwd_count * sizeof(*sorted));
	qsort(sorted, tables->fwd_count, sizeof(*sorted), compare_fwd);
	put_section(writer, FWD, tables->fwd_count * FWD_SIZE);
	for (size_t i = 0; i < tables->fwd_count; i++) {
		put_bytes(writer, sorted[i].key.to.b, sizeof(sorted[i].key.to.b));
		put_bytes(writer, &sorted[i].key.port_be, sizeof(sorted[i].key.port_be));
		put_u8(writer, sorted[i].key.proto);
		advance(writer, sizeof(sorted[i].key.zero));
		put_u32(writer, sorted[i].value.netset);
		put_bytes(writer, &sorted[i].value.port_be, sizeof(sorted[i].value.port_be));
		put_u16(writer, 0);
	}
	return 0;
}

static size_t section_size(size_t rows, size_t row_size)
{
	return 16 + rows * row_size + padding(rows * row_size);
}

static size_t file_size(const struct sp_tables *tables)
{
	return sizeof(magic) + section_size(1, HEAD_SIZE) +
	       section_size(tables->src_count, SRC_SIZE) +
	       section_size(tables->dst_count, DST_SIZE) + section_size(SP_SVC_SLOTS, SVC_SIZE) +
	       section_size(tables->pair_count, PAIR_SIZE) +
	       section_size(verdict_count(tables), VERDICT_SIZE) +
	       (tables->limit_count > 1 ? section_size(tables->limit_count - 1, LIMIT_SIZE) : 0) +
	       (tables->fwd_count ? section_size(tables->fwd_count, FWD_SIZE) : 0) +
	       SHA256_DIGEST_LENGTH;
}

int sp_sptab_write(const struct sp_tables *tables, uint8_t **ret_bytes, size_t *ret_len)
{
	size_t len = file_size(tables);
	__sp_free uint8_t *bytes = calloc(1, len);
	__sp_free struct sp_pair_row *sorted = calloc(tables->pair_count + 1, sizeof(*sorted));
	struct writer writer = { bytes };
	int r;

	if (!bytes || !sorted)
		return -ENOMEM;
	if (tables->pair_count > 0) {
		memcpy(sorted, tables->pair, tables->pair_count * sizeof(*sorted));
		qsort(sorted, tables->pair_count, sizeof(*sorted), compare_pair);
	}
	put_bytes(&writer, magic, sizeof(magic));
	put_head(&writer, tables);
	put_src(&writer, tables);
	put_dst(&writer, tables);
	put_svc(&writer, tables);
	put_pair(&writer, sorted, tables->pair_count);
	put_verdict(&writer, tables);
	put_limit(&writer, tables);
	r = put_fwd(&writer, tables);
	if (r < 0)
		return r;
	SHA256(bytes, len - SHA256_DIGEST_LENGTH, writer.next);
	*ret_bytes = SP_TAKE_PTR(bytes);
	*ret_len = len;
	return 0;
}

/* ---- read ---- */

/* Take the next section, which must be @id. *@ret_count: how many rows of @row_size bytes it
 * has. */
static struct sp_reader take_section(struct sp_reader *file, enum section id, size_t row_size,
				     size_t *ret_count)
{
	struct sp_reader rows = { .failed = true };
	uint64_t len;
	const uint8_t *bytes, *pad;

	if (sp_take_le32(file) != id || sp_take_le32(file) != 0)
		file->failed = true;
	len = sp_take_le64(file);
	if (len % row_size != 0)
		file->failed = true;
	bytes = sp_take(file, len);
	pad = bytes ? sp_take(file, padding(len)) : NULL;
	if (!pad)
		return rows;
	for (size_t i = 0; i < padding(len); i++)
		if (pad[i] != 0)
			file->failed = true;
	*ret_count = len / row_size;
	return sp_reader(bytes, len);
}

static bool is_next(const struct sp_reader *file, enum section id)
{
	struct sp_reader ahead = *file;

	return ahead.left > 0 && sp_take_le32(&ahead) == id;
}

static bool take_head(struct sp_reader *file, struct sp_tables *tables)
{
	size_t count;
	struct sp_reader head = take_section(file, HEAD, HEAD_SIZE, &count);
	const uint8_t *generation = sp_take(&head, sizeof(tables->generation));

	if (!generation || count != 1)
		return false;
	memcpy(tables->generation, generation, sizeof(tables->generation));
	tables->flags = sp_take_le32(&head);
	tables->class_count = sp_take_le32(&head);
	tables->netset_count = sp_take_le32(&head);
	tables->svcset_count = sp_take_le32(&head);
	tables->profile_count = sp_take_le32(&head);
	tables->portal_port = sp_take_le16(&head);
	tables->self_class = sp_take_le16(&head);
	return (tables->flags & ~SP_TABLES_FLAGS) == 0 &&
	       (tables->flags & SP_TABLES_REJECT) != SP_TABLES_REJECT &&
	       tables->self_class < tables->class_count &&
	       tables->class_count - 1 < SP_TABLES_CLASS_MAX &&
	       tables->netset_count - 1 < SP_TABLES_NETSET_MAX &&
	       tables->svcset_count - 1 < SP_TABLES_SVCSET_MAX &&
	       tables->profile_count - 1 < SP_TABLES_VERDICT_MAX &&
	       verdict_count(tables) <= SP_TABLES_VERDICT_MAX;
}

/* Take a prefix without host bits, which must sort behind @last. @last NULL: it is the first, and
 * must be ::/0. */
static bool take_prefix(struct sp_reader *rows, const struct sp_prefix *last,
			struct sp_prefix *prefix)
{
	struct sp_prefix masked;
	const uint8_t *addr;

	prefix->prefix_len = sp_take_le32(rows);
	addr = sp_take(rows, sizeof(prefix->addr));
	if (!addr || prefix->prefix_len > 128)
		return false;
	memcpy(prefix->addr, addr, sizeof(prefix->addr));
	masked = *prefix;
	sp_prefix_mask(&masked);
	if (sp_prefix_compare(&masked, prefix) != 0)
		return false;
	return last ? sp_prefix_compare(last, prefix) < 0 : prefix->prefix_len == 0;
}

static bool is_v4_root(const struct sp_prefix *prefix)
{
	static const struct sp_prefix root = { 96, { [10] = 0xff, [11] = 0xff } };

	return sp_prefix_compare(prefix, &root) == 0;
}

static int take_src(struct sp_reader *file, struct sp_tables *tables)
{
	size_t count = 0;
	struct sp_reader rows = take_section(file, SRC, SRC_SIZE, &count);
	bool has_v4_root = false;

	tables->src = calloc(count + 1, sizeof(*tables->src));
	if (!tables->src)
		return -ENOMEM;
	for (; tables->src_count < count; tables->src_count++) {
		struct sp_src_row *row = &tables->src[tables->src_count];
		struct sp_src *src = &row->value;

		if (!take_prefix(&rows, tables->src_count ? &row[-1].prefix : NULL, &row->prefix))
			return -EBADMSG;
		has_v4_root |= is_v4_root(&row->prefix);
		for (unsigned zone = 0; zone < SP_ZONE_COUNT; zone++) {
			src->class_id[zone] = sp_take_le32(&rows);
			if (src->class_id[zone] >= tables->class_count)
				return -EBADMSG;
		}
		src->home = sp_take_u8(&rows);
		src->drop_reason = sp_take_u8(&rows);
		src->flags = sp_take_u8(&rows);
		if (sp_take_u8(&rows) != 0 || src->home > SP_HOME_UNKNOWN ||
		    (src->flags & ~SP_SRC_PROTECT) != 0)
			return -EBADMSG;
		src->ifindex = sp_take_le32(&rows);
		if (src->drop_reason != SP_REASON_NONE && src->drop_reason != SP_REASON_BOGON &&
		    src->drop_reason != SP_REASON_BLOCKLIST)
			return -EBADMSG;
	}
	return has_v4_root ? 0 : -EBADMSG;
}

static int take_dst(struct sp_reader *file, struct sp_tables *tables)
{
	size_t count = 0;
	struct sp_reader rows = take_section(file, DST, DST_SIZE, &count);
	bool has_v4_root = false;

	tables->dst = calloc(count + 1, sizeof(*tables->dst));
	if (!tables->dst)
		return -ENOMEM;
	for (; tables->dst_count < count; tables->dst_count++) {
		struct sp_dst_row *row = &tables->dst[tables->dst_count];

		if (!take_prefix(&rows, tables->dst_count ? &row[-1].prefix : NULL, &row->prefix))
			return -EBADMSG;
		has_v4_root |= is_v4_root(&row->prefix);
		row->value.netset = sp_take_le32(&rows);
		row->value.flags = sp_take_le32(&rows);
		if (row->value.netset >= tables->netset_count)
			return -EBADMSG;
		if ((row->value.flags & ~(SP_DST_RESOLVER | SP_DST_FORWARD)) >
		    SP_DST_SELF) /* an address has at most one of the two */
			return -EBADMSG;
	}
	return has_v4_root ? 0 : -EBADMSG;
}

static int take_svc(struct sp_reader *file, struct sp_tables *tables)
{
	size_t count = 0;
	struct sp_reader rows = take_section(file, SVC, SVC_SIZE, &count);

	if (count != SP_SVC_SLOTS)
		return -EBADMSG;
	for (size_t slot = 0; slot < SP_SVC_SLOTS; slot++) {
		tables->svc[slot] = sp_take_le16(&rows);
		if (tables->svc[slot] >= tables->svcset_count)
			return -EBADMSG;
	}
	return 0;
}

static int take_pair(struct sp_reader *file, struct sp_tables *tables)
{
	size_t count = 0;
	struct sp_reader rows = take_section(file, PAIR, PAIR_SIZE, &count);

	if (count > SP_TABLES_PAIR_MAX)
		return -EBADMSG;
	tables->pair = calloc(count + 1, sizeof(*tables->pair));
	if (!tables->pair)
		return -ENOMEM;
	for (; tables->pair_count < count; tables->pair_count++) {
		struct sp_pair_row *row = &tables->pair[tables->pair_count];

		row->key.class_id = sp_take_le32(&rows);
		row->key.netset = sp_take_le32(&rows);
		row->profile = sp_take_le32(&rows);
		if (row->key.class_id >= tables->class_count ||
		    row->key.netset >= tables->netset_count ||
		    row->profile >= tables->profile_count || row->profile == 0)
			return -EBADMSG;
		if (tables->pair_count && compare_pair(&row[-1], row) >= 0)
			return -EBADMSG;
	}
	return 0;
}

/* May a table have this verdict? Its reason tells what may have decided so. Only what rules allow
 * has a limit. */
static bool is_verdict(const struct sp_verdict *verdict)
{
	bool allows = verdict->action == SP_ALLOW;
	bool is_default = verdict->rule == SP_RULE_DEFAULT;

	if (verdict->action != SP_ALLOW && verdict->action != SP_DENY)
		return false;
	if (verdict->log > SP_LOG_ALL || verdict->rule >= SP_RULE_MAX)
		return false;
	if (verdict->limit != 0 && (!allows || verdict->reason == SP_REASON_PROTECT))
		return false;
	switch (verdict->reason) {
	case SP_REASON_POLICY:
		return !is_default;
	case SP_REASON_DEFAULT:
		return is_default && !allows;
	case SP_REASON_PROTECT:
	case SP_REASON_EXPOSE:
		return !is_default && allows;
	default:
		return false;
	}
}

/* May a verdict say this of the rules in audit? They are never asked where a protect entry decides, and
 * an allow of theirs is nothing beside a deny. */
static bool is_audit(const struct sp_verdict *verdict)
{
	const unsigned would = verdict->would & SP_WOULD_MASK;

	if (would == SP_WOULD_NOTHING)
		return !verdict->would && verdict->audit_rule == SP_RULE_NONE;
	if ((verdict->would & ~(SP_WOULD_MASK | SP_WOULD_LOGGED)) || would > SP_WOULD_ALLOW ||
	    verdict->reason == SP_REASON_PROTECT || verdict->audit_rule == SP_RULE_DEFAULT ||
	    verdict->audit_rule >= SP_RULE_MAX)
		return false;
	return would == SP_WOULD_DENY || verdict->action == SP_ALLOW ||
	       verdict->reason == SP_REASON_DEFAULT;
}

static int take_verdict(struct sp_reader *file, struct sp_tables *tables)
{
	size_t count = 0;
	struct sp_reader rows = take_section(file, VERDICT, VERDICT_SIZE, &count);

	if (count != verdict_count(tables))
		return -EBADMSG;
	tables->verdict = calloc(count, sizeof(*tables->verdict));
	if (!tables->verdict)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct sp_verdict *verdict = &tables->verdict[i];

		verdict->action = sp_take_u8(&rows);
		verdict->reason = sp_take_u8(&rows);
		verdict->log = sp_take_u8(&rows);
		verdict->would = sp_take_u8(&rows);
		verdict->rule = sp_take_le32(&rows);
		verdict->audit_rule = sp_take_le32(&rows);
		verdict->limit = sp_take_le32(&rows);
		verdict->not_after_ns = sp_take_le64(&rows);
		if (!is_verdict(verdict) || !is_audit(verdict))
			return -EBADMSG;
		if (i < tables->svcset_count && verdict->reason != SP_REASON_DEFAULT)
			return -EBADMSG; /* profile 0 stands for pairs that are not listed */
	}
	return 0;
}

static bool is_limit(const struct sp_limit_terms *terms)
{
	return terms->rate != 0 && terms->period != 0 && terms->period <= PERIOD_MAX &&
	       terms->slot < (terms->key == SP_LIMIT_BY_RULE ? SP_RULE_MAX : 1) &&
	       terms->unit <= SP_LIMIT_CONNECTIONS && terms->key <= SP_LIMIT_BY_RULE &&
	       terms->zero == 0 &&
	       (terms->source_bits == 0 || (terms->source_bits >= 8 && terms->source_bits <= 32));
}

static int take_limit_rows(struct sp_reader *rows, size_t count, struct sp_tables *tables)
{
	tables->limit = calloc(count + 1, sizeof(*tables->limit));
	if (!tables->limit)
		return -ENOMEM;
	tables->limit_count = (uint32_t)count + 1;
	for (size_t i = 1; i <= count; i++) {
		struct sp_limit_terms *terms = &tables->limit[i];

		terms->period = sp_take_le64(rows);
		terms->rate = sp_take_le64(rows);
		terms->burst = sp_take_le64(rows);
		terms->id = sp_take_le64(rows);
		terms->slot = sp_take_le32(rows);
		terms->unit = sp_take_u8(rows);
		terms->key = sp_take_u8(rows);
		terms->source_bits = sp_take_u8(rows);
		terms->zero = sp_take_u8(rows);
		if (!is_limit(terms))
			return -EBADMSG;
	}
	return 0;
}

/* The section is there if there are limits. No verdict names another one. */
static int take_limit(struct sp_reader *file, struct sp_tables *tables)
{
	struct sp_reader rows = { .failed = true };
	size_t count = 0;
	int r;

	if (is_next(file, LIMIT)) {
		rows = take_section(file, LIMIT, LIMIT_SIZE, &count);
		if (count == 0 || count >= SP_TABLES_LIMIT_MAX)
			return -EBADMSG;
	}
	r = take_limit_rows(&rows, count, tables);
	if (r < 0)
		return r;
	for (size_t i = 0; i < verdict_count(tables); i++)
		if (tables->verdict[i].limit >= tables->limit_count)
			return -EBADMSG;
	return 0;
}

static bool take_fwd_row(struct sp_reader *rows, const struct sp_tables *tables,
			 struct sp_fwd_row *row)
{
	const uint8_t *bytes = sp_take(rows, sizeof(row->key));

	if (!bytes)
		return false;
	memcpy(&row->key, bytes, sizeof(row->key));
	row->value.netset = sp_take_le32(rows);
	bytes = sp_take(rows, sizeof(row->value.port_be));
	if (!bytes || sp_take_le16(rows) != 0)
		return false;
	memcpy(&row->value.port_be, bytes, sizeof(row->value.port_be));
	for (size_t i = 0; i < sizeof(row->key.zero); i++)
		if (row->key.zero[i])
			return false;
	return (row->key.proto == IPPROTO_TCP || row->key.proto == IPPROTO_UDP) &&
	       row->value.netset < tables->netset_count;
}

/* The section is there if there are forwards. */
static int take_fwd(struct sp_reader *file, struct sp_tables *tables)
{
	struct sp_reader rows;
	size_t count = 0;

	if (file->left == 0)
		return 0;
	rows = take_section(file, FWD, FWD_SIZE, &count);
	if (count == 0 || count > SP_TABLES_FWD_MAX)
		return -EBADMSG;
	tables->fwd = calloc(count, sizeof(*tables->fwd));
	if (!tables->fwd)
		return -ENOMEM;
	for (; tables->fwd_count < count; tables->fwd_count++) {
		struct sp_fwd_row *row = &tables->fwd[tables->fwd_count];

		if (!take_fwd_row(&rows, tables, row) ||
		    (tables->fwd_count && compare_fwd(&row[-1], row) >= 0))
			return -EBADMSG;
	}
	return 0;
}

static int take_tables(struct sp_reader *file, struct sp_tables *tables)
{
	int r = take_head(file, tables) ? 0 : -EBADMSG;

	if (r == 0)
		r = take_src(file, tables);
	if (r == 0)
		r = take_dst(file, tables);
	if (r == 0)
		r = take_svc(file, tables);
	if (r == 0)
		r = take_pair(file, tables);
	if (r == 0)
		r = take_verdict(file, tables);
	if (r == 0)
		r = take_limit(file, tables);
	if (r == 0)
		r = take_fwd(file, tables);
	if (r == 0 && (file->failed || file->left > 0))
		r = -EBADMSG;
	return r;
}

int sp_sptab_read(const uint8_t *bytes, size_t len, struct sp_tables **ret_tables)
{
	__sp_cleanup(sp_tables_freep) struct sp_tables *tables = NULL;
	uint8_t digest[SHA256_DIGEST_LENGTH];
	struct sp_reader file;
	int r;

	if (len < sizeof(magic) + sizeof(digest) || memcmp(bytes, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	len -= sizeof(digest);
	SHA256(bytes, len, digest);
	if (memcmp(bytes + len, digest, sizeof(digest)) != 0)
		return -EBADMSG;
	tables = calloc(1, sizeof(*tables));
	if (!tables)
		return -ENOMEM;
	tables->next_edge_s = tables->again_s = INT64_MAX; /* a file is not made anew */
	file = sp_reader(bytes + sizeof(magic), len - sizeof(magic));
	r = take_tables(&file, tables);
	if (r < 0)
		return r;
	*ret_tables = SP_TAKE_PTR(tables);
	return 0;
}
