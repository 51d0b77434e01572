/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why something was refused, for the client of the control socket and for the audit log. */
#ifndef SALLYPORT_DAEMON_REFUSAL_H
#define SALLYPORT_DAEMON_REFUSAL_H

#include "identity/refusal.h"

struct sp_refusal {
	const char *code; /* docs/control-socket.md */
	int exit_code;
	enum sp_refusal_reason reason; /* the word the audit log and the portal know it by */
	char message[256];
};

/* Fill @refusal and give @r back. The reason is SP_REFUSAL_GATEWAY. */
int sp_refuse(struct sp_refusal *refusal, int r, const char *code, int exit_code,
	      const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same for a refused sign-in: the code is login-refused. */
int sp_refuse_login(struct sp_refusal *refusal, int r, enum sp_refusal_reason reason,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* "no-role" */
const char *sp_refuse_word(enum sp_refusal_reason reason);
/* The table's copy of a word; NULL: it is not in the table. */
const char *sp_refuse_find_word(const char *text);

#endif
