/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening and closing a plane. */
#include <string.h>
#include <unistd.h>

#include "plane/ebpf/pin.h"
#include "plane/ebpf/plane.h"

/* The sizes asked for, or the defaults. A scratch plane has small ones. */
static struct sp_ebpf_options with_defaults(const struct sp_ebpf_options *options)
{
	struct sp_ebpf_options full = *options;
	bool is_scratch = !options->pin_dir;

	if (!full.sessions_max)
		full.sessions_max = is_scratch ? 1024 : 65536;
	if (!full.flows_max)
		full.flows_max = is_scratch ? 65536 : 262144;
	if (!full.events_bytes)
		full.events_bytes = is_scratch ? 65536 : 4 << 20;
	return full;
}

static int open_pinned(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	int r;

	plane->pin_dir = strdup(plane->options.pin_dir);
	if (!plane->pin_dir)
		return -ENOMEM;
	plane->options.pin_dir = plane->pin_dir;
	r = sp_ebpf_pin_dir_make(plane->pin_dir, error);
	if (r == 0)
		r = sp_ebpf_state_open(plane, error);
	if (r == 0)
		r = sp_ebpf_janitor_arm(plane, error);
	if (r == 0)
		r = sp_ebpf_settle(plane, error);
	return r;
}

int sp_ebpf_open(const struct sp_ebpf_options *options, struct sp_ebpf **ret_plane,
		 struct sp_plane_error *error)
{
	__sp_cleanup(sp_ebpf_closep) struct sp_ebpf *plane = NULL;
	struct sp_ebpf_options full = with_defaults(options);
	int r;

	sp_ebpf_begin(error);
	if (!full.pin_dir && sp_ebpf_scratch_open(&full, ret_plane) == 0)
		return 0;
	plane = calloc(1, sizeof(*plane));
	if (!plane)
		return sp_ebpf_end(error, -ENOMEM);
	plane->options = full;
	plane->is_opening = true; /* a plane that failed to open half-way is not kept */
	r = full.pin_dir ? open_pinned(plane, error) : sp_ebpf_state_open(plane, error);
	if (r < 0)
		return sp_ebpf_end(error, r);
	plane->is_opening = false;
	*ret_plane = SP_TAKE_PTR(plane);
	return 0;
}

void sp_ebpf_close(struct sp_ebpf *plane)
{
	struct sp_ebpf_staged *running;

	if (!plane)
		return;
	if (!plane->is_opening && !plane->pin_dir && sp_ebpf_scratch_keep(plane))
		return;
	running = SP_TAKE_PTR(plane->running);
	sp_ebpf_staged_close(running);
	sp_ebpf_staged_close(plane->kept);
	while (plane->idle) {
		struct sp_ebpf_staged *idle = plane->idle;

		plane->idle = idle->next;
		sp_ebpf_staged_close(idle);
	}
	sp_ebpf_ring_close(plane->ring);
	sp_ebpf_state_close(plane);
	free(plane->pin_dir);
	free(plane);
}
