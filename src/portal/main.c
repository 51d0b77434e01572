/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

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

	while ((option = getopt_long(argc, argv, "vh", long_options, NULL)) != -1) {
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
			return EXIT_SUCCESS;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return 2;
	}
	return sp_portal_main(&options);
}
