/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "io/log/log.h"
#include "io/process/options.h"
#include "portal/run.h"

static void usage(FILE *out)
{
	fputs("usage: sallyport-portal [--root DIR] [--user NAME|UID] [-v]\n"
	      "\n"
	      "Serves signing in over HTTPS, in the foreground; see sallyport-portal(8).\n"
	      "  --root DIR        everything under DIR instead of / (or $SALLYPORT_ROOT)\n"
	      "  --user NAME|UID   become this user, without any rights; default: portal.user of "
	      "sallyport.yaml\n"
	      "  -v, --verbose     say more on stderr\n"
	      "  --version\n",
	      out);
}

int main(int argc, char **argv)
{
	struct sp_portal_options options = { 0 };
	const struct sp_process_option known[] = {
		{ "root", 0, &options.root, NULL },
		{ "user", 0, &options.user, NULL },
		{ "kill-at", 0, &options.kill_at, NULL }, /* for tests of crashes */
		{ "verbose", 'v', NULL, &options.is_verbose },
		{ 0 },
	};
	int exit_code;

	sp_log_init("sallyport-portal", false);
	if (!sp_options_read(argc, argv, "sallyport-portal", usage, known, &exit_code))
		return exit_code;
	if (optind < argc) {
		sp_options_refuse(argv[optind]);
		return 2;
	}
	return sp_portal_main(&options);
}
