/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who changes the ruleset of this network namespace, and when: the group NFNLGRP_NFTABLES tells
 * each transaction's objects and, in one last message, whose process it was; the number of the
 * ruleset's generation tells what a lost message would have. Source: linux/netfilter/nf_tables.h,
 * net/netfilter/nf_tables_api.c. */
#ifndef SALLYPORT_IO_NFT_MONITOR_H
#define SALLYPORT_IO_NFT_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

#define SP_NFT_PROCESS_MAX 32

struct sp_nft_monitor;

struct sp_nft_change {
	bool is_table_touched; /* the table watched, by anybody; also when messages were lost */
	uint32_t pid;          /* of who touched it last and is not us; 0: not known */
	char process[SP_NFT_PROCESS_MAX]; /* as it calls itself: not to be trusted */
};

/* Watch `table inet @table` (borrowed). */
int sp_nft_monitor_open(const char *table, struct sp_nft_monitor **ret_monitor);
/* NULL is allowed. */
void sp_nft_monitor_close(struct sp_nft_monitor *monitor);
SP_DEFINE_CLEANUP(struct sp_nft_monitor *, sp_nft_monitor_close);
int sp_nft_monitor_get_fd(const struct sp_nft_monitor *monitor); /* polls readable */

/* Take everything that waits, without blocking. @change: added to. Returns 0; -errno. */
int sp_nft_monitor_drain(struct sp_nft_monitor *monitor, struct sp_nft_change *change);
/* The number of the ruleset's generation: another one after every transaction. Returns 0;
 * -errno. */
int sp_nft_monitor_get_generation(struct sp_nft_monitor *monitor, uint32_t *ret_generation);

#endif
