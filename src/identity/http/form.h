/* SPDX-License-Identifier: GPL-3.0-or-later */
/* application/x-www-form-urlencoded, as OAuth requests are written (RFC 6749, B). What goes in may
 * be secret, so nothing but the result is left in memory. */
#ifndef SALLYPORT_IDENTITY_FORM_H
#define SALLYPORT_IDENTITY_FORM_H

#include <stddef.h>

struct sp_form_field {
	const char *name;
	const char *value; /* NULL: the field is left out */
};

/* `a=1&b=two+words`, malloc'ed; wipe it if a value was secret. NULL without memory. */
char *sp_form_encode(const struct sp_form_field *fields, size_t count);
/* One value alone, malloc'ed: what HTTP Basic carries (RFC 6749, 2.3.1). NULL without memory. */
char *sp_form_escape(const char *value);

#endif
