/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/files/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/files/gather.h"
#include "config/reach.h"
#include "io/files/files.h"
#include "io/files/zoneinfo.h"
#include "io/loop/clock.h"
#include "judge/fit.h"
#include "policy/addresses/filled.h"
#include "policy/checks/lint_feeds.h"
#include "policy/checks/lint_times.h"
#include "plane/planes.h"
#include "yaml/source.h"

#define STDIN_BYTES_MAX (64u << 20)

void sp_policy_source_done(struct sp_policy_source *source)
{
	sp_policy_free(source->policy);
	sp_machine_free(source->machine);
	sp_diagnostics_done(&source->diagnostics);
}

/* All of stdin. Returns 0; -EFBIG; -errno. */
static int read_stdin(char **ret_text, size_t *ret_len)
{
	__sp_buf struct sp_buf text = SP_BUF_INIT;
	char bytes[65536];
	size_t len;

	errno = 0;
	while ((len = fread(bytes, 1, sizeof(bytes), stdin)) > 0) {
		sp_buf_put_bytes(&text, bytes, len);
		*ret_len += len;
		if (*ret_len > STDIN_BYTES_MAX)
			return -EFBIG;
	}
	if (ferror(stdin))
		return errno ? sp_errno() : -EIO;
	return sp_buf_take(&text, ret_text);
}

const char *sp_cli_file_name(const char *path)
{
	return strcmp(path, "-") ? path : "stdin";
}

/* Read the file @path, or stdin to its end when @path is "-". *@ret_text is malloc'ed. @max_len
 * bounds a file; 64 MiB bound stdin. Returns as sp_file_read; from stdin 0, -EFBIG, -EIO or
 * -ENOMEM. */
static int read_file(const char *path, size_t max_len, char **ret_text, size_t *ret_len)
{
	*ret_len = 0;
	return strcmp(path, "-") ? sp_file_read(path, max_len, ret_text, ret_len)
				 : read_stdin(ret_text, ret_len);
}

int sp_cli_read_text(const char *path, char **ret_text, size_t *ret_len)
{
	int r = read_file(path, SP_SOURCE_MAX, ret_text, ret_len);

	if (r == -EFBIG || (r == 0 && *ret_len > SP_SOURCE_MAX))
		return sp_cli_fail(SP_EXIT_INVALID, "cannot read %s: it is larger than 10 MB",
				   sp_cli_file_name(path));
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "cannot read %s: %s", sp_cli_file_name(path),
				   r == -EINVAL ? "it is no regular file" : sp_err_text(r));
	return SP_EXIT_OK;
}

static int load_machine(const char *path, struct sp_policy_source *source)
{
	__sp_free char *text = NULL;
	size_t len;
	int r;

	r = sp_cli_read_text(path, &text, &len);
	if (r != SP_EXIT_OK)
		return r;
	sp_diagnostics_done(&source->diagnostics);
	source->diagnostics = (struct sp_diagnostics){ 0 };
	r = sp_machine_load(path, text, len, &source->machine, &source->diagnostics);
	if (r == 0)
		r = sp_plane_check_machine(sp_planes, source->machine, path, &source->diagnostics);
	if (r == -EINVAL)
		return SP_EXIT_INVALID;
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "checking %s: %s", path, sp_err_text(r));
	source->gateway = &source->machine->gateway;
	return SP_EXIT_OK;
}

/* The machine file does not have the gateway's own addresses: those of the policy's fixtures stand
 * for them. */
static int borrow_self(struct sp_policy_source *source)
{
	const struct sp_gateway *fixtures = &source->policy->fixtures.gateway;
	struct sp_gateway *gateway = &source->machine->gateway;

	if (!fixtures->self_count || gateway->self_count)
		return 0;
	gateway->self = calloc(fixtures->self_count, sizeof(*gateway->self));
	if (!gateway->self)
		return -ENOMEM;
	memcpy(gateway->self, fixtures->self, fixtures->self_count * sizeof(*gateway->self));
	gateway->self_count = fixtures->self_count;
	return 0;
}

/* Report what does not fit between the policy and the machine file beside it. */
static int check_fit(const char *machine_path, struct sp_policy_source *source)
{
	const char *slash = strrchr(machine_path, '/');
	__sp_free char *idp_dir = NULL;
	const struct sp_facts facts = sp_clock_facts();
	struct sp_fit fit = { source->policy, source->machine, source->gateway, &facts, NULL };
	int r = slash ? sp_str_format(&idp_dir, "%.*s/idp.d", (int)(slash - machine_path),
				      machine_path)
		      : sp_str_format(&idp_dir, "idp.d");

	if (r < 0)
		return r;
	if (access(idp_dir, F_OK) == 0)
		/* without idp.d beside it, a machine file tells nothing of providers */
		fit.idp_dir = idp_dir;
	return sp_judge_fit(&fit, &source->diagnostics);
}

