/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Arm the timer that reclaims expired flows (bpf/janitor.bpf.c). The timer belongs to the pinned
 * state, not to a revision: it runs until its map is unpinned, with or without sallyportd. */
#include <sys/random.h>

#include "plane/ebpf/plane.h"

int sp_ebpf_janitor_arm(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	__sp_cleanup(bpf_object__closep) struct bpf_object *object = NULL;
	LIBBPF_OPTS(bpf_test_run_opts, options);
	const void *bytes;
	uint64_t seed;
	size_t len;
	int fd, r;

	r = sp_ebpf_image_janitor(&bytes, &len);
	if (r < 0)
		return sp_ebpf_fail(error, r, "janitor: this build has none");
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return sp_ebpf_fail(error, -EIO, "janitor: no random number");
	r = sp_ebpf_object_open(bytes, len, "janitor", &object, error);
	if (r == 0)
		r = sp_ebpf_object_set(object, "sp_seed", &seed, sizeof(seed));
	if (r == 0)
		r = sp_ebpf_object_reuse(object, plane, NULL, error);
	if (r == 0)
		r = sp_ebpf_object_load(object, "janitor", error);
	if (r < 0)
		return r;
	fd = bpf_program__fd(bpf_object__next_program(object, NULL));
	if (bpf_prog_test_run_opts(fd, &options) < 0)
		return sp_ebpf_fail(error, sp_errno(), "janitor: cannot be run: %s",
				    sp_err_text(sp_errno()));
	if (options.retval != 0)
		return sp_ebpf_fail(error, (int)options.retval < 0 ? (int)options.retval : -EIO,
				    "janitor: its timer cannot be armed: %s",
				    sp_err_text((int)options.retval));
	return 0;
}
