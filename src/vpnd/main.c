/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
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

/* Returns 0; -EINVAL, said. */
static int parse_queues(const char *text, unsigned int *ret_count)
{
	char *end;
	unsigned long count = strtoul(text, &end, 10);

	if (*end || count < 1 || count > SP_VPND_QUEUES_MAX) {
		sp_log_error("--queues takes 1 to %d", SP_VPND_QUEUES_MAX);
		return -EINVAL;
	}
	*ret_count = (unsigned int)count;
	return 0;
}

int main(int argc, char **argv)
{
	struct sp_vpnd_options options = { 0 };
	const char *queues = NULL;
	const struct sp_process_option known[] = {
		{ "foreground", 'f', NULL, &options.is_foreground },
		{ "queues", 0, &queues, NULL },
		{ "managed", 0, NULL, &options.is_managed },
		{ "root", 0, &options.root, NULL },
		{ "user", 0, &options.user, NULL },
		{ "fwmark", 0, NULL, &options.keeps_fwmark },
		{ 0 },
	};
	int exit_code;

	sp_log_init("sallyport-vpnd", false);
	if (!sp_options_read(argc, argv, "sallyport-vpnd", usage, known, &exit_code))
		return exit_code;
	if (queues && parse_queues(queues, &options.queue_count) < 0)
		return 2;
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
