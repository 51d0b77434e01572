/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policy and machine files for the verbs that work without a daemon. */
#ifndef SALLYPORT_CLI_SOURCE_H
#define SALLYPORT_CLI_SOURCE_H

#include "cli/cli.h"
#include "config/machine.h"
#include "judge/judge.h"
#include "policy/files.h"
#include "policy/load.h"

struct sp_policy_source {
	struct sp_policy *policy;   /* numbered */
	struct sp_machine *machine; /* NULL without --gateway */
	struct sp_gateway *gateway; /* of the machine file, else of the fixtures */
	struct sp_diagnostics diagnostics;
};

#define SP_POLICY_SOURCE_INIT { 0 }
/* Free what @source holds; do not use it afterwards. ->gateway belongs to the machine or the
 * policy. One that is only SP_POLICY_SOURCE_INIT is allowed. */
void sp_policy_source_done(struct sp_policy_source *source);

/* Read a policy or a sallyport.yaml of at most 10 MiB, from stdin when @path is "-". Returns
 * SP_EXIT_OK, or an exit code after saying why. *@ret_text may be set in either case. */
int sp_cli_read_text(const char *path, char **ret_text, size_t *ret_len);
/* What messages call @path: "stdin" for "-", else @path itself. Borrowed. */
const char *sp_cli_file_name(const char *path);

/* Read and check @path, "-" being stdin (and @machine_path when not NULL). Returns SP_EXIT_OK, or
 * an exit code after saying why; with -EINVAL'ed text SP_EXIT_INVALID and the diagnostics left for
 * the caller to print. */
int sp_policy_source_load(const char *path, const char *machine_path,
			  struct sp_policy_source *source);

/* Load a policy as above, and print its diagnostics if there are errors. Returns SP_EXIT_OK; another
 * exit code after saying why. @source is to be freed in either case. */
int sp_policy_source_open(const struct sp_cli *cli, const char *path, const char *machine_path,
			  struct sp_policy_source *source);
/* Make a judge of it with @planes, for the moment of @facts; the people of its fixtures are signed
 * in. Returns SP_EXIT_OK; another exit code after saying why. *@ret_judge is to be freed in either
 * case, and refers to @source. */
int sp_policy_source_judge(const struct sp_policy_source *source, const struct sp_facts *facts,
			   const struct sp_judge_planes *planes, struct sp_judge **ret_judge);

/* The diagnostics as lines on stderr. */
void sp_source_print_diagnostics(const struct sp_cli *cli,
				 const struct sp_diagnostics *diagnostics);

/* The first 12 hex digits of a generation. */
const char *sp_generation_short(const uint8_t generation[32], char buf[65]);

/* What --help says of --plane: the planes of this build, and the reference. A constant text. */
const char *sp_cli_plane_help(void);
/* The same names as a list that ends with NULL: what is taken. */
const char *const *sp_cli_plane_values(void);
/* `--plane`: @name is one of sp_cli_plane_values; NULL: every plane that can judge here. */
void sp_cli_choose_planes(const char *name, struct sp_judge_planes *ret_planes);

#endif
