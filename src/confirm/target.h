/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `apply --probe` names: an address and a port that must be reached while an apply waits to be
 * confirmed. Written tcp:10.30.0.1:443 or tcp:[2001:db8::1]:443. */
#ifndef SALLYPORT_CONFIRM_TARGET_H
#define SALLYPORT_CONFIRM_TARGET_H

#include <stdint.h>
#include <sallyport/abi/tables.h>

#define SP_TARGET_TEXT_MAX 64 /* with the terminating zero */

struct sp_target {
	struct sp_addr addr;
	uint16_t port; /* 1 to 65535, in host order */
};

/* Read one. @why, at least 80 bytes, says what is wrong with it. Returns 0; -EINVAL. */
int sp_target_parse(const char *text, struct sp_target *ret_target, char why[80]);
/* Write one as sp_target_parse reads it. Returns @buf. */
char *sp_target_format(const struct sp_target *target, char buf[SP_TARGET_TEXT_MAX]);

#endif
