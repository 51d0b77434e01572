/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/log.h"

#include <stdio.h>
#include <string.h>

#include "base/remedy.h"
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
	const char *remedy;
	va_list args;

	va_start(args, format);
	vsnprintf(line + len, sizeof(line) - (size_t)len, format, args);
	va_end(args);
	remedy = sp_remedy_of(line);
	len = (int)strlen(line);
	if (remedy)
		snprintf(line + len, sizeof(line) - (size_t)len, " (%s)", remedy);
	/* one write a line, so that lines of two threads do not mix */
	fprintf(stderr, "sallyport-vpnd: %s\n", sp_text_show(line, shown, sizeof(shown)));
}
