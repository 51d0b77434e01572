/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/log.h"

#include <stdio.h>

#include "base/text.h"

static const char *prefix = "";

void sp_vpnd_log_init(const char *interface)
{
	prefix = interface;
}

void sp_vpnd_log(const char *format, ...)
{
	char line[512], shown[sizeof(line) * 2];
	int len = snprintf(line, sizeof(line), "%.40s: ", prefix);
	va_list args;

	va_start(args, format);
	vsnprintf(line + len, sizeof(line) - (size_t)len, format, args);
	va_end(args);
	/* one write: threads do not mix */
	fprintf(stderr, "sallyport-vpnd: %s\n", sp_text_show(line, shown, sizeof(shown)));
}
