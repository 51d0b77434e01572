/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the users of a local provider stand in the text of its file, byte by byte: what the
 * reader's tree does not keep. For user_edit.c. */
#ifndef SALLYPORT_IDENTITY_USER_SCAN_H
#define SALLYPORT_IDENTITY_USER_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes [start, end) of the text; {0, 0}: not there. */
struct sp_span {
	size_t start, end;
};

struct sp_user_entry {
	char *name;
	struct sp_span key, value;
	size_t column;    /* of the key, from 0 */
	bool is_flow;     /* { password: … }, against one key a line */
	size_t first_key; /* where the value's first key begins; 0: it has none */
	size_t first_column;
	struct sp_span password;           /* its value */
	struct sp_span groups_key, groups; /* the key, and its value */
};

struct sp_user_scan {
	struct sp_span key, value; /* of `users` */
	bool is_flow, is_root_flow;
	struct sp_user_entry *entries; /* in the text's order */
	size_t count;
};

/* Returns 0; -ENOTSUP it is not as expected; -ENOMEM. The caller runs _done in every case. */
int sp_user_scan(const char *text, size_t len, struct sp_user_scan *scan);
/* Free the entries; empty afterwards. */
void sp_user_scan_done(struct sp_user_scan *scan);

#endif
