/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport init: a first sallyport.yaml and policy.yaml for this machine. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/files/source.h"
#include "cli/init/init_facts.h"
#include "cli/init/init_plan.h"
#include "cli/screen/terminal.h"
#include "io/files/files.h"
#include "io/files/paths.h"
#include "io/process/user.h"

#define ANSWER_MAX 255u
#define FILE_MODE 0640
#define KEPT_MAX 99u
#define PORTAL_USER "sallyport-portal"

struct run {
	struct sp_cli *cli;
	struct sp_paths paths;
	struct sp_init_seen seen;
	struct sp_init_wishes wishes;
	struct sp_init_plan plan;
	bool asks, forces;
	char *answers[6];
	size_t answer_count;
};

static void run_done(struct run *run)
{
	for (size_t i = 0; i < run->answer_count; i++)
		free(run->answers[i]);
	sp_init_seen_done(&run->seen);
	sp_paths_done(&run->paths);
}

/* ---- questions ---- */

static void put_names(struct sp_buf *out, const struct sp_init_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		sp_buf_printf(out, "%s%s", i ? "," : "", names->name[i]);
}

static void put_nets(struct sp_buf *out, const struct sp_init_nets *nets)
{
	char text[SP_PREFIX_TEXT_MAX];

	for (size_t i = 0; i < nets->count; i++)
		sp_buf_printf(out, "%s%s", i ? "," : "", sp_prefix_format(&nets->net[i], text));
}

/* Ask for one thing; Enter takes @found. *@wish is set to the answer. */
static int ask_wish(struct run *run, const char *what, const char *found, const char **wish)
{
	__sp_free char *question = NULL, *answer = NULL;
	int r = sp_str_format(&question, "%s%s%s%s: ", what, *found ? " [" : "", found,
			      *found ? "]" : "");

	if (r == 0)
		r = sp_terminal_ask(question, ANSWER_MAX, &answer);
	if (r == -ECANCELED)
		return sp_cli_fail(SP_EXIT_FAILED, "nothing was written");
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "cannot read the answer: %s", sp_err_text(r));
	if (*answer) {
		*wish = answer;
		run->answers[run->answer_count++] = SP_TAKE_PTR(answer);
	}
	return SP_EXIT_OK;
}

/* Offer what the machine tells; there is no default for what it does not tell. */
static int ask_wishes(struct run *run)
{
	__sp_buf struct sp_buf edge = SP_BUF_INIT, inside = SP_BUF_INIT, admins = SP_BUF_INIT,
			       pool = SP_BUF_INIT;
	struct sp_init_wishes *wishes = &run->wishes;
	char problem[SP_INIT_PROBLEM_MAX];
	const bool is_complete =
		sp_init_plan_make(&run->seen.facts, wishes, &run->plan, problem) == 0;
	int r = SP_EXIT_OK;

	if (!is_complete)
		sp_cli_say("%s\n", problem);
	put_names(&edge, &run->plan.edge);
	put_names(&inside, &run->plan.inside);
	put_nets(&admins, &run->plan.admins);
	put_nets(&pool, &run->plan.pool);
	if (!wishes->edge)
		r = ask_wish(run, "interface to the internet", sp_buf_get(&edge), &wishes->edge);
	if (r == SP_EXIT_OK && !wishes->inside)
		r = ask_wish(run, "interfaces to the inner networks, by commas",
			     sp_buf_get(&inside), &wishes->inside);
	if (r == SP_EXIT_OK && !wishes->portal_name)
		r = ask_wish(run, "name or address people reach this machine by", run->plan.host,
			     &wishes->portal_name);
	if (r == SP_EXIT_OK && !wishes->admin_from)
		r = ask_wish(run, "networks you administer it from", sp_buf_get(&admins),
			     &wishes->admin_from);
	if (r == SP_EXIT_OK && !wishes->pool)
		r = ask_wish(run, "addresses for people's devices", sp_buf_get(&pool),
			     &wishes->pool);
	return r;
}

/* ---- files ---- */

