/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/daemon.h"
#include "io/process/options.h"
#include "plane/planes.h"

static void usage(FILE *out)
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
	      "  --yes                with --unload: do it\n"
	      "  --version\n",
	      out);
}

int main(int argc, char **argv)
{
	struct sp_daemon_options options = { .planes = sp_planes };
	const char *flows_max = NULL;
	bool is_unload = false, is_confirmed = false;
	const struct sp_process_option known[] = {
		{ "root", 0, &options.root, NULL },
		{ "gateway-name", 0, &options.gateway_name, NULL },
		{ "engine-user", 0, &options.engine_user, NULL },
		{ "kill-at", 0, &options.kill_at, NULL }, /* for tests of crashes */
		{ "flows-max", 0, &flows_max, NULL },     /* for tests of a full table */
		{ "unload", 0, NULL, &is_unload },
		{ "yes", 0, NULL, &is_confirmed },
		{ "verbose", 'v', NULL, &options.is_verbose },
		{ 0 },
	};
	int exit_code;

	sp_log_init("sallyportd", false);
	if (!sp_options_read(argc, argv, "sallyportd", usage, known, &exit_code))
		return exit_code;
	if (optind < argc) {
		sp_options_refuse(argv[optind]);
		return 2;
	}
	if (is_confirmed && !is_unload) {
		sp_log_error("--yes goes with --unload: alone it confirms nothing");
		return 2;
	}
	if (flows_max)
		options.flows_max = (uint32_t)strtoul(flows_max, NULL, 10);
	return is_unload ? sp_daemon_unload(&options, is_confirmed) : sp_daemon_run(&options);
}
