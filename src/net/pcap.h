/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Capture files: classic pcap (both byte orders, us and ns) and pcapng enough for tcpdump's and
 * wireshark's output. Bytes in, records out; no I/O, no memory of its own. Link types: Ethernet
 * (1), RAW (101, 12, 14, 228, 229), Linux cooked (SLL 113, SLL2 276), NULL (0) and LOOP (108).
 * Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng, tcpdump.org/linktypes.html. */
#ifndef SALLYPORT_NET_PCAP_H
#define SALLYPORT_NET_PCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SP_PCAP_INTERFACES_MAX 128

struct sp_pcap_interface {
	uint32_t link_type;
	uint32_t snap_len;         /* 0: no limit */
	uint64_t ticks_per_second; /* of its time stamps */
	int64_t offset_s;          /* added to them */
};

struct sp_pcap {
	const uint8_t *bytes;
	size_t len;
	size_t offset; /* of the next record or block; after an error, of the broken one */
	bool is_big_endian, is_ng;
	uint32_t link_type;     /* of the first interface */
	uint64_t last_ns;       /* time of the last record */
	size_t interface_count; /* of this section; classic: 1 */
	struct sp_pcap_interface interfaces[SP_PCAP_INTERFACES_MAX];
};

struct sp_pcap_record {
	uint64_t time_ns;     /* Unix time; one without any has that of the record before */
	const uint8_t *bytes; /* behind the pseudo header of SLL and NULL: bare IP then */
	size_t len;           /* captured; 0 when not even the pseudo header was */
	bool is_ethernet;     /* else bare IP */
	/* an SLL or NULL record whose type is not IP, or of a link type not read */
	bool is_not_ip;
	bool is_arp;
};

/* @bytes are borrowed until the last _next. Returns 0; -EBADMSG not a capture; -EPROTONOSUPPORT a
 * link type not in the list: @ret_pcap->link_type says which. A pcapng file is refused for its
 * first interface only; records of others that are not in the list are is_not_ip. */
int sp_pcap_open(const uint8_t *bytes, size_t len, struct sp_pcap *ret_pcap);
/* Returns 1 and a record, 0 at the end, -EBADMSG a broken record (the place is pcap->offset, and
 * stays there). */
int sp_pcap_next(struct sp_pcap *pcap, struct sp_pcap_record *ret_record);

#endif
