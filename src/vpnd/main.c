/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "io/log/log.h"
#include "io/process/options.h"
#include "vpnd/run.h"
#include "vpnd/vpnd.h"

static void usage(FILE *out)
{
	fputs("usage: sallyport-vpnd [OPTIONS] INTERFACE\n"
	      "\n"
	      "A WireGuard tunnel in user space; `wg` and wg-quick(8) configure it. See "
	      "sallyport-vpnd(8).\n"
	      "  -f, --foreground   do not go into the background\n"
	      "  --queues N         threads each way, 1..16; default: half of the processors, at "
	      "most 4\n"
	      "  --managed          INTERFACE and its peers are sallyportd's: attach to it, make "
	      "none\n"
	      "  --root DIR         with --managed: everything under DIR (or $SALLYPORT_ROOT)\n"
	      "  --user NAME|UID    become this user after start, without any rights\n"
	      "  --fwmark           keep the right to set fwmark all the same\n"
	      "  --version\n",
	      out);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "foreground", no_argument, NULL, 'f' },
		{ "queues", required_argument, NULL, 'q' },
		{ "managed", no_argument, NULL, 'm' },
		{ "root", required_argument, NULL, 'r' },
		{ "user", required_argument, NULL, 'u' },
		{ "fwmark", no_argument, NULL, 'k' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct sp_vpnd_options options = { 0 };
	char *end;
	int option;

	sp_log_init("sallyport-vpnd", false);
	while ((option = sp_options_next(argc, argv, "fh", long_options)) != -1) {
		switch (option) {
		case 'f':
			options.is_foreground = true;
			break;
		case 'm':
			options.is_managed = true;
			break;
		case 'r':
			options.root = optarg;
			break;
		case 'u':
			options.user = optarg;
			break;
		case 'k':
			options.keeps_fwmark = true;
			break;
		case 'q':
			options.queue_count = (unsigned int)strtoul(optarg, &end, 10);
			if (*end || options.queue_count < 1 ||
			    options.queue_count > SP_VPND_QUEUES_MAX) {
				sp_log_error("--queues takes 1 to %d", SP_VPND_QUEUES_MAX);
				return 2;
			}
			break;
		case 'V':
			puts("sallyport-vpnd " SP_VERSION);
			return sp_options_shown();
		case 'h':
			usage(stdout);
			return sp_options_shown();
		default:
			return 2;
		}
	}
	if (optind + 1 < argc) {
		sp_log_error("\"%s\" is one word too many: one interface is served",
			     argv[optind + 1]);
		return 2;
	}
	if (optind == argc) {
		usage(stderr);
		return 2;
	}
	if (options.is_managed && options.queue_count > 1) {
		sp_log_error("--queues is for an interface of its own: sallyportd's has one");
		return 2;
	}
	options.name = argv[optind];
	return sp_vpnd_run(&options);
}