static int refuse_existing(const struct run *run)
{
	const char *const files[] = { run->paths.machine_file, run->paths.policy_file };

	for (size_t i = 0; i < SP_ARRAY_LEN(files) && !run->forces; i++)
		if (access(files[i], F_OK) == 0)
			return sp_cli_fail(SP_EXIT_FAILED,
					   "%s is there already, and nothing was written: --force "
					   "writes a new one and keeps this one beside it",
					   files[i]);
	return SP_EXIT_OK;
}

/* Rename the file at @path to a free second name. Returns 0, also if there is no file; -errno. */
static int keep_old(const char *path)
{
	for (unsigned i = 1; i <= KEPT_MAX; i++) {
		__sp_free char *kept = NULL;
		int r = sp_str_format(&kept, i == 1 ? "%s.before-init" : "%s.before-init.%u", path,
				      i);

		if (r < 0)
			return r;
		if (link(path, kept) == 0) {
			sp_cli_say("what was there is kept as %s\n", kept);
			return 0;
		}
		if (errno != EEXIST)
			return errno == ENOENT ? 0 : sp_errno();
	}
	return -EEXIST;
}

static int write_file(const char *path, const char *text)
{
	int r = keep_old(path);

	if (r == 0)
		r = sp_file_replace(path, text, strlen(text), FILE_MODE, SP_UID_KEEP, SP_GID_KEEP);
	if (r < 0)
		return sp_cli_fail(r == -EACCES || r == -EPERM ? SP_EXIT_NOT_PERMITTED
							       : SP_EXIT_FAILED,
				   "cannot write %s: %s", path, sp_err_text(r));
	return SP_EXIT_OK;
}

/* The portal alone reads these files: a new file gets the group of its folder. */
static void make_idp_dir(const struct run *run)
{
	struct sp_user portal;

	if (access(run->paths.idp_dir, F_OK) != 0 && sp_user_find(PORTAL_USER, &portal) == 0)
		(void)sp_dir_make_owned(run->paths.idp_dir, 02750, 0, portal.gid);
}

static int write_files(const struct run *run)
{
	__sp_free char *machine = NULL, *policy = NULL;
	int r = sp_init_write_machine(&run->plan, &machine);

	if (r == 0)
		r = sp_init_write_policy(&run->plan, &policy);
	if (r == 0)
		r = sp_dir_make(run->paths.etc_dir, 0755);
	if (r < 0)
		return sp_cli_fail(r == -EACCES || r == -EPERM ? SP_EXIT_NOT_PERMITTED
							       : SP_EXIT_FAILED,
				   "cannot make %s: %s", run->paths.etc_dir, sp_err_text(r));
	make_idp_dir(run);
	r = write_file(run->paths.machine_file, machine);
	return r == SP_EXIT_OK ? write_file(run->paths.policy_file, policy) : r;
}

/* ---- what is said ---- */

static void say_list(const char *title, void (*put)(struct sp_buf *, const void *),
		     const void *list)
{
	__sp_buf struct sp_buf text = SP_BUF_INIT;

	put(&text, list);
	sp_cli_say("  %-8s %s\n", title, sp_buf_get(&text));
}

static void put_names_of(struct sp_buf *out, const void *names)
{
	put_names(out, names);
}

static void put_nets_of(struct sp_buf *out, const void *nets)
{
	put_nets(out, nets);
}

static void say_plan(const struct run *run)
{
	const struct sp_init_plan *plan = &run->plan;

	say_list("edge", put_names_of, &plan->edge);
	if (plan->inside.count)
		say_list("inside", put_names_of, &plan->inside);
	if (plan->left_out.count)
		say_list("left out", put_names_of, &plan->left_out);
	say_list("pool", put_nets_of, &plan->pool);
	sp_cli_say("  %-8s %s, UDP %u and TCP %u\n", "portal", plan->host, plan->tunnel_port,
		   plan->portal_port);
	say_list("ssh from", put_nets_of, &plan->admins);
	if (plan->is_admin_guessed)
		sp_cli_say("           (nobody said from where this machine is administered: "
			   "--admin-from)\n");
}

