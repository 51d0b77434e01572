/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/pcap.h"

#include <errno.h>

#include "base/bytes.h"

#define SECOND_NS 1000000000u

#define MAGIC_US 0xa1b2c3d4u
#define MAGIC_NS 0xa1b23c4du
#define FILE_HEADER 24u
#define RECORD_HEADER 16u

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET 2u /* obsolete */
#define BLOCK_SIMPLE_PACKET 3u
#define BLOCK_ENHANCED_PACKET 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define BLOCK_FRAME 12u /* type, length, length again */
#define OPTION_END 0u
#define OPTION_TSRESOL 9u
#define OPTION_TSOFFSET 14u

#define LINK_NULL 0u
#define LINK_ETHERNET 1u
#define LINK_LOOP 108u
#define LINK_SLL 113u
#define LINK_SLL2 276u

#define VLAN_TAG 4u
#define VLAN_TAGS_MAX 2
#define TYPE_VLAN 0x8100u
#define TYPE_QINQ 0x88a8u
/* Of this type the protocol field of a cooked header means something else. */
#define ARPHRD_NETLINK 824u

/* ---- numbers in the file's byte order ---- */

static uint16_t get16(const struct sp_pcap *pcap, const uint8_t *bytes)
{
	return pcap->is_big_endian ? sp_get_be16(bytes) : sp_get_le16(bytes);
}

static uint32_t get32(const struct sp_pcap *pcap, const uint8_t *bytes)
{
	return pcap->is_big_endian ? sp_get_be32(bytes) : sp_get_le32(bytes);
}

static uint64_t get64(const struct sp_pcap *pcap, const uint8_t *bytes)
{
	return pcap->is_big_endian ? sp_get_be64(bytes) : sp_get_le64(bytes);
}

/* ---- link types ---- */

static bool is_raw(uint32_t link_type)
{
	return link_type == 101 || link_type == 12 || link_type == 14 || link_type == 228 ||
	       link_type == 229;
}

static bool is_known_link(uint32_t link_type)
{
	return is_raw(link_type) || link_type == LINK_ETHERNET || link_type == LINK_NULL ||
	       link_type == LINK_LOOP || link_type == LINK_SLL || link_type == LINK_SLL2;
}

/* Is this the family in front of a loopback packet? It is in the byte order of the machine that
 * captured it. IPv6 is 10 on Linux, and 24, 28 or 30 on the BSDs. */
static bool is_ip_family(const uint8_t *bytes)
{
	uint32_t family = sp_get_be32(bytes);

	if (family > 0xffff)
		family = sp_get_le32(bytes);
	return family == 2 || family == 10 || family == 24 || family == 28 || family == 30;
}

/* Take @header bytes off the record. Returns false: the record is shorter, and nothing is left of
 * it. */
static bool strip(struct sp_pcap_record *record, size_t header)
{
	if (record->len < header) {
		record->bytes += record->len;
		record->len = 0;
		return false;
	}
	record->bytes += header;
	record->len -= header;
	return true;
}

/* Read the type behind a cooked header. A frame of a trunk goes on with its VLAN tags there, of
 * which as many are read as judgement reads. */
static void read_cooked_type(struct sp_pcap_record *record, uint16_t type, uint16_t hardware)
{
	for (int tag = 0; tag < VLAN_TAGS_MAX && (type == TYPE_VLAN || type == TYPE_QINQ); tag++) {
		if (!strip(record, VLAN_TAG))
			return;
		type = sp_get_be16(record->bytes - 2);
	}
	record->is_arp = type == 0x0806 && hardware != ARPHRD_NETLINK;
	record->is_not_ip = (type != 0x0800 && type != 0x86dd) || hardware == ARPHRD_NETLINK;
}

static void read_link_header(struct sp_pcap_record *record, uint32_t link_type)
{
	const uint8_t *header = record->bytes;

	switch (link_type) {
	case LINK_ETHERNET:
		record->is_ethernet = true;
		break;
	case LINK_NULL:
	case LINK_LOOP:
		if (strip(record, 4))
			record->is_not_ip = !is_ip_family(header);
		break;
	case LINK_SLL:
		if (strip(record, 16))
			read_cooked_type(record, sp_get_be16(header + 14), sp_get_be16(header + 2));
		break;
	case LINK_SLL2:
		if (strip(record, 20))
			read_cooked_type(record, sp_get_be16(header), sp_get_be16(header + 8));
		break;
	default:
		record->is_not_ip = !is_raw(link_type);
		break;
	}
}

static int emit(struct sp_pcap *pcap, const struct sp_pcap_interface *interface, uint64_t time_ns,
		const uint8_t *bytes, size_t len, struct sp_pcap_record *ret_record)
{
	struct sp_pcap_record record = { .time_ns = time_ns, .bytes = bytes, .len = len };

	pcap->last_ns = time_ns;
	read_link_header(&record, interface->link_type);
	*ret_record = record;
	return 1;
}

