/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/rights.h"

#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"

void sp_rights_forbid_dumps(void)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
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
	sp_rights_forbid_dumps();
	return prctl(PR_SET_KEEPCAPS, 0) < 0 ? sp_errno() : 0;
}

int sp_rights_drop(const struct sp_user *user, const cap_value_t *kept, int kept_count)
{
	int r = 0;

	if (user && user->uid != geteuid())
		r = change_user(user);
	if (r == 0)
		r = keep_only(kept, kept_count);
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = sp_errno();
	return r;
}

int sp_rights_restrict(const int *calls, size_t call_count, const unsigned int *ioctls,
		       size_t ioctl_count)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < call_count && r == 0; i++) {
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
		if (r == -EDOM || r == -EEXIST) /* this processor has no such call */
			r = 0;
	}
	for (size_t i = 0; i < ioctl_count && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_EQ, ioctls[i]));
	if (r == 0)
		r = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return r;
}
