/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a capture: every record lies inside them, the reader moves on, and it stays where it broke. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "net/pcap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_pcap_record record;
	struct sp_pcap pcap;
	size_t before;
	int r = sp_pcap_open(data, size, &pcap);

	check(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
	if (r < 0)
		return 0;
	do {
		before = pcap.offset;
		r = sp_pcap_next(&pcap, &record);
		check(pcap.offset <= size);
		if (r <= 0)
			break;
		check(pcap.offset > before);
		check(record.bytes >= data && record.bytes <= data + size);
		check(record.len <= (size_t)(data + size - record.bytes));
		check(!record.is_arp || record.is_not_ip);
		check(!record.is_ethernet || !record.is_not_ip);
	} while (true);
	check(r == 0 || r == -EBADMSG);
	check((r == 0) == (pcap.offset == size));
	before = pcap.offset;
	check(sp_pcap_next(&pcap, &record) == r && pcap.offset == before);
	return 0;
}
