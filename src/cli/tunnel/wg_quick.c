/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/tunnel/wg_quick.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/cli.h"

#define OUTPUT_MAX 16384
#define ENGINE "sallyport-vpnd"
#define NOT_FOUND 127

/* Our engine: the one installed with this program, else the one in PATH. */
static void find_engine(char ret_path[PATH_MAX])
{
	char self[PATH_MAX], *slash;
	const ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len > 0) {
		self[len] = 0;
		slash = strrchr(self, '/');
		*slash = 0;
		if (snprintf(ret_path, PATH_MAX, "%s/../sbin/" ENGINE, self) < PATH_MAX &&
		    !access(ret_path, X_OK))
			return;
	}
	snprintf(ret_path, PATH_MAX, ENGINE);
}

static void run_child(const char *const argv[], int output)
{
	char engine[PATH_MAX];
	const int null = open("/dev/null", O_RDONLY);

	find_engine(engine);
	setenv("WG_QUICK_USERSPACE_IMPLEMENTATION", engine, 1);
	dup2(null, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	execvp(argv[0], (char *const *)argv);
	_exit(NOT_FOUND);
}

/* An error text of wg-quick, and what the person can do about it. */
static const struct {
	const char *words, *advice;
} advices[] = {
	{ "already exists",
	  "an interface of that name is there: take it away, or choose another with --iface" },
	{ "resolvconf", "no resolvers can be set here: install resolvconf or openresolv" },
	{ "sallyport-vpnd: not found",
	  "install sallyport-vpnd, or load the kernel's wireguard module" },
	{ "Name or service not known", "the gateway's name cannot be resolved: check the network" },
	{ "Temporary failure in name resolution",
	  "the gateway's name cannot be resolved: check the network" },
	{ "Operation not permitted",
	  "this needs root, and in a container the right to make interfaces" },
};

static const char *find_advice(const char *text)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(advices); i++)
		if (strstr(text, advices[i].words))
			return advices[i].advice;
	return NULL;
}

/* Keep the lines of wg-quick's output that tell something: not the commands it ran ("[#] …"). */
static void show_output(int output, const char *program, int code)
{
	char text[OUTPUT_MAX + 1], *rest = text, *line;
	const ssize_t got = pread(output, text, OUTPUT_MAX, 0);
	const char *advice;

	text[got > 0 ? got : 0] = 0;
	advice = find_advice(text);
	sp_cli_fail(0, "%s failed (%d):", program, code);
	while ((line = strsep(&rest, "\n")))
		if (*line && strncmp(line, "[#]", 3))
			sp_cli_say("  %s\n", line);
	if (advice)
		sp_cli_say("  next: %s\n", advice);
}

int sp_wg_quick(const char *const argv[])
{
	__sp_close int output = memfd_create("output", MFD_CLOEXEC);
	int status = 0;
	pid_t pid;

	if (output < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "%s: %s", argv[0], sp_err_text(sp_errno()));
	pid = fork();
	if (pid < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "%s: %s", argv[0], sp_err_text(sp_errno()));
	if (!pid)
		run_child(argv, output);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return SP_EXIT_OK;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND &&
	    lseek(output, 0, SEEK_END) == 0)
		return sp_cli_fail(SP_EXIT_FAILED, "%s is not installed: install wireguard-tools",
				   argv[0]);
	show_output(output, argv[0],
		    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return SP_EXIT_FAILED;
}

bool sp_wg_quick_has_resolvconf(void)
{
	const char *path = getenv("PATH");
	__sp_free char *copy = NULL;
	char *rest, *folder;

	/* wg-quick looks beside itself too: in /usr/bin, as a rule */
	if (sp_str_format(&copy, "%s:/usr/bin", path ? path : "/usr/sbin:/usr/bin:/sbin:/bin") < 0)
		return false;
	rest = copy;
	while ((folder = strsep(&rest, ":"))) {
		__sp_free char *program = NULL;

		if (*folder && sp_str_format(&program, "%s/resolvconf", folder) == 0 &&
		    !access(program, X_OK))
			return true;
	}
	return false;
}
