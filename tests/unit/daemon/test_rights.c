/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What code that took over sallyportd, the engine, the portal or the watchdog is refused: each attempt is made by a
 * child that first gives up what that process gives up. */
#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"
#include "daemon/rights.h"
#include "portal/rights.h"
#include "vpnd/rights.h"
#include "watchdog/rights.h"

static const struct process {
	const char *name;
	int (*give_up)(void);
} processes[] = {
	{ "sallyportd", sp_daemon_give_up_rights },
	{ "sallyport-vpnd", sp_vpnd_restrict_calls },
	{ "sallyport-portal", sp_portal_restrict },
	{ "sallyport-watchdog", sp_watchdog_give_up_rights },
};

/* The exit code of a child of @process that did @attempt: the errno it met, 0 when it was let. */
static int errno_of(const struct process *process, long (*attempt)(long), long argument)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (process->give_up() < 0)
			_exit(255);
		errno = 0;
		_exit(attempt(argument) < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void assert_each(long (*attempt)(long), long argument, int expected, const char *what)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(processes); i++) {
		int met = errno_of(&processes[i], attempt, argument);

		if (met != expected)
			print_error("%s, %s: errno %d, not %d\n", processes[i].name, what, met,
				    expected);
		assert_int_equal(met, expected);
	}
}

/* A child it should not have made ends itself. */
static long clone_with(long flags)
{
	long r = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (r == 0)
		_exit(0);
	return r;
}

static long clone_three(long flags)
{
	struct clone_args args = { .flags = (uint64_t)flags, .exit_signal = SIGCHLD };
	long r = syscall(SYS_clone3, &args, sizeof(args));

	if (r == 0)
		_exit(0);
	return r;
}

static long unshare_with(long flags)
{
	return unshare((int)flags);
}

static void no_namespace_is_made(void **state)
{
	static const long flags[] = { CLONE_NEWNS,  CLONE_NEWUTS, CLONE_NEWIPC,   CLONE_NEWUSER,
				      CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(flags); i++) {
		assert_each(clone_with, flags[i], EPERM, "clone");
		assert_each(clone_with, flags[i] | CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, EPERM,
			    "clone of a thread");
		assert_each(unshare_with, flags[i], EPERM, "unshare");
		assert_each(clone_three, flags[i], ENOSYS, "clone3");
	}
	assert_each(unshare_with, CLONE_NEWTIME, EPERM, "unshare");
	assert_each(clone_three, CLONE_NEWTIME, ENOSYS, "clone3");
}

static long call(long number)
{
	return syscall(number, 0, 0, 0, 0, 0, 0);
}

static void no_process_is_made_watched_or_ended(void **state)
{
	static const long calls[] = { SYS_execve,     SYS_execveat,         SYS_ptrace,
				      SYS_kill,       SYS_process_vm_readv, SYS_process_vm_writev,
				      SYS_pidfd_open, SYS_pidfd_getfd,      SYS_pidfd_send_signal };

	(void)state;
	assert_each(clone_with, 0, EPERM, "fork");
	for (size_t i = 0; i < SP_ARRAY_LEN(calls); i++)
		assert_each(call, calls[i], EPERM, "another process");
}

static long signal_parent(long number)
{
	return syscall(SYS_tgkill, getppid(), getppid(), number);
}

static void a_thread_is_signalled_only_within_the_process(void **state)
{
	int met;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(processes); i++) {
		met = errno_of(&processes[i], signal_parent, 0);
		assert_int_equal(met, EPERM);
	}
}

static void the_system_is_left_as_it_is(void **state)
{
	static const long calls[] = {
		SYS_setns,           SYS_mount,          SYS_umount2,           SYS_pivot_root,
		SYS_chroot,          SYS_open_tree,      SYS_move_mount,        SYS_fsopen,
		SYS_init_module,     SYS_finit_module,   SYS_delete_module,     SYS_kexec_load,
		SYS_reboot,          SYS_swapon,         SYS_add_key,           SYS_keyctl,
		SYS_request_key,     SYS_io_uring_setup, SYS_io_uring_register, SYS_userfaultfd,
		SYS_perf_event_open, SYS_settimeofday,   SYS_clock_settime,     SYS_sethostname,
		SYS_quotactl,        SYS_acct,           SYS_open_by_handle_at, SYS_mknodat,
		SYS_personality,     SYS_setuid,         SYS_setresuid,         SYS_capset,
		SYS_seccomp,
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(calls); i++)
		assert_each(call, calls[i], EPERM, "the system");
}

static long load_program(long unused)
{
	(void)unused;
	return syscall(SYS_bpf, 0, NULL, 0);
}

static void programs_for_the_kernel_are_for_two_alone(void **state)
{
	(void)state;
	if (geteuid() == 0) {
		assert_int_not_equal(errno_of(&processes[0], load_program, 0), EPERM);
		assert_int_not_equal(errno_of(&processes[3], load_program, 0), EPERM);
	}
	assert_int_equal(errno_of(&processes[1], load_program, 0), EPERM);
	assert_int_equal(errno_of(&processes[2], load_program, 0), EPERM);
}

static long map_with(long protection)
{
	return mmap(NULL, 4096, (int)protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
		       ? -1
		       : 0;
}

static long make_executable(long unused)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)unused;
	return page == MAP_FAILED ? 0 : mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static void what_was_written_is_never_run(void **state)
{
	(void)state;
	assert_each(map_with, PROT_READ | PROT_WRITE, 0, "memory");
	assert_each(map_with, PROT_READ | PROT_EXEC, 0, "a library's memory");
	assert_each(map_with, PROT_READ | PROT_WRITE | PROT_EXEC, EPERM, "memory to write and run");
	assert_each(make_executable, 0, EPERM, "memory written, then run");
}

static void *note(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

static long make_thread(long unused)
{
	pthread_t thread;
	int is_noted = 0;

	(void)unused;
	errno = pthread_create(&thread, NULL, note, &is_noted);
	if (errno == 0)
		errno = pthread_join(thread, NULL);
	return errno == 0 && is_noted ? 0 : -1;
}

static void a_thread_is_made(void **state)
{
	(void)state;
	assert_each(make_thread, 0, 0, "a thread");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_namespace_is_made),
		cmocka_unit_test(no_process_is_made_watched_or_ended),
		cmocka_unit_test(a_thread_is_signalled_only_within_the_process),
		cmocka_unit_test(the_system_is_left_as_it_is),
		cmocka_unit_test(programs_for_the_kernel_are_for_two_alone),
		cmocka_unit_test(what_was_written_is_never_run),
		cmocka_unit_test(a_thread_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
