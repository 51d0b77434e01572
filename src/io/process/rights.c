/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/process/rights.h"

#include <errno.h>
#include <grp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/array.h"
#include "base/err.h"

/* Forbid core dumps, and other processes of the same user to look in. Called before any secret is
 * read, and again after a change of user, which undoes it. */
static void forbid_dumps(void)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
}

bool sp_rights_protect_memory(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	forbid_dumps();
	if (setrlimit(RLIMIT_MEMLOCK, &unlimited) < 0)
		return false;
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

int sp_rights_have(const cap_value_t *wanted, int count, cap_value_t *ret_have)
{
	cap_t set = cap_get_proc();
	int have = 0;

	for (int i = 0; set && i < count; i++) {
		cap_flag_value_t is_set = CAP_CLEAR;

		if (cap_get_flag(set, wanted[i], CAP_PERMITTED, &is_set) == 0 && is_set == CAP_SET)
			ret_have[have++] = wanted[i];
	}
	if (set)
		cap_free(set);
	return have;
}

static bool is_one_of(cap_value_t one, const cap_value_t *kept, int count)
{
	for (int i = 0; i < count; i++)
		if (kept[i] == one)
			return true;
	return false;
}

/* Give up what a program that we run could get back. Without CAP_SETPCAP the bounding set stays as
 * the parent process set it; PR_SET_NO_NEW_PRIVS holds in any case. */
static int close_ways_back(const cap_value_t *kept, int count)
{
	const cap_value_t setpcap = CAP_SETPCAP;
	cap_value_t have;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return sp_errno();
	if (sp_rights_have(&setpcap, 1, &have) == 0)
		return 0;
	for (cap_value_t one = 0; cap_get_bound(one) >= 0; one++)
		if (!is_one_of(one, kept, count) && cap_drop_bound(one) < 0)
			return sp_errno();
	return prctl(PR_SET_SECUREBITS,
		     SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
			     SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
			     SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED) < 0
		       ? sp_errno()
		       : 0;
}

static int keep_only(const cap_value_t *kept, int count)
{
	cap_t set = cap_init();
	int r = 0;

	if (!set)
		return -ENOMEM;
	if (count && (cap_set_flag(set, CAP_PERMITTED, count, kept, CAP_SET) < 0 ||
		      cap_set_flag(set, CAP_EFFECTIVE, count, kept, CAP_SET) < 0))
		r = sp_errno();
	if (r == 0 && cap_set_proc(set) < 0)
		r = sp_errno();
	cap_free(set);
	return r;
}

static int change_user(const struct sp_user *user)
{
	if (prctl(PR_SET_KEEPCAPS, 1) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(user->gid, user->gid, user->gid) < 0 ||
	    setresuid(user->uid, user->uid, user->uid) < 0)
		return sp_errno();
	forbid_dumps();
	return prctl(PR_SET_KEEPCAPS, 0) < 0 ? sp_errno() : 0;
}

int sp_rights_drop(const struct sp_user *user, const cap_value_t *kept, int kept_count)
{
	int r = close_ways_back(kept, kept_count);

	if (r == 0 && user && user->uid != geteuid())
		r = change_user(user);
	return r == 0 ? keep_only(kept, kept_count) : r;
}

/* ---- system calls ---- */

#define NEW_NAMESPACES                                                                             \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
	 CLONE_NEWPID | CLONE_NEWNET)

static int allow_calls(scmp_filter_ctx filter, const int *calls, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
		if (r == -EDOM || r == -EEXIST) /* this processor has no such call */
			r = 0;
	}
	return r;
}

/* Allow the memory calls that every process needs. A file may be mapped executable (a library of
 * the name service), but not writable and executable. */
static int allow_memory(scmp_filter_ctx filter)
{
	static const unsigned int ways[] = { 0, PROT_WRITE, PROT_EXEC };
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	for (size_t i = 0; i < SP_ARRAY_LEN(ways) && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE | PROT_EXEC, ways[i]));
	return r;
}

/* Allow threads. A filter cannot see the flags of clone3, so clone3 is refused as missing, and the
 * C library takes clone. */
static int allow_threads(scmp_filter_ctx filter)
{
	int r = seccomp_rule_add(
		filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | NEW_NAMESPACES, CLONE_THREAD));

	return r < 0 ? r : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int allow_basics(scmp_filter_ctx filter)
{
	static const int calls[] = {
		SCMP_SYS(read),
		SCMP_SYS(write),
		SCMP_SYS(close),
		SCMP_SYS(fcntl),
		SCMP_SYS(munmap),
		SCMP_SYS(mremap),
		SCMP_SYS(madvise),
		SCMP_SYS(brk),
		SCMP_SYS(futex),
		SCMP_SYS(sched_yield),
		SCMP_SYS(set_robust_list),
		SCMP_SYS(rseq),
		SCMP_SYS(set_tid_address),
		SCMP_SYS(sched_getaffinity),
		SCMP_SYS(gettid),
		SCMP_SYS(clock_gettime),
		SCMP_SYS(clock_nanosleep),
		SCMP_SYS(nanosleep),
		SCMP_SYS(restart_syscall),
		SCMP_SYS(getrandom),
		SCMP_SYS(rt_sigaction),
		SCMP_SYS(rt_sigprocmask),
		SCMP_SYS(rt_sigreturn),
		SCMP_SYS(sigaltstack),
		SCMP_SYS(getpid),
		SCMP_SYS(getuid),
		SCMP_SYS(geteuid),
		SCMP_SYS(exit),
		SCMP_SYS(exit_group),
	};
	int r = allow_calls(filter, calls, SP_ARRAY_LEN(calls));

	if (r == 0) /* abort(), to ourselves alone */
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	if (r == 0)
		r = allow_memory(filter);
	return r == 0 ? allow_threads(filter) : r;
}

int sp_rights_restrict(const int *calls, size_t call_count, const unsigned int *ioctls,
		       size_t ioctl_count)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = filter ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1) : -ENOMEM;

	if (r == -EOPNOTSUPP) /* Linux before 4.14 cannot log, so filter without logging */
		r = 0;
	if (r == 0)
		r = allow_basics(filter);
	if (r == 0)
		r = allow_calls(filter, calls, call_count);
	for (size_t i = 0; i < ioctl_count && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_EQ, ioctls[i]));
	if (r == 0)
		r = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return r;
}
