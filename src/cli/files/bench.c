/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport bench NAME: run the benchmark of that name. Benchmarks are programs of their own
 * (bench/ in the source), so that what measures is not part of what is measured. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/cli.h"
#include "yaml/suggest.h"

static const struct bench {
	const char *name, *summary;
} benches[] = {
	{ "vpn", "tunnel engines side by side" },
	{ "aead", "the cipher's implementations, by length" },
	{ "handshake", "handshakes a second on one core" },
	{ "peers", "memory and time of very many peers" },
	{ "identity", "signing in, by the hundred and under junk" },
};

static void print_help(FILE *out)
{
	sp_cli_write(out, "usage: sallyport bench NAME [OPTIONS]\nmeasure this machine\n\n");
	for (size_t i = 0; i < SP_ARRAY_LEN(benches); i++)
		sp_cli_write(out, "  %-12s %s\n", benches[i].name, benches[i].summary);
	sp_cli_write(out, "\nOptions are the benchmark's own; all know --json:\n"
			  "sallyport bench NAME --help\n"
			  "docs/benchmarks.md tells how to read the figures.\n");
}

static int fail_unknown(const char *name)
{
	__sp_buf struct sp_buf names = SP_BUF_INIT;
	struct sp_nearest near;

	sp_nearest_init(&near, name);
	for (size_t i = 0; i < SP_ARRAY_LEN(benches); i++) {
		sp_nearest_offer(&near, benches[i].name);
		sp_buf_printf(&names, "%s%s", i ? ", " : "", benches[i].name);
	}
	if (near.best)
		return sp_cli_fail(SP_EXIT_USAGE,
				   "unknown benchmark \"%s\"; did you mean \"%s\"? There are %s",
				   name, near.best, sp_buf_get(&names));
	return sp_cli_fail(SP_EXIT_USAGE, "unknown benchmark \"%s\"; there are %s", name,
			   sp_buf_get(&names));
}

/* The folder of the benchmarks: $SALLYPORT_BENCH_DIR; beside this program where it was built; else
 * where they are installed. */
static int find_folder(char **ret_folder)
{
	static const char in_build[] = "/src/cli/sallyport";
	const char *given = getenv("SALLYPORT_BENCH_DIR");
	char path[PATH_MAX];
	const ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (given && *given)
		return sp_str_format(ret_folder, "%s", given);
	if (len > (ssize_t)strlen(in_build)) {
		char *end = path + len - strlen(in_build);

		path[len] = '\0';
		if (!strcmp(end, in_build))
			return sp_str_format(ret_folder, "%.*s/bench", (int)(end - path), path);
	}
	return sp_str_format(ret_folder, "%s/bench", SP_LIBEXECDIR);
}

static const struct bench *find_bench(const char *name)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(benches); i++)
		if (!strcmp(benches[i].name, name))
			return &benches[i];
	return NULL;
}

int sp_cli_bench(struct sp_cli *cli, int argc, char **argv)
{
	__sp_free char *folder = NULL, *runner = NULL;
	int r;

	(void)cli; /* --json and all others go to the runner */
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		print_help(stdout);
		return SP_EXIT_OK;
	}
	if (argc < 2 || argv[1][0] == '-') {
		print_help(stderr);
		return SP_EXIT_USAGE;
	}
	if (!find_bench(argv[1]))
		return fail_unknown(argv[1]);
	r = find_folder(&folder);
	if (r == 0)
		r = sp_str_format(&runner, "%s/sp-bench-%s", folder, argv[1]);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "finding sp-bench-%s: %s", argv[1],
				   sp_err_text(r));
	execv(runner, argv + 1);
	r = sp_errno();
	return sp_cli_fail(
		SP_EXIT_FAILED, "%s: %s%s; $SALLYPORT_BENCH_DIR names another folder of benchmarks",
		runner, sp_err_text(r),
		r == -ENOENT
			? ": install the package sallyport-bench, or configure with -Dbench=true"
			: "");
}
