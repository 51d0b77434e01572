/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Capture files: classic pcap (both byte orders, us and ns) and pcapng enough for tcpdump's and
 * wireshark's output. Bytes in, records out; no I/O. Link types: Ethernet, RAW, Linux SLL, NULL. */
#ifndef SALLYPORT_NET_PCAP_H
#define SALLYPORT_NET_PCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sp_pcap {
	const uint8_t *bytes;
	size_t len, offset;
	bool is_swapped, is_nanosecond, is_ng;
	uint32_t link_type;
	uint64_t tick_ns; /* pcapng */
};

struct sp_pcap_record {
	uint64_t time_ns; /* Unix time */
	const uint8_t *bytes; /* behind the pseudo header of SLL and NULL: bare IP then */
	size_t len;           /* captured */
	bool is_ethernet;     /* else bare IP */
	bool is_not_ip;       /* an SLL or NULL record whose type is not IP */
	bool is_arp;
};

/* Returns 0; -EBADMSG not a capture; -EPROTONOSUPPORT a link type not in the list. */
int sp_pcap_open(const uint8_t *bytes, size_t len, struct sp_pcap *ret_pcap);
/* Returns 1 and a record, 0 at the end, -EBADMSG a broken record (the place is pcap->offset). */
int sp_pcap_next(struct sp_pcap *pcap, struct sp_pcap_record *ret_record);

#endif