/* Convert to nanoseconds. The result is kept within a uint64_t. */
static uint64_t to_ns(const struct sp_pcap_interface *interface, uint64_t ticks)
{
	__int128 ns = (__int128)ticks * SECOND_NS / interface->ticks_per_second +
		      (__int128)interface->offset_s * SECOND_NS;

	return ns<0 ? 0 : ns>(__int128) UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

/* ---- classic ---- */

static int open_classic(struct sp_pcap *pcap, bool is_nanosecond)
{
	struct sp_pcap_interface *interface = &pcap->interfaces[0];

	if (pcap->len < FILE_HEADER || get16(pcap, pcap->bytes + 4) != 2)
		return -EBADMSG;
	/* the upper bits are the length of the FCS */
	interface->link_type = get32(pcap, pcap->bytes + 20) & 0xffff;
	interface->ticks_per_second = is_nanosecond ? SECOND_NS : 1000000;
	pcap->interface_count = 1;
	pcap->link_type = interface->link_type;
	pcap->offset = FILE_HEADER;
	return 0;
}

static int next_classic(struct sp_pcap *pcap, struct sp_pcap_record *ret_record)
{
	const struct sp_pcap_interface *interface = &pcap->interfaces[0];
	const uint8_t *header = pcap->bytes + pcap->offset;
	size_t left = pcap->len - pcap->offset, captured;
	uint64_t ticks;

	if (left == 0)
		return 0;
	if (left < RECORD_HEADER)
		return -EBADMSG;
	captured = get32(pcap, header + 8);
	if (captured > left - RECORD_HEADER)
		return -EBADMSG;
	ticks = get32(pcap, header) * interface->ticks_per_second + get32(pcap, header + 4);
	pcap->offset += RECORD_HEADER + captured;
	return emit(pcap, interface, to_ns(interface, ticks), header + RECORD_HEADER, captured,
		    ret_record);
}

/* ---- pcapng ---- */

struct block {
	uint32_t type;
	const uint8_t *body;
	size_t body_len;
	size_t total_len;
};

/* Read the block at pcap->offset, of which at least one byte is there. */
static int read_block(struct sp_pcap *pcap, struct block *ret_block)
{
	const uint8_t *start = pcap->bytes + pcap->offset;
	size_t left = pcap->len - pcap->offset;
	struct block block;

	if (left < BLOCK_FRAME)
		return -EBADMSG;
	block.type = get32(pcap, start);
	/* this type reads the same in either byte order, and its block tells which it is */
	if (block.type == BLOCK_SECTION) {
		if (sp_get_le32(start + 8) != BYTE_ORDER_MAGIC &&
		    sp_get_be32(start + 8) != BYTE_ORDER_MAGIC)
			return -EBADMSG;
		pcap->is_big_endian = sp_get_be32(start + 8) == BYTE_ORDER_MAGIC;
	}
	block.total_len = get32(pcap, start + 4);
	if (block.total_len < BLOCK_FRAME || block.total_len > left || block.total_len % 4 != 0 ||
	    get32(pcap, start + block.total_len - 4) != block.total_len)
		return -EBADMSG;
	block.body = start + 8;
	block.body_len = block.total_len - BLOCK_FRAME;
	*ret_block = block;
	return 0;
}

static int start_section(struct sp_pcap *pcap, const struct block *block)
{
	if (block->body_len < 16 || get16(pcap, block->body + 4) != 1)
		return -EBADMSG;
	pcap->interface_count = 0;
	return 0;
}

/* Read if_tsresol: a negative power of ten, or of two if the high bit is set. */
static int read_resolution(uint8_t value, uint64_t *ret_ticks_per_second)
{
	unsigned power = value & 0x7f;
	uint64_t ticks = 1;

	if (power > (value & 0x80 ? 63u : 19u))
		return -EBADMSG;
	for (unsigned i = 0; i < power; i++)
		ticks *= value & 0x80 ? 2 : 10;
	*ret_ticks_per_second = ticks;
	return 0;
}

static int read_interface_options(const struct sp_pcap *pcap, const uint8_t *option, size_t left,
				  struct sp_pcap_interface *interface)
{
	while (left >= 4) {
		uint16_t code = get16(pcap, option), len = get16(pcap, option + 2);
		size_t padded = (len + 3u) & ~3u;
		int r = 0;

		if (code == OPTION_END)
			return 0;
		if (padded > left - 4)
			return -EBADMSG;
		if (code == OPTION_TSRESOL && len == 1)
			r = read_resolution(option[4], &interface->ticks_per_second);
		else if (code == OPTION_TSOFFSET && len == 8)
			interface->offset_s = (int64_t)get64(pcap, option + 4);
		else if (code == OPTION_TSRESOL || code == OPTION_TSOFFSET)
			r = -EBADMSG;
		if (r < 0)
			return r;
		option += 4 + padded;
		left -= 4 + padded;
	}
	return left == 0 ? 0 : -EBADMSG;
}

static int add_interface(struct sp_pcap *pcap, const struct block *block)
{
	struct sp_pcap_interface interface = { .ticks_per_second = 1000000 };
	int r;

	if (block->body_len < 8 || pcap->interface_count == SP_PCAP_INTERFACES_MAX)
		return -EBADMSG;
	interface.link_type = get16(pcap, block->body);
	interface.snap_len = get32(pcap, block->body + 4);
	r = read_interface_options(pcap, block->body + 8, block->body_len - 8, &interface);
	if (r < 0)
		return r;
	pcap->interfaces[pcap->interface_count++] = interface;
	return 0;
}

/* Read an enhanced or obsolete packet block: interface (and drops), time, captured length, original
 * length, bytes. */
static int read_packet(struct sp_pcap *pcap, const struct block *block,
		       struct sp_pcap_record *ret_record)
{
	const struct sp_pcap_interface *interface;
	uint32_t index, captured;
	uint64_t ticks;

	if (block->body_len < 20)
		return -EBADMSG;
	index = block->type == BLOCK_PACKET ? get16(pcap, block->body) : get32(pcap, block->body);
	captured = get32(pcap, block->body + 12);
	if (index >= pcap->interface_count || captured > block->body_len - 20)
		return -EBADMSG;
	interface = &pcap->interfaces[index];
	ticks = (uint64_t)get32(pcap, block->body + 4) << 32 | get32(pcap, block->body + 8);
	return emit(pcap, interface, to_ns(interface, ticks), block->body + 20, captured,
		    ret_record);
}

/* Read a simple packet block. It has only the original length; the captured length is as much of
 * that as the interface takes. */
static int read_simple_packet(struct sp_pcap *pcap, const struct block *block,
			      struct sp_pcap_record *ret_record)
{
	const struct sp_pcap_interface *interface = &pcap->interfaces[0];
	size_t captured;

	if (block->body_len < 4 || pcap->interface_count == 0)
		return -EBADMSG;
	captured = get32(pcap, block->body);
	if (interface->snap_len && captured > interface->snap_len)
		captured = interface->snap_len;
	if (captured > block->body_len - 4)
		return -EBADMSG;
	return emit(pcap, interface, pcap->last_ns, block->body + 4, captured, ret_record);
}

/* Returns 1 with a record, 0 for a block without, -EBADMSG. */
static int take_block(struct sp_pcap *pcap, const struct block *block,
		      struct sp_pcap_record *ret_record)
{
	switch (block->type) {
	case BLOCK_SECTION:
		return start_section(pcap, block);
	case BLOCK_INTERFACE:
		return add_interface(pcap, block);
	case BLOCK_PACKET:
	case BLOCK_ENHANCED_PACKET:
		return read_packet(pcap, block, ret_record);
	case BLOCK_SIMPLE_PACKET:
		return read_simple_packet(pcap, block, ret_record);
	default:
		return 0;
	}
}

static int next_ng(struct sp_pcap *pcap, struct sp_pcap_record *ret_record)
{
	while (pcap->offset < pcap->len) {
		struct block block;
		int r = read_block(pcap, &block);

		if (r == 0)
			r = take_block(pcap, &block, ret_record);
		if (r < 0)
			return r;
		pcap->offset += block.total_len;
		if (r > 0)
			return r;
	}
	return 0;
}

/* Find the link type of the first interface: read the blocks before the first record, then begin
 * again. */
static int open_ng(struct sp_pcap *pcap)
{
	struct sp_pcap ahead = *pcap;
	struct block block;
	int r;

	r = read_block(&ahead, &block);
	if (r == 0)
		r = start_section(&ahead, &block);
	if (r < 0)
		return r;
	while (ahead.interface_count == 0) {
		ahead.offset += block.total_len;
		if (ahead.offset == ahead.len || read_block(&ahead, &block) < 0 ||
		    block.type == BLOCK_SECTION)
			return 0; /* an error there is reported when the reader comes to it */
		if (block.type == BLOCK_INTERFACE && add_interface(&ahead, &block) < 0)
			return 0;
	}
	pcap->link_type = ahead.interfaces[0].link_type;
	return is_known_link(pcap->link_type) ? 0 : -EPROTONOSUPPORT;
}

int sp_pcap_open(const uint8_t *bytes, size_t len, struct sp_pcap *ret_pcap)
{
	struct sp_pcap pcap = { .bytes = bytes, .len = len };
	uint32_t big, little;
	int r;

	if (len < 4)
		return -EBADMSG;
	big = sp_get_be32(bytes);
	little = sp_get_le32(bytes);
	pcap.is_big_endian = big == MAGIC_US || big == MAGIC_NS;
	pcap.is_ng = big == BLOCK_SECTION;
	if (pcap.is_ng) {
		r = open_ng(&pcap);
	} else if (pcap.is_big_endian || little == MAGIC_US || little == MAGIC_NS) {
		r = open_classic(&pcap, big == MAGIC_NS || little == MAGIC_NS);
		if (r == 0 && !is_known_link(pcap.link_type))
			r = -EPROTONOSUPPORT;
	} else {
		r = -EBADMSG;
	}
	if (r == 0)
		*ret_pcap = pcap;
	else if (r == -EPROTONOSUPPORT)
		ret_pcap->link_type = pcap.link_type;
	return r;
}

int sp_pcap_next(struct sp_pcap *pcap, struct sp_pcap_record *ret_record)
{
	return pcap->is_ng ? next_ng(pcap, ret_record) : next_classic(pcap, ret_record);
}
