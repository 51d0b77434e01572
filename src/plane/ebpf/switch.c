/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Switch all hooks to a revision, one after the other. If a hook fails, the whole switch is undone.
 * The pin `running` is changed in one step and tells a finished switch from an unfinished one:
 * after a crash sp_ebpf_settle reads it, and undoes an unfinished switch or completes a finished
 * one. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "plane/ebpf/entries.h"

/* The order of hooks: recorders first, so that no reply to a packet they record is refused; the
 * edge last. */
const enum sp_hook sp_ebpf_attach_order[] = {
	SP_HOOK_EDGE_OUT,  SP_HOOK_INSIDE_OUT, SP_HOOK_VPN_OUT, SP_HOOK_VPN_IN,
	SP_HOOK_INSIDE_IN, SP_HOOK_EDGE_TC,    SP_HOOK_EDGE_IN,
};

const unsigned int sp_ebpf_attach_count = SP_ARRAY_LEN(sp_ebpf_attach_order);

bool sp_ebpf_has_hook(const struct sp_plane_interface *interface, enum sp_hook hook)
{
	switch (interface->zone) {
	case SP_ZONE_EDGE:
		return (hook == SP_HOOK_EDGE_IN && !interface->is_bare) ||
		       hook == SP_HOOK_EDGE_TC || hook == SP_HOOK_EDGE_OUT;
	case SP_ZONE_TUNNEL:
		return hook == SP_HOOK_VPN_IN || hook == SP_HOOK_VPN_OUT;
	case SP_ZONE_INSIDE:
		return hook == SP_HOOK_INSIDE_IN || hook == SP_HOOK_INSIDE_OUT;
	default:
		return false;
	}
}

/* ---- attaching, switching, undoing ---- */

/* Find the entry of this hook on this device, whatever name the device had when it was attached. */
static struct sp_ebpf_entry *find_entry(struct sp_ebpf_entries *entries, enum sp_hook hook,
					const struct sp_plane_interface *interface)
{
	for (size_t i = 0; i < entries->count; i++) {
		struct sp_ebpf_entry *entry = &entries->items[i];

		if (entry->hook.fd >= 0 && entry->hook.pin.hook == hook &&
		    entry->hook.ifindex == interface->ifindex)
			return entry;
	}
	return NULL;
}

static struct sp_ebpf_entry *find_name(struct sp_ebpf_entries *entries, enum sp_hook hook,
				       const char *interface)
{
	for (size_t i = 0; i < entries->count; i++) {
		struct sp_ebpf_entry *entry = &entries->items[i];

		if (entry->hook.fd >= 0 && entry->hook.pin.hook == hook &&
		    strcmp(entry->hook.pin.interface, interface) == 0)
			return entry;
	}
	return NULL;
}

/* Rename pins to the current names of their devices. Two devices that exchanged names keep their
 * old pins. */
