/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines on stderr: "sallyport-vpnd: vpn0: …", of which what does not print is escaped
 * (base/text.h). Never a key. */
#ifndef SALLYPORT_VPND_LOG_H
#define SALLYPORT_VPND_LOG_H

#include <stdarg.h>

/* @interface stands in front of every line; borrowed for good. */
void sp_vpnd_log_init(const char *interface);
/* Write one line. @format without a newline. */
void sp_vpnd_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
