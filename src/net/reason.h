/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reasons of verdicts as text, from SP_REASONS of <sallyport/abi/names.h>: that list is the one
 * place in which a reason is written down. A number that this build's list does not have yet, of
 * programs or records of a later build, is "reason-25". */
#ifndef SALLYPORT_NET_REASON_H
#define SALLYPORT_NET_REASON_H

#include <sallyport/abi/names.h>
#include <sallyport/abi/tables.h>

/* The name of a reason, a constant text: that of the list; "reason-25" for a number below
 * SP_REASON_SLOTS that the list lacks; "?" for 0 and for what no build can have. */
const char *sp_reason_name(unsigned reason);
/* What a reason means, in words: the list's text; "?" for one that the list lacks. */
const char *sp_reason_meaning(unsigned reason);
/* Read a name of the list. Returns 0; -EINVAL it is none of the list's. */
int sp_reason_parse(const char *text, enum sp_reason *ret_reason);

#endif
