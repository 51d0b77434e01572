/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a packet costs, by path: BPF_PROG_TEST_RUN, the best of five times 200 000 (about 30 ns of it are
 * the kernel's own loop, about 40 the clock). Not a test: prints a table. */
#include <stdio.h>

#include "lab.h"

static const struct {
	const char *name;
	enum sp_hook hook;
	const char *first; /* opens the flow; NULL: none */
	const char *packet;
} paths[] = {
	{ "edge-in, malformed", SP_HOOK_EDGE_IN, NULL, "1.2.3.4:9 > 192.0.2.1:22 tcp -" },
	{ "edge-in, stranger denied", SP_HOOK_EDGE_IN, NULL, "1.2.3.4:9 > 192.0.2.1:22 tcp" },
	{ "edge-in, bogon", SP_HOOK_EDGE_IN, NULL, "192.168.0.9:9 > 192.0.2.1:22 tcp" },
	{ "edge-in, expose, flow hit", SP_HOOK_EDGE_IN, NULL, "1.2.3.4:9 > 192.0.2.1:51820 udp" },
	{ "edge-in, reply", SP_HOOK_EDGE_IN, "192.0.2.1:9 > 1.2.3.4:80 tcp",
	  "1.2.3.4:80 > 192.0.2.1:9 tcp A" },
	{ "vpn-in, flow hit", SP_HOOK_VPN_IN, "100.64.0.7:9 > 10.30.0.5:22 tcp",
	  "100.64.0.7:9 > 10.30.0.5:22 tcp A" },
	{ "vpn-in, flow hit, IPv6", SP_HOOK_VPN_IN, "[fd00:64::7]:9 > [2001:db8:30::5]:22 tcp",
	  "[fd00:64::7]:9 > [2001:db8:30::5]:22 tcp A" },
	{ "vpn-in, allowed by rules (no flow)", SP_HOOK_VPN_IN, NULL,
	  "100.64.0.7 > 10.30.0.5 icmp type=9" },
	{ "vpn-in, denied with a record", SP_HOOK_VPN_IN, NULL, "100.64.0.7:9 > 10.30.9.4:22 tcp" },
	{ "vpn-in, no identity", SP_HOOK_VPN_IN, NULL, "100.64.0.99:9 > 10.30.9.4:22 tcp" },
	{ "vpn-out, reply", SP_HOOK_VPN_OUT, "100.64.0.7:9 > 10.30.0.5:443 tcp",
	  "10.30.0.5:443 > 100.64.0.7:9 tcp A" },
	{ "edge-out, own flow", SP_HOOK_EDGE_OUT, NULL, "192.0.2.1:9 > 1.2.3.4:80 tcp" },
};

static void print_path(struct lab *lab, size_t i)
{
	uint32_t best = UINT32_MAX;

	for (int hook = 1; paths[i].first && hook < SP_HOOK_JUDGE_COUNT; hook++)
		lab_repeat(lab, (enum sp_hook)hook, paths[i].first, 1);
	for (int run = 0; run < 5; run++) {
		uint32_t ns = lab_repeat(lab, paths[i].hook, paths[i].packet, 200000);

		best = ns < best ? ns : best;
	}
	printf("%-36s %5u ns\n", paths[i].name, best);
}

/* One flow a run: each run's time is coarse, their mean is not. */
static void print_opening(struct lab *lab)
{
	uint64_t sum = 0;
	char text[64];

	for (unsigned n = 0; n < 4000; n++) {
		snprintf(text, sizeof(text), "100.64.0.7:%u > 10.30.0.5:22 tcp", 1000 + n);
		sum += lab_repeat(lab, SP_HOOK_VPN_IN, text, 1);
	}
	printf("%-36s %5u ns  (mean, cold)\n", "vpn-in, a new flow and its record",
	       (unsigned)(sum / 4000));
}

int main(void)
{
	/* Room for every record: one that finds the ring full costs less than one that is written. */
	const struct lab_options options = { .is_live = true,
					     .flows_max = 1 << 14,
					     .events_bytes = 1u << 30 };
	struct lab lab;

	lab_open(&lab, &options);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		print_path(&lab, i);
	print_opening(&lab);
	lab_close(&lab);
	return 0;
}
