/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ask our own engine for settings that cost throughput or secrecy. */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "io/probe/probe_list.h"

#define RESTART "then start the engine again: it asks for this once"

/* Named as the engine names them (src/vpnd/api/api_host.c). */
static const struct sp_probe_subject offloads[] = {
	{ "tun-checksum",
	  "every packet crosses the interface by itself, with its checksum computed in full: a "
	  "fraction of the throughput",
	  "a kernel whose TUN has TUNSETOFFLOAD; " RESTART },
	{ "tun-tso4", "TCP over IPv4 crosses the interface packet by packet, not 64 KB at a time",
	  "a kernel whose TUN has TUN_F_TSO4; " RESTART },
	{ "tun-tso6", "TCP over IPv6 crosses the interface packet by packet, not 64 KB at a time",
	  "a kernel whose TUN has TUN_F_TSO6; " RESTART },
	{ "tun-uso", "UDP inside the tunnel (QUIC) crosses the interface packet by packet",
	  "Linux 6.2 or newer; " RESTART },
	{ "udp-segment",
	  "each datagram goes out through the whole stack by itself: up to half of the throughput",
	  "Linux 4.18 or newer, and an outer interface that does not refuse it; " RESTART },
	{ "udp-gro", "each datagram comes in through the whole stack by itself",
	  "Linux 5.0 or newer; " RESTART },
};

static const struct sp_probe_subject kind = { "engine-kind", "", "" };
static const struct sp_probe_subject memory = {
	"engine-memory", "its keys, and packets in clear, may be written to swap",
	"LimitMEMLOCK=infinity in its unit (else: ulimit -l unlimited), then start it again"
};
static const struct sp_probe_subject all_offloads = { "engine-offloads", "", "" };
static const struct sp_probe_subject silent = { "engine-stats", "drops and roaming are not seen",
						"sallyportd asks again every 10 seconds" };

static const char *find_fact(const struct sp_uapi_stats *stats, const char *name)
{
	for (size_t i = 0; i < stats->fact_count; i++)
		if (strcmp(stats->facts[i].name, name) == 0)
			return stats->facts[i].value;
	return "";
}

/* "tun-uso:off". Returns whether it was. */
static bool add_offload(struct sp_probe_list *list, const char *iface, const char *value)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(offloads); i++) {
		const size_t len = strlen(offloads[i].name);

		if (strncmp(value, offloads[i].name, len) != 0 || strcmp(value + len, ":off") != 0)
			continue;
		sp_probe_add_for(list, &offloads[i], iface, SP_PROBE_MISSING, "off");
		return true;
	}
	return false;
}

static void add_offloads(struct sp_probe_list *list, const char *iface,
			 const struct sp_uapi_stats *stats)
{
	size_t on = 0, off = 0;

	for (size_t i = 0; i < stats->fact_count; i++) {
		if (strcmp(stats->facts[i].name, "offload") != 0)
			continue;
		if (add_offload(list, iface, stats->facts[i].value))
			off++;
		else
			on++;
	}
	if (off == 0)
		sp_probe_add_for(list, &all_offloads, iface, SP_PROBE_OK, "all %zu are on", on);
}

void sp_probe_engine_stats(struct sp_probe_list *list, const char *iface, int r,
			   const struct sp_uapi_stats *stats)
{
	if (r == -EOPNOTSUPP) {
		sp_probe_add_for(list, &kind, iface, SP_PROBE_OK,
				 "not sallyport-vpnd, which is fine: it tells no drops, though, "
				 "and no roaming between two looks");
		return;
	}
	if (r < 0) {
		sp_probe_add_for(list, &silent, iface, SP_PROBE_UNKNOWN, "%s", sp_err_text(r));
		return;
	}
	sp_probe_add_for(list, &kind, iface, SP_PROBE_OK, "%s, ChaCha20-Poly1305 by %s, %s queue%s",
			 find_fact(stats, "engine"), find_fact(stats, "aead"),
			 find_fact(stats, "queues"),
			 strcmp(find_fact(stats, "queues"), "1") == 0 ? "" : "s");
	if (strcmp(find_fact(stats, "memory"), "locked") == 0)
		sp_probe_add_for(list, &memory, iface, SP_PROBE_OK, "locked");
	else
		sp_probe_add_for(list, &memory, iface, SP_PROBE_MISSING, "pageable");
	add_offloads(list, iface, stats);
}