static int print_result(const struct run *run)
{
	const struct sp_paths *paths = &run->paths;

	if (run->cli->json)
		return sp_cli_print_json(json_pack("{s:i, s:s, s:s, s:s}", "v", 1, "machine",
						   paths->machine_file, "policy",
						   paths->policy_file, "host", run->plan.host));
	sp_cli_print("wrote %s and %s\n"
		     "next, a first person, the services and the policy:\n"
		     "  sallyport user add NAME --groups staff\n"
		     "  systemctl enable --now sallyportd sallyport-vpnd@vpn0 sallyport-portal\n"
		     "  sallyport apply %s\n",
		     paths->machine_file, paths->policy_file, paths->policy_file);
	return SP_EXIT_OK;
}

/* Check the files as strictly as the daemon will. */
static int check_files(const struct run *run)
{
	__sp_cleanup(sp_policy_source_done) struct sp_policy_source source = SP_POLICY_SOURCE_INIT;
	char verb[] = "check", option[] = "--gateway";
	char *words[] = { verb, run->paths.policy_file, option, run->paths.machine_file, NULL };
	int r;

	if (!run->cli->json)
		return sp_cli_check(run->cli, 4, words);
	r = sp_policy_source_load(run->paths.policy_file, run->paths.machine_file, &source);
	if (r == SP_EXIT_INVALID)
		sp_source_print_diagnostics(run->cli, &source.diagnostics);
	return r;
}

static int make_plan(struct run *run)
{
	char problem[SP_INIT_PROBLEM_MAX];
	int r = sp_init_look("/etc/resolv.conf", getenv("SSH_CONNECTION"), &run->seen);

	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "cannot look at this machine: %s",
				   sp_err_text(r));
	r = run->asks ? ask_wishes(run) : SP_EXIT_OK;
	if (r != SP_EXIT_OK)
		return r;
	return sp_init_plan_make(&run->seen.facts, &run->wishes, &run->plan, problem) < 0
		       ? sp_cli_fail(SP_EXIT_FAILED, "%s; nothing was written", problem)
		       : SP_EXIT_OK;
}

static int init_run(struct run *run)
{
	int r = sp_paths_init(&run->paths, run->cli->root);

	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "--root: %s", sp_err_text(r));
	r = refuse_existing(run);
	if (r == SP_EXIT_OK)
		r = make_plan(run);
	if (r != SP_EXIT_OK)
		return r;
	say_plan(run);
	r = write_files(run);
	if (r == SP_EXIT_OK)
		r = check_files(run);
	return r == SP_EXIT_OK ? print_result(run) : r;
}

int sp_cli_init(struct sp_cli *cli, int argc, char **argv)
{
	__sp_cleanup(run_done) struct run run = { .cli = cli };
	struct sp_init_wishes *wishes = &run.wishes;
	bool yes = false;
	const struct sp_option options[] = {
		{ "edge", NULL, &wishes->edge, "IF[,IF]",
		  "interfaces to the internet (default: of the default route)" },
		{ "inside", NULL, &wishes->inside, "IF[,IF]",
		  "interfaces to the inner networks; none: there is no such" },
		{ "pool", NULL, &wishes->pool, "NET[,NET]",
		  "addresses for people's devices (default: free ones)" },
		{ "portal-name", NULL, &wishes->portal_name, "HOST",
		  "what people reach this machine by (default: its address)" },
		{ "admin-from", NULL, &wishes->admin_from, "NET[,NET]",
		  "where ssh stays open to (default: where you come from)" },
		{ "yes", &yes, NULL, NULL, "ask nothing" },
		{ "force", &run.forces, NULL, NULL,
		  "write over the files that are there; they are kept beside" },
		{ 0 },
	};
	size_t count;
	int r = sp_cli_options(cli, "init", argc, argv, options, NULL, 0, &count);

	if (r != 0)
		return sp_cli_options_exit(r);
	run.asks = !yes && !cli->json && sp_terminal_is_there();
	return init_run(&run);
}