static int follow_renames(struct sp_ebpf *plane, struct sp_ebpf_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++) {
		struct sp_ebpf_hook *hook = &entries->items[i].hook;
		struct sp_ebpf_pin pin = hook->pin;
		int r;

		if (hook->ifindex == 0 || !if_indextoname(hook->ifindex, pin.interface) ||
		    find_name(entries, pin.hook, pin.interface))
			continue;
		r = sp_ebpf_hook_rename(plane->pin_dir, hook, &pin);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A pin of this name whose device is gone blocks the name: remove it. */
static int clear_name(struct sp_ebpf *plane, struct sp_ebpf_entries *entries,
		      const struct sp_ebpf_pin *pin)
{
	struct sp_ebpf_entry *entry = find_name(entries, pin->hook, pin->interface);

	if (!entry)
		return 0;
	if (entry->hook.prog_id != 0)
		/* The pin belongs to a device that was renamed: it is not removed here. */
		return -EEXIST;
	return sp_ebpf_hook_remove(plane->pin_dir, &entry->hook);
}

static int attach_one(struct sp_ebpf *plane, const struct sp_ebpf_staged *staged,
		      struct sp_ebpf_entries *entries, enum sp_hook hook,
		      const struct sp_plane_interface *interface, struct sp_plane_error *error)
{
	struct sp_ebpf_pin pin = { .is_new = true, .hook = hook };
	struct sp_ebpf_entry *entry;
	int r;

	snprintf(pin.interface, sizeof(pin.interface), "%s", interface->name);
	r = clear_name(plane, entries, &pin);
	if (r < 0)
		return sp_ebpf_fail(error, r, "removing the former %s of %s: %s",
				    sp_hook_name(hook), interface->name, sp_err_text(r));
	entry = sp_ebpf_entries_add(entries);
	if (!entry)
		return -ENOMEM;
	entry->is_wanted = true;
	r = sp_ebpf_hook_attach(plane->pin_dir, &pin, interface->ifindex, staged->program[hook],
				plane->options.avoid, &entry->hook, error);
	if (r < 0)
		return r;
	entry->done = SP_EBPF_ATTACHED;
	sp_ebpf_step(plane, SP_EBPF_STEP_ATTACHED);
	return 0;
}

static int switch_one(struct sp_ebpf *plane, const struct sp_ebpf_staged *staged,
		      struct sp_ebpf_entry *entry, struct sp_plane_error *error)
{
	enum sp_hook hook = entry->hook.pin.hook;
	int r;

	entry->is_wanted = true;
	if (entry->hook.prog_id == staged->program_id[hook])
		return 0;
	r = sp_ebpf_hook_replace(plane->pin_dir, &entry->hook,
				 plane->running ? plane->running->program[hook] : -1,
				 staged->program[hook], error);
	if (r < 0)
		return r;
	entry->done = SP_EBPF_SWITCHED;
	sp_ebpf_step(plane, SP_EBPF_STEP_SWITCHED);
	return 0;
}

static int run_on(struct sp_ebpf *plane, const struct sp_ebpf_staged *staged,
		  struct sp_ebpf_entries *entries, enum sp_hook hook,
		  const struct sp_plane_interface *interface, struct sp_plane_error *error)
{
	struct sp_ebpf_entry *entry = find_entry(entries, hook, interface);
	int r;

	if (!entry || entry->hook.prog_id == 0)
		return attach_one(plane, staged, entries, hook, interface, error);
	r = switch_one(plane, staged, entry, error);
	if (r == -ENOLINK) /* the device went while we looked */
		return sp_ebpf_fail(error, -ENODEV, "%s is gone", interface->name);
	return r;
}

static void undo(struct sp_ebpf *plane, const struct sp_ebpf_staged *staged,
		 struct sp_ebpf_entries *entries)
{
	for (size_t i = entries->count; i-- > 0;) {
		struct sp_ebpf_entry *entry = &entries->items[i];
		enum sp_hook hook = entry->hook.pin.hook;

		if (entry->done == SP_EBPF_ATTACHED)
			sp_ebpf_hook_remove(plane->pin_dir, &entry->hook);
		else if (entry->done == SP_EBPF_SWITCHED)
			sp_ebpf_hook_replace(plane->pin_dir, &entry->hook, staged->program[hook],
					     plane->running->program[hook], NULL);
	}
}

/* ---- the sequence ---- */

static int check_interfaces(const struct sp_plane_interface *interfaces, size_t count,
			    struct sp_plane_error *error)
{
	for (size_t i = 0; i < count; i++)
		if (interfaces[i].ifindex == 0 ||
		    if_nametoindex(interfaces[i].name) != interfaces[i].ifindex)
			return sp_ebpf_fail(error, -ENODEV,
					    "%s: no such interface, or another of that name",
					    interfaces[i].name);
	return 0;
}

/* An edge interface that takes no XDP program has edge-tc, which judges as well. If another owner's
 * program holds the XDP hook, the first apply fails and says so; a later apply goes on, so that the
 * new policy comes into force. */
static bool is_spared(const struct sp_ebpf *plane, enum sp_hook hook, int r)
{
	return hook == SP_HOOK_EDGE_IN && r != -ENODEV && r != -ENOMEM &&
	       (r != -EBUSY || plane->running);
}

static int run_everywhere(struct sp_ebpf *plane, const struct sp_ebpf_staged *staged,
			  struct sp_ebpf_entries *entries,
			  const struct sp_plane_interface *interfaces, size_t interface_count,
			  struct sp_plane_error *error)
{
	int r = follow_renames(plane, entries);

	if (r < 0)
		return sp_ebpf_fail(error, r, "%s: %s", plane->pin_dir, sp_err_text(r));
	for (size_t o = 0; o < sp_ebpf_attach_count; o++) {
		for (size_t i = 0; i < interface_count; i++) {
			if (!sp_ebpf_has_hook(&interfaces[i], sp_ebpf_attach_order[o]))
				continue;
			r = run_on(plane, staged, entries, sp_ebpf_attach_order[o], &interfaces[i],
				   error);
			if (r < 0 && !is_spared(plane, sp_ebpf_attach_order[o], r))
				return r;
		}
	}
	return 0;
}

/* After the switch: detach one hook if its interface is no longer listed, else give its pin the
 * lasting name. */
static int finish_hook(struct sp_ebpf *plane, struct sp_ebpf_entry *entry)
{
	struct sp_ebpf_hook *hook = &entry->hook;
	struct sp_ebpf_pin pin = hook->pin;
	int r = 0;

	pin.is_new = false;
	if (!entry->is_wanted) {
		r = sp_ebpf_hook_remove(plane->pin_dir, hook);
		sp_ebpf_step(plane, SP_EBPF_STEP_DROPPED);
	} else if (hook->pin.is_new) {
		r = sp_ebpf_hook_rename(plane->pin_dir, hook, &pin);
		sp_ebpf_step(plane, SP_EBPF_STEP_CONFIRMED);
	}
	return r;
}

/* From here on the switch is done: the listed interfaces run the new revision. What fails below is
 * tried again by the next switch or the next daemon. */
static void finish(struct sp_ebpf *plane, struct sp_ebpf_entries *entries, uint64_t former,
		   struct sp_plane_error *error)
{
	for (size_t i = 0; i < entries->count; i++) {
		struct sp_ebpf_hook *hook = &entries->items[i].hook;
		int r = hook->fd < 0 ? 0 : finish_hook(plane, &entries->items[i]);

		if (r < 0)
			sp_ebpf_fail(error, r, "the revision runs, but %s of %s: %s",
				     sp_hook_name(hook->pin.hook), hook->pin.interface,
				     sp_err_text(r));
	}
	if (former) {
		sp_ebpf_revision_unpin(plane->pin_dir, former);
		sp_ebpf_step(plane, SP_EBPF_STEP_RETIRED);
	}
}

static void undo_and_unpin(struct sp_ebpf *plane, const struct sp_ebpf_staged *staged,
			   struct sp_ebpf_entries *entries)
{
	undo(plane, staged, entries);
	sp_ebpf_former_unstage(plane);
	if (staged != plane->running)
		sp_ebpf_revision_unpin(plane->pin_dir, staged->revision);
}

static int switch_all(struct sp_ebpf *plane, struct sp_ebpf_staged *staged,
		      const struct sp_plane_interface *interfaces, size_t interface_count,
		      struct sp_plane_error *error)
{
	__sp_entries struct sp_ebpf_entries entries = { 0 };
	struct sp_ebpf_staged *former = plane->running;
	bool is_new = staged != former;
	int r;

	r = sp_ebpf_entries_read(plane, &entries, error);
	if (r == 0 && is_new)
		r = sp_ebpf_revision_pin(staged, error);
	if (r == 0 && is_new)
		r = sp_ebpf_former_stage(plane, error);
	if (r == 0 && is_new)
		sp_ebpf_step(plane, SP_EBPF_STEP_PINNED);
	if (r == 0)
		r = run_everywhere(plane, staged, &entries, interfaces, interface_count, error);
	if (r == 0 && is_new) {
		r = sp_ebpf_running_write(plane->pin_dir, staged->revision);
		if (r < 0)
			sp_ebpf_fail(error, r, "%s/running: %s", plane->pin_dir, sp_err_text(r));
	}
	if (r < 0) {
		undo_and_unpin(plane, staged, &entries);
		return r;
	}
	sp_ebpf_step(plane, SP_EBPF_STEP_COMMITTED);
	plane->running = staged;
	if (is_new)
		sp_ebpf_former_leave(plane, error);
	if (is_new && plane->keeps_next) {
		sp_ebpf_kept_take(plane, former);
		former = NULL;
	}
	finish(plane, &entries, is_new && former ? former->revision : 0, error);
	if (is_new) {
		sp_ebpf_staged_close(former);
		sp_ebpf_limits_switched(plane, &staged->slots, staged->limit, staged->limit_count);
	}
	return 0;
}

int sp_ebpf_switch(struct sp_ebpf *plane, struct sp_ebpf_staged *staged,
		   const struct sp_plane_interface *interfaces, size_t interface_count,
		   struct sp_plane_error *error)
{
	const struct sp_ebpf_staged *former = plane->running;
	int r;

	sp_ebpf_begin(error);
	if (!plane->pin_dir)
		return sp_ebpf_fail(error, -EINVAL, "a scratch plane attaches nothing");
	if (former && staged != former && staged->revision <= former->revision)
		return sp_ebpf_fail(error, -EINVAL, "revision %" PRIu64 " is not after %" PRIu64,
				    staged->revision, former->revision);
	if (sp_ebpf_kept_has_returned(plane))
		return sp_ebpf_fail(error, -ESTALE, "revision %" PRIu64 " has returned",
				    plane->kept->revision);
	r = check_interfaces(interfaces, interface_count, error);
	if (r == 0)
		r = switch_all(plane, staged, interfaces, interface_count, error);
	return sp_ebpf_end(error, r);
}

uint64_t sp_ebpf_running_revision(struct sp_ebpf *plane)
{
	return plane->running ? plane->running->revision : 0;
}

struct sp_ebpf_staged *sp_ebpf_running(struct sp_ebpf *plane)
{
	return plane->running;
}
