/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The revision that ran before the last switch, kept so that it can return while the new one is not
 * confirmed. Its programs stay pinned, and the link `kept` names it. It returns by one step, in which
 * `running` names it again; the hooks follow. A crash in between is completed by sp_ebpf_settle, or
 * by asking once more. Whoever lets it return needs no open plane: sallyport-watchdog, while
 * sallyportd is dead or has what runs open. */
#include <inttypes.h>

#include "plane/ebpf/entries.h"

bool sp_ebpf_kept_has_returned(const struct sp_ebpf *plane)
{
	return plane->kept && sp_ebpf_running_read(plane->pin_dir) == plane->kept->revision;
}

int sp_ebpf_keep(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	int r;

	sp_ebpf_begin(error);
	if (!plane->pin_dir || !plane->running)
		return sp_ebpf_fail(error, -EINVAL, "no revision runs that could be kept");
	if (plane->kept)
		return sp_ebpf_fail(error, -EEXIST, "revision %" PRIu64 " is kept already",
				    plane->kept->revision);
	if (plane->former.is_there)
		return sp_ebpf_fail(error, -EOPNOTSUPP,
				    "what runs is of an older version of Sallyport: apply without "
				    "a way back once, then its programs are this version's");
	r = sp_ebpf_revision_pin(plane->running, error);
	if (r == 0)
		r = sp_ebpf_kept_write(plane->pin_dir, plane->running->revision);
	plane->keeps_next = r == 0;
	return sp_ebpf_end(error, r);
}

void sp_ebpf_kept_take(struct sp_ebpf *plane, struct sp_ebpf_staged *former)
{
	plane->kept = former;
	plane->keeps_next = false;
}

int sp_ebpf_kept_drop(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	struct sp_ebpf_staged *kept = plane->kept;
	int r;

	sp_ebpf_begin(error);
	if (!plane->pin_dir)
		return 0;
	if (sp_ebpf_kept_has_returned(plane))
		return sp_ebpf_fail(error, -ESTALE, "revision %" PRIu64 " has returned",
				    kept->revision);
	/* First: from here on it does not return. */
	r = sp_ebpf_kept_write(plane->pin_dir, 0);
	if (r < 0)
		return sp_ebpf_end(error, r);
	plane->keeps_next = false;
	plane->kept = NULL;
	if (kept)
		sp_ebpf_revision_unpin(plane->pin_dir, kept->revision);
	sp_ebpf_staged_close(kept);
	return 0;
}

/* ---- returning ---- */

static void close_programs(int programs[SP_HOOK_PROGRAM_COUNT])
{
	for (int hook = 0; hook < SP_HOOK_PROGRAM_COUNT; hook++)
		sp_closep(&programs[hook]);
}

static int open_kept(const char *pin_dir, uint64_t revision, int programs[SP_HOOK_PROGRAM_COUNT],
		     struct sp_plane_error *error)
{
	int r = sp_ebpf_revision_open(pin_dir, revision, programs);

	for (int hook = 1; r == 0 && hook < SP_HOOK_PROGRAM_COUNT; hook++)
		if (programs[hook] < 0)
			r = -EUCLEAN;
	return r < 0 ? sp_ebpf_fail(error, r, "revision %" PRIu64 " was kept, but its programs: %s",
				    revision, sp_err_text(r))
		     : 0;
}

/* Whatever the hook runs. The device may be gone: the hook is made again by the next switch. */
static int return_hook(const char *pin_dir, const struct sp_ebpf_pin *pin, int program,
		       struct sp_plane_error *error)
{
	struct sp_ebpf_hook hook;
	int r = sp_ebpf_hook_open(pin_dir, pin, &hook);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return sp_ebpf_fail(error, r, "%s of %s: %s", sp_hook_name(pin->hook),
				    pin->interface, sp_err_text(r));
	if (hook.prog_id && hook.prog_id != sp_ebpf_program_id(program))
		r = sp_ebpf_hook_replace(pin_dir, &hook, -1, program, error);
	sp_ebpf_hook_done(&hook);
	return r == -ENOLINK ? 0 : r;
}

/* Each hook in the order of a switch. One that fails does not hold up the others. */
static int return_hooks(const char *pin_dir, const int programs[SP_HOOK_PROGRAM_COUNT],
			struct sp_plane_error *error)
{
	__sp_free struct sp_ebpf_pin *pins = NULL;
	size_t count = 0;
	int r = sp_ebpf_pin_list(pin_dir, &pins, &count), failed = 0;

	if (r < 0)
		return sp_ebpf_fail(error, r, "%s: %s", pin_dir, sp_err_text(r));
	for (unsigned int place = 0; place < sp_ebpf_attach_count; place++)
		for (size_t i = 0; i < count; i++) {
			if (pins[i].hook != sp_ebpf_attach_order[place])
				continue;
			r = return_hook(pin_dir, &pins[i], programs[pins[i].hook], error);
			failed = r < 0 ? r : failed;
		}
	return failed;
}

int sp_ebpf_kept_return(const char *pin_dir, struct sp_plane_error *error)
{
	const uint64_t kept = sp_ebpf_kept_read(pin_dir);
	int programs[SP_HOOK_PROGRAM_COUNT] = { [0 ... SP_HOOK_PROGRAM_COUNT - 1] = -1 };
	int r;

	sp_ebpf_begin(error);
	if (!kept)
		return 1;
	r = open_kept(pin_dir, kept, programs, error);
	if (r == 0 && sp_ebpf_running_read(pin_dir) != kept) {
		r = sp_ebpf_running_write(pin_dir, kept);
		if (r < 0)
			sp_ebpf_fail(error, r, "%s/running: %s", pin_dir, sp_err_text(r));
	}
	if (r == 0)
		r = return_hooks(pin_dir, programs, error);
	close_programs(programs);
	return sp_ebpf_end(error, r);
}

int sp_ebpf_kept_follow(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	struct sp_ebpf_staged *left = plane->running;
	int r;

	sp_ebpf_begin(error);
	if (!sp_ebpf_kept_has_returned(plane))
		return sp_ebpf_fail(error, -ENOENT, "no kept revision has returned");
	/* Whoever let it return may have died over it. */
	r = sp_ebpf_kept_return(plane->pin_dir, error);
	plane->running = SP_TAKE_PTR(plane->kept);
	sp_ebpf_kept_write(plane->pin_dir, 0);
	sp_ebpf_revision_unpin(plane->pin_dir, left->revision);
	sp_ebpf_staged_close(left);
	sp_ebpf_limits_switched(plane, &plane->running->slots, plane->running->limit,
				plane->running->limit_count);
	return r < 0 ? r : 0;
}
