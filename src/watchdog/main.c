/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "io/log/log.h"
#include "io/process/options.h"
#include "watchdog/run.h"

static void usage(FILE *out)
{
	fputs("usage: sallyport-watchdog [--root DIR] [-v]\n"
	      "\n"
	      "Lets the former revision return when an apply is not confirmed in time; in the "
	      "foreground.\n"
	      "See sallyport-watchdog(8).\n"
	      "  --root DIR     everything under DIR instead of / (or $SALLYPORT_ROOT)\n"
	      "  -v, --verbose  say more on stderr\n"
	      "  --version\n",
	      out);
}

int main(int argc, char **argv)
{
	const char *root = NULL, *kill_at = NULL;
	bool is_verbose = false;
	const struct sp_process_option known[] = {
		{ "root", 0, &root, NULL },
		{ "kill-at", 0, &kill_at, NULL }, /* for tests of crashes */
		{ "verbose", 'v', NULL, &is_verbose },
		{ 0 },
	};
	int exit_code;

	sp_log_init("sallyport-watchdog", false);
	if (!sp_options_read(argc, argv, "sallyport-watchdog", usage, known, &exit_code))
		return exit_code;
	sp_log_init("sallyport-watchdog", is_verbose);
	if (optind < argc) {
		sp_options_refuse(argv[optind]);
		return 2;
	}
	return sp_watchdog_run(root, kill_at);
}
