/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A case in files: policy.yaml, next.yaml, case.txt (gateway, steps and every judge's answer), and
 * the packets as ethernet.pcap and ip.pcap. `equiv --case DIR` runs one again. */
#ifndef SALLYPORT_EQUIV_SAVE_H
#define SALLYPORT_EQUIV_SAVE_H

#include "trial.h"
#include "world.h"

/* Run the case once more and write what everybody says. Returns 0 or -errno. */
int save_case(const struct equiv_case *test, bool with_ebpf, enum plant plant, const char *dir);

/* Read a case back. The texts are malloc'ed and live as long as the case: the caller frees them. */
int read_case(const char *dir, struct equiv_case *test);

/* Every judge's answer, as a comment line of case.txt. */
void print_outcome(FILE *out, const struct trial *trial, const struct trial_outcome *outcome);

#endif
