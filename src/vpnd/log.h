/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines on stderr: "sallyport-vpnd: vpn0: …", of which what does not print is escaped
 * (base/text.h). Never a key. */
#ifndef SALLYPORT_VPND_LOG_H
#define SALLYPORT_VPND_LOG_H

#include <stdarg.h>

void sp_vpnd_log_init(const char *interface); /* borrowed for good */
void sp_vpnd_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
