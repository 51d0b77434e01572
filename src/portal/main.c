/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "io/log/log.h"
#include "io/process/options.h"
#include "portal/run.h"

static void usage(void)
{
	fputs("usage: sallyport-portal [--root DIR] [--user NAME|UID] [-v]\n"
	      "\n"
	      "Serves signing in over HTTPS, in the foreground; see sallyport-portal(8).\n"
	      "  --root DIR        everything under DIR instead of / (or $SALLYPORT_ROOT)\n"
	      "  --user NAME|UID   become this user, without any rights; default: portal.user of "
	      "sallyport.yaml\n"
	      "  -v, --verbose     say more on stderr\n"
	      "  --version\n",
	      stdout);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "user", required_argument, NULL, 'u' },
		{ "kill-at", required_argument, NULL, 'k' }, /* for tests of crashes */
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct sp_portal_options options = { 0 };
	int option;

	sp_log_init("sallyport-portal", false);
	while ((option = sp_options_next(argc, argv, "vh", long_options)) != -1) {
		switch (option) {
		case 'r':
			options.root = optarg;
			break;
		case 'u':
			options.user = optarg;
			break;
		case 'k':
			options.kill_at = optarg;
			break;
		case 'v':
			options.is_verbose = true;
			break;
		case 'V':
			puts("sallyport-portal " SP_VERSION);
			return sp_options_shown();
		case 'h':
			usage();
			return sp_options_shown();
		default:
			return 2;
		}
	}
	if (optind < argc) {
		sp_options_refuse(argv[optind]);
		return 2;
	}
	return sp_portal_main(&options);
}
