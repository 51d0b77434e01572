/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/log.h"

#include <stdio.h>

static const char *prefix = "";

void sp_vpnd_log_init(const char *interface)
{
	prefix = interface;
}

void sp_vpnd_log(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr, "sallyport-vpnd: %s: %s\n", prefix, line); /* one write: threads do not mix */
}
