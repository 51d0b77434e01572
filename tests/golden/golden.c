/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Print what loading a file gives, for tests/golden/run: its diagnostics, one a line, and of kind tables
 * the decision tables too, of kind nat what nft is told for revision 1.
 *
 *	golden policy|machine|idp|tables|nat FILE NAME [--peak]	NAME: what the output calls the file
 *	golden includes FILE NAME OTHER...	a policy of several files; OTHER: a path beside FILE, or in a folder there
 *
 * --peak: the most memory this program ever held, in KB, on stderr (tests/golden/bounds.py).
 * Exit 0 the file was taken, 3 it was refused, 1 anything else. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "config/machine.h"
#include "identity/provider.h"
#include "plane/choice.h"
#include "plane/ebpf/nat_text.h"
#include "policy/files.h"
#include "policy/load.h"
#include "tables.h"

static int read_file(const char *path, char **ret_text, size_t *ret_len)
{
	__sp_fclose FILE *file = fopen(path, "rb");
	__sp_free char *text = NULL;
	size_t len = 0, room = 0;

	if (!file)
		return sp_errno();
	for (;;) {
		size_t took;

		if (len == room) {
			char *grown = realloc(text, room = room ? room * 2 : 4096);

			if (!grown)
				return -ENOMEM;
			text = grown;
		}
		took = fread(text + len, 1, room - len, file);
		if (took == 0)
			break;
		len += took;
	}
	*ret_text = SP_TAKE_PTR(text);
	*ret_len = len;
	return 0;
}

static int print_nat(const struct sp_policy *policy)
{
	static const struct sp_silents none;
	__sp_free char *nat = NULL;
	int r = sp_ebpf_nat_text(policy, &policy->fixtures.gateway, &none, 1, &nat);

	if (r == 0)
		fputs(nat, stdout);
	return r;
}

static const struct sp_plane_ops ebpf = { .name = "ebpf" };
static const struct sp_plane_ops *const planes[] = { &ebpf };

static int load(const char *what, const char *name, const char *text, size_t len,
		struct sp_diagnostics *diagnostics)
{
	__sp_cleanup(sp_policy_freep) struct sp_policy *policy = NULL;
	struct sp_machine *machine = NULL;
	struct sp_idp *idp = NULL;
	int r;

	if (strcmp(what, "idp") == 0) {
		r = sp_idp_load(name, text, len, &idp, diagnostics);
		sp_idp_free(idp);
		return r;
	}
	if (strcmp(what, "machine") != 0) {
		r = sp_policy_load(name, text, len, &policy, diagnostics);
		if (r == 0 && strcmp(what, "tables") == 0)
			r = print_tables(policy, stdout);
		else if (r == 0 && strcmp(what, "nat") == 0)
			r = print_nat(policy);
		return r;
	}
	r = sp_machine_load(name, text, len, &machine, diagnostics);
	if (r == 0)
		r = sp_plane_check_machine((struct sp_plane_list){ planes, 1 }, machine, name,
					   diagnostics);
	sp_machine_free(machine);
	return r;
}

static int add_file(const char *path, const char *name, struct sp_files *files)
{
	__sp_free char *text = NULL;
	size_t len = 0;
	int r = read_file(path, &text, &len);

	return r < 0 ? r : sp_files_add(files, name, text, len);
}

static int load_several(char **argv, struct sp_diagnostics *diagnostics)
{
	__sp_cleanup(sp_policy_freep) struct sp_policy *policy = NULL;
	__sp_cleanup(sp_files_done) struct sp_files files = { 0 };
	const int folder_len = (int)(strrchr(argv[2], '/') - argv[2]);
	int r = add_file(argv[2], argv[3], &files);

	for (size_t i = 4; argv[i] && r == 0; i++) {
		__sp_free char *path = NULL;

		r = sp_str_format(&path, "%.*s/%s", folder_len, argv[2], argv[i]);
		if (r == 0)
			r = add_file(path, argv[i], &files);
	}
	return r < 0 ? r
		     : sp_policy_load_files(files.list, files.count, NULL, &policy, diagnostics);
}

/* getrusage would count what the parent held when it forked. */
static void print_peak(void)
{
	__sp_fclose FILE *file = fopen("/proc/self/status", "r");
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		unsigned long kb;

		if (sscanf(line, "VmHWM: %lu", &kb) == 1)
			fprintf(stderr, "%lu\n", kb);
	}
}

int main(int argc, char **argv)
{
	__sp_cleanup(sp_diagnostics_done) struct sp_diagnostics diagnostics = { 0 };
	__sp_free char *text = NULL;
	size_t len = 0;
	int r;

	if (argc < 4)
		return 2;
	if (strcmp(argv[1], "includes") == 0) {
		r = load_several(argv, &diagnostics);
	} else {
		r = read_file(argv[2], &text, &len);
		if (r == 0)
			r = load(argv[1], argv[3], text, len, &diagnostics);
	}
	for (size_t i = 0; i < diagnostics.count; i++) {
		__sp_free char *line = sp_diagnostic_format(&diagnostics.items[i]);

		puts(line ? line : "no memory");
	}
	if (diagnostics.dropped_count)
		printf("and %zu more\n", diagnostics.dropped_count);
	if (r == 0)
		puts("ok");
	else if (r != -EINVAL)
		fprintf(stderr, "%s: %s\n", argv[2], sp_err_text(r));
	if (strcmp(argv[argc - 1], "--peak") == 0)
		print_peak();
	return r == 0 ? 0 : r == -EINVAL ? 3 : 1;
}
