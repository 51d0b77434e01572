/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Look between two switches whether the hooks are still as the last switch left them, and put back
 * those that are not. Each hook is handled alone: a hook that cannot be put back does not stop the
 * others. */
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "plane/ebpf/entries.h"

/* How many programs at one tcx hook are looked at; the kernel allows 64. */
#define PROGRAMS_MAX 64

static struct sp_ebpf_entry *find_device(struct sp_ebpf_entries *entries, enum sp_hook hook,
					 uint32_t ifindex)
{
	for (size_t i = 0; i < entries->count; i++) {
		const struct sp_ebpf_hook *seen = &entries->items[i].hook;

		if (seen->fd >= 0 && seen->pin.hook == hook && seen->ifindex == ifindex)
			return &entries->items[i];
	}
	return NULL;
}

/* The id of a program that the hook asks before @prog_id. 0: no program stands before it. */
static uint32_t find_before(const struct sp_ebpf_hook *hook)
{
	__u32 ids[PROGRAMS_MAX] = { 0 };
	LIBBPF_OPTS(bpf_prog_query_opts, query, .prog_ids = ids, .prog_cnt = PROGRAMS_MAX);

	if (hook->kind != SP_EBPF_TCX ||
	    bpf_prog_query_opts((int)hook->ifindex, sp_ebpf_hook_attach_type(hook->pin.hook),
				&query) < 0)
		return 0;
	return query.prog_cnt && ids[0] != hook->prog_id ? ids[0] : 0;
}

static enum sp_plane_fault_kind look(const struct sp_ebpf *plane, const struct sp_ebpf_entry *entry,
				     uint32_t *ret_other)
{
	const struct sp_ebpf_hook *hook = entry ? &entry->hook : NULL;

	*ret_other = 0;
	if (!hook || hook->prog_id == 0)
		return SP_PLANE_HOOK_MISSING;
	if (hook->prog_id != plane->running->program_id[hook->pin.hook]) {
		*ret_other = hook->prog_id;
		return SP_PLANE_HOOK_REPLACED;
	}
	*ret_other = find_before(hook);
	return *ret_other ? SP_PLANE_HOOK_BEHIND : SP_PLANE_HOOK_RIGHT;
}

static int attach(struct sp_ebpf *plane, enum sp_hook hook,
		  const struct sp_plane_interface *interface, struct sp_plane_error *error)
{
	struct sp_ebpf_pin pin = { .hook = hook };
	struct sp_ebpf_hook attached;
	int r;

	snprintf(pin.interface, sizeof(pin.interface), "%s", interface->name);
	r = sp_ebpf_hook_attach(plane->pin_dir, &pin, interface->ifindex,
				plane->running->program[hook], plane->options.avoid, &attached,
				error);
	if (r == 0)
		sp_ebpf_hook_done(&attached);
	return r;
}

/* A pin of this name may belong to another device, which was renamed. The next switch moves it. */
static bool is_name_taken(const struct sp_ebpf_entries *entries, enum sp_hook hook,
			  const struct sp_plane_interface *interface)
{
	for (size_t i = 0; i < entries->count; i++) {
		const struct sp_ebpf_hook *seen = &entries->items[i].hook;

		if (seen->fd >= 0 && seen->pin.hook == hook && seen->prog_id &&
		    seen->ifindex != interface->ifindex &&
		    !strcmp(seen->pin.interface, interface->name))
			return true;
	}
	return false;
}

static int put_back(struct sp_ebpf *plane, struct sp_ebpf_entries *entries,
		    struct sp_ebpf_entry *entry, const struct sp_plane_interface *interface,
		    struct sp_plane_fault *fault)
{
	int r = 0;

	if (fault->kind == SP_PLANE_HOOK_REPLACED)
		return sp_ebpf_hook_replace(plane->pin_dir, &entry->hook, -1,
					    plane->running->program[fault->hook], &fault->error);
	if (is_name_taken(entries, fault->hook, interface))
		return sp_ebpf_fail(&fault->error, -EEXIST, "the pin of %s is another interface's",
				    interface->name);
	/* The hook is detached for a moment. Meanwhile the second lock lets nothing pass. */
	if (entry)
		r = sp_ebpf_hook_remove(plane->pin_dir, &entry->hook);
	return r < 0 ? r : attach(plane, fault->hook, interface, &fault->error);
}

