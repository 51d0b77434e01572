/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Preloaded: a kernel before 6.6, whose bpf(2) knows no tcx. */
#include <dlfcn.h>
#include <errno.h>

#define TCX_INGRESS 46
#define TCX_EGRESS 47

int bpf_link_create(int program, int target, int attach_type, const void *options);

int bpf_link_create(int program, int target, int attach_type, const void *options)
{
	int (*create)(int, int, int, const void *) =
		(int (*)(int, int, int, const void *))dlsym(RTLD_NEXT, "bpf_link_create");

	if (attach_type == TCX_INGRESS || attach_type == TCX_EGRESS || !create) {
		errno = EINVAL;
		return -EINVAL;
	}
	return create(program, target, attach_type, options);
}