/* Without a gateway the fixtures say what feeds hold. */
static int fill_fixtures(struct sp_policy_source *source)
{
	struct sp_policy *filled;
	int r = sp_policy_fill_fixtures(source->policy, &filled);

	if (r < 0)
		return r;
	sp_policy_free(source->policy);
	source->policy = filled;
	return sp_policy_lint_feeds(filled, &source->diagnostics);
}

int sp_policy_source_load(const char *path, const char *machine_path,
			  struct sp_policy_source *source)
{
	__sp_cleanup(sp_files_done) struct sp_files files = { 0 };
	int r;

	if (machine_path) {
		r = load_machine(machine_path, source);
		if (r != SP_EXIT_OK)
			return r;
		sp_diagnostics_done(&source->diagnostics);
		source->diagnostics = (struct sp_diagnostics){ 0 };
	}
	r = sp_cli_gather(path, &files);
	if (r != SP_EXIT_OK)
		return r;
	r = sp_policy_load_files(files.list, files.count, &sp_zoneinfo, &source->policy,
				 &source->diagnostics);
	if (r == -EINVAL)
		return SP_EXIT_INVALID;
	if (r >= 0)
		r = sp_policy_number_rules(source->policy, NULL, NULL);
	if (r >= 0)
		r = fill_fixtures(source);
	if (r >= 0 && machine_path)
		r = borrow_self(source);
	if (r >= 0 && machine_path)
		r = check_fit(machine_path, source);
	if (r == -EINVAL)
		return SP_EXIT_INVALID;
	if (r >= 0)
		r = sp_reach_lint(source->policy, source->machine, &source->diagnostics);
	if (r >= 0)
		r = sp_policy_lint_times(source->policy, sp_clock_realtime_s(),
					 &source->diagnostics);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "checking %s: %s", path, sp_err_text(r));
	if (!source->gateway)
		source->gateway = &source->policy->fixtures.gateway;
	return SP_EXIT_OK;
}

void sp_source_print_diagnostics(const struct sp_cli *cli, const struct sp_diagnostics *diagnostics)
{
	(void)cli;
	for (size_t i = 0; i < diagnostics->count; i++) {
		__sp_free char *line = sp_diagnostic_format(&diagnostics->items[i]);

		if (line)
			sp_cli_say("%s\n", line);
	}
	if (diagnostics->dropped_count)
		sp_cli_say("… and %zu more\n", diagnostics->dropped_count);
}

int sp_policy_source_open(const struct sp_cli *cli, const char *path, const char *machine_path,
			  struct sp_policy_source *source)
{
	const int r = sp_policy_source_load(path, machine_path, source);

	if (r == SP_EXIT_INVALID)
		sp_source_print_diagnostics(cli, &source->diagnostics);
	return r;
}

int sp_policy_source_judge(const struct sp_policy_source *source, const struct sp_facts *facts,
			   const struct sp_judge_planes *planes, struct sp_judge **ret_judge)
{
	struct sp_plane_error error = { 0 };
	int r = sp_judge_new(source->policy, source->gateway, facts, planes, ret_judge, &error);

	if (r >= 0)
		r = sp_judge_open_fixtures(*ret_judge);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "%s",
				   *error.text ? error.text : sp_judge_fault(r));
	return SP_EXIT_OK;
}

static const char *write_generation(const uint8_t generation[32], char buf[65])
{
	for (size_t i = 0; i < 32; i++)
		snprintf(buf + 2 * i, 3, "%02x", generation[i]);
	return buf;
}

const char *sp_generation_short(const uint8_t generation[32], char buf[65])
{
	write_generation(generation, buf);
	buf[12] = '\0';
	return buf;
}

const char *sp_cli_plane_help(void)
{
	static char help[SP_PLANE_NAMES_MAX + 80];
	char names[SP_PLANE_NAMES_MAX];

	snprintf(help, sizeof(help),
		 "%s or " SP_JUDGE_REFERENCE " (default: every plane that can judge here)",
		 sp_plane_list_names(sp_planes, "", names));
	return help;
}

const char *const *sp_cli_plane_values(void)
{
	static const char *values[SP_PLANES_MAX + 2] = { SP_JUDGE_REFERENCE };

	for (size_t i = 0; i < sp_planes.count; i++)
		values[1 + i] = sp_planes.items[i]->name;
	return values;
}

void sp_cli_choose_planes(const char *name, struct sp_judge_planes *ret_planes)
{
	*ret_planes = (struct sp_judge_planes){ 0 };
	if (!name)
		*ret_planes = (struct sp_judge_planes){ sp_planes.items, sp_planes.count, false };
	for (size_t i = 0; name && i < sp_planes.count; i++)
		if (!strcmp(sp_planes.items[i]->name, name))
			*ret_planes = (struct sp_judge_planes){ &sp_planes.items[i], 1, true };
}
