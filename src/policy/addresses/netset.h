/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of networks as blocklists and clouds publish them: an address or prefix a line, of either
 * family. `#` and `;` begin a comment, alone on a line or behind the prefix; blanks around it, CRLF
 * and a byte order mark do no harm. A prefix is written as in a policy: host bits are a fault, and
 * so is a prefix that holds every address of its family.
 *
 * A list is somebody else's: it may come cut short, emptied, or as the page that says "try again
 * later". So it is judged as a whole, and what is wrong is named by its line. No I/O. */
#ifndef SALLYPORT_POLICY_NETSET_H
#define SALLYPORT_POLICY_NETSET_H

#include <stddef.h>
#include <stdint.h>
#include <sallyport/abi/tables.h>

#define SP_NETSET_PREFIXES_MAX 1000000u /* that a list may have */
#define SP_NETSET_LINE_MAX 1024u        /* bytes; a longer line is a fault */
#define SP_NETSET_FAULTS_SHOWN 4u
/* More bad lines than this share of all that are no comment: it is not the list it was. */
#define SP_NETSET_FAULTS_PERCENT 10u

struct sp_netset_fault {
	uint32_t line;  /* from 1 */
	char text[160]; /* what is wrong with it, fit for a terminal */
};

struct sp_netset {
	/* IPv6 and IPv4 by address; none lies in another */
	struct sp_prefix *items;
	size_t count;
	size_t good, bad; /* lines with a prefix, and those that could not be read */
	struct sp_netset_fault faults[SP_NETSET_FAULTS_SHOWN]; /* the first of them */
	size_t fault_count;
};

/* Read a whole list into an empty @netset. The caller runs _done in every case, and can tell the
 * faults in every case. Returns 0, also with a few bad lines; -ENODATA it holds no prefix and no
 * bad line; -EBADMSG it is no such list: no good line, or too many bad ones; -E2BIG more than
 * SP_NETSET_PREFIXES_MAX prefixes; -ENOMEM. Without 0 there are no items. */
int sp_netset_read(const char *text, size_t len, struct sp_netset *netset);
/* Free the items; empty afterwards. */
void sp_netset_done(struct sp_netset *netset);

#endif
