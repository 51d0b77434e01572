/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/daemon.h"
#include "io/process/options.h"
#include "plane/planes.h"

static void usage(void)
{
	fputs("usage: sallyportd [--root DIR] [--gateway-name NAME] [--engine-user NAME] [-v]\n"
	      "       sallyportd --unload [--yes] [--root DIR]\n"
	      "\n"
	      "Serves one gateway in the foreground; see sallyportd(8).\n"
	      "  --root DIR           everything under DIR instead of / (or $SALLYPORT_ROOT)\n"
	      "  --gateway-name NAME  in audit records; default: the host name\n"
	      "  --engine-user NAME   the user (or UID) sallyport-vpnd runs as; default: "
	      "sallyport-vpnd if\n"
	      "                       there is such a user, else ours\n"
	      "  -v, --verbose        say more on stderr\n"
	      "  --unload             serve nothing: take away what a sallyportd that runs no more "
	      "left in\n"
	      "                       the kernel; without --yes say what that would be\n"
	      "  --version\n",
	      stdout);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "gateway-name", required_argument, NULL, 'g' },
		{ "engine-user", required_argument, NULL, 'e' },
		{ "kill-at", required_argument, NULL, 'k' },   /* for tests of crashes */
		{ "flows-max", required_argument, NULL, 'f' }, /* for tests of a full table */
		{ "unload", no_argument, NULL, 'u' },
		{ "yes", no_argument, NULL, 'y' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct sp_daemon_options options = { .planes = sp_planes };
	bool is_unload = false, is_confirmed = false;
	int option;

	sp_log_init("sallyportd", false);
	while ((option = sp_options_next(argc, argv, "vh", long_options)) != -1) {
		switch (option) {
		case 'r':
			options.root = optarg;
			break;
		case 'g':
			options.gateway_name = optarg;
			break;
		case 'e':
			options.engine_user = optarg;
			break;
		case 'k':
			options.kill_at = optarg;
			break;
		case 'f':
			options.flows_max = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'u':
			is_unload = true;
			break;
		case 'y':
			is_confirmed = true;
			break;
		case 'v':
			options.is_verbose = true;
			break;
		case 'V':
			puts("sallyportd " SP_VERSION);
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
	if (is_confirmed && !is_unload) {
		sp_log_error("--yes goes with --unload: alone it confirms nothing");
		return 2;
	}
	return is_unload ? sp_daemon_unload(&options, is_confirmed) : sp_daemon_run(&options);
}
