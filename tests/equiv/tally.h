/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a run has seen, and whether that was enough to mean something. */
#ifndef SALLYPORT_EQUIV_TALLY_H
#define SALLYPORT_EQUIV_TALLY_H

#include "trial.h"

struct tally {
	uint64_t policies, refused;
	uint64_t packets, asked_ebpf, asked_tables, asked_all;
	uint64_t seen[SP_HOOK_COUNT][SP_VERDICT_COUNT][SP_REASON_COUNT];
};

void tally_packet(struct tally *tally, const struct trial_outcome *outcome, bool with_ebpf);
void tally_print(const struct tally *tally, FILE *out);
/* Enough of everything? What is missing is printed. */
bool tally_is_enough(const struct tally *tally, FILE *out);

#endif