static int mend_hook(struct sp_ebpf *plane, struct sp_ebpf_entries *entries, enum sp_hook hook,
		     const struct sp_plane_interface *interface, struct sp_plane_fault **faults,
		     size_t *count)
{
	struct sp_ebpf_entry *entry = find_device(entries, hook, interface->ifindex);
	struct sp_plane_fault fault = { .hook = hook }, *to;

	fault.kind = look(plane, entry, &fault.prog_id);
	if (fault.kind == SP_PLANE_HOOK_RIGHT)
		return 0;
	snprintf(fault.interface, sizeof(fault.interface), "%s", interface->name);
	fault.repair = put_back(plane, entries, entry, interface, &fault);
	sp_ebpf_end(&fault.error, fault.repair);
	if (fault.repair == -EBUSY && hook == SP_HOOK_EDGE_IN)
		(void)bpf_xdp_query_id((int)interface->ifindex, 0, &fault.prog_id);
	else if (fault.repair < 0 && hook == SP_HOOK_EDGE_IN && !entry)
		/* The driver or the MTU of this interface takes no XDP program: edge-tc judges
		 * there. */
		return 0;
	to = SP_ARRAY_PUSH(*faults, *count);
	if (!to)
		return -ENOMEM;
	*to = fault;
	return 0;
}

/* ---- pins ---- */

static bool has_programs(const struct sp_ebpf *plane)
{
	int programs[SP_HOOK_PROGRAM_COUNT];
	bool has_all = true;

	if (sp_ebpf_running_read(plane->pin_dir) != plane->running->revision ||
	    sp_ebpf_revision_open(plane->pin_dir, plane->running->revision, programs) < 0)
		return false;
	for (int hook = 1; hook < SP_HOOK_PROGRAM_COUNT; hook++) {
		has_all &= programs[hook] >= 0;
		sp_closep(&programs[hook]);
	}
	return has_all;
}

/* What may return has to be found by another process, too. */
static int mend_kept(struct sp_ebpf *plane, bool *is_changed, struct sp_plane_error *error)
{
	int r;

	if (sp_ebpf_kept_read(plane->pin_dir) == plane->kept->revision)
		return 0;
	*is_changed = true;
	r = sp_ebpf_revision_pin(plane->kept, error);
	return r == 0 ? sp_ebpf_kept_write(plane->pin_dir, plane->kept->revision) : r;
}

int sp_ebpf_mend_pins(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	bool is_changed = false;
	int r = 0;

	sp_ebpf_begin(error);
	if (!plane->pin_dir || !plane->running)
		return -EINVAL;
	if (sp_ebpf_kept_has_returned(plane))
		return -ESTALE;
	if (access(plane->pin_dir, F_OK) < 0)
		r = sp_ebpf_pin_dir_make(plane->pin_dir, error);
	if (r == 0)
		r = sp_ebpf_state_pin(plane, &is_changed);
	if (r == 0 && !has_programs(plane)) {
		is_changed = true;
		r = sp_ebpf_revision_pin(plane->running, error);
		if (r == 0)
			r = sp_ebpf_running_write(plane->pin_dir, plane->running->revision);
	}
	if (r == 0 && plane->kept)
		r = mend_kept(plane, &is_changed, error);
	return r < 0 ? sp_ebpf_end(error, r) : is_changed;
}

/* ---- all hooks ---- */

int sp_ebpf_repair(struct sp_ebpf *plane, const struct sp_plane_interface *interfaces,
		   size_t interface_count, struct sp_plane_fault **ret_faults, size_t *ret_count)
{
	__sp_entries struct sp_ebpf_entries entries = { 0 };
	__sp_free struct sp_plane_fault *faults = NULL;
	size_t count = 0;
	int r = 0;

	if (!plane->pin_dir || !plane->running)
		return -EINVAL;
	if (sp_ebpf_kept_has_returned(plane))
		return -ESTALE;
	r = sp_ebpf_entries_read(plane, &entries, NULL);
	for (unsigned int place = 0; r == 0 && place < sp_ebpf_attach_count; place++)
		for (size_t i = 0; r == 0 && i < interface_count; i++) {
			const enum sp_hook hook = sp_ebpf_attach_order[place];

			/* An interface that has just gone, or has changed its device, is left to
			 * the next switch. */
			if (sp_ebpf_has_hook(&interfaces[i], hook) &&
			    if_nametoindex(interfaces[i].name) == interfaces[i].ifindex)
				r = mend_hook(plane, &entries, hook, &interfaces[i], &faults,
					      &count);
		}
	if (r < 0)
		return r;
	*ret_faults = SP_TAKE_PTR(faults);
	*ret_count = count;
	return 0;
}
