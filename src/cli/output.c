/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stdio.h>

#include "cli/cli.h"

int sp_cli_fail(int exit_code, const char *format, ...)
{
	va_list args;

	fputs("sallyport: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return exit_code;
}

int sp_cli_print_json(json_t *object)
{
	int r = json_dumpf(object, stdout, JSON_COMPACT);

	json_decref(object);
	if (r < 0 || putchar('\n') == EOF || fflush(stdout) == EOF)
		return SP_EXIT_FAILED;
	return SP_EXIT_OK;
}

const char *sp_cli_paint(const struct sp_cli *cli, enum sp_paint paint)
{
	static const char *const codes[] = {
		[SP_PLAIN] = "\033[0m", [SP_BOLD] = "\033[1m",   [SP_DIM] = "\033[2m",
		[SP_RED] = "\033[31m",  [SP_GREEN] = "\033[32m", [SP_YELLOW] = "\033[33m",
	};

	return cli->color ? codes[paint] : "";
}
