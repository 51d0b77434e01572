/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A revision over all hooks: one after the other, undone as a whole when one fails. What tells a
 * finished switch from an unfinished one is the name `running`, changed in one step: sp_ebpf_settle
 * reads it after a crash and undoes what came before it or completes what comes after. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "plane/ebpf/hook.h"

/* Recorders first, so that no reply to what they record is refused; the outer door last. */
static const enum sp_hook attach_order[] = {
	SP_HOOK_EDGE_OUT, SP_HOOK_INSIDE_OUT, SP_HOOK_VPN_OUT,
	SP_HOOK_VPN_IN,	  SP_HOOK_INSIDE_IN,  SP_HOOK_EDGE_IN,
};

static bool zone_has_hook(enum sp_zone zone, enum sp_hook hook)
{
	switch (zone) {
	case SP_ZONE_EDGE:
		return hook == SP_HOOK_EDGE_IN || hook == SP_HOOK_EDGE_OUT;
	case SP_ZONE_TUNNEL:
		return hook == SP_HOOK_VPN_IN || hook == SP_HOOK_VPN_OUT;
	case SP_ZONE_INSIDE:
		return hook == SP_HOOK_INSIDE_IN || hook == SP_HOOK_INSIDE_OUT;
	default:
		return false;
	}
}

/* ---- the hooks there are ---- */

enum what_was_done { NOTHING, ATTACHED, SWITCHED };

struct entry {
	struct sp_ebpf_hook hook;
	enum what_was_done done;
	bool is_wanted;
};

struct entries {
	struct entry *items;
	size_t count;
};

static void entries_done(struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		sp_ebpf_hook_done(&entries->items[i].hook);
	free(entries->items);
	*entries = (struct entries){ 0 };
}

static struct entry *add_entry(struct entries *entries)
{
	struct entry *entry = SP_ARRAY_PUSH(entries->items, entries->count);

	if (entry)
		entry->hook.fd = -1;
	return entry;
}

static int read_entries(const struct sp_ebpf *plane, struct entries *ret_entries,
			struct sp_ebpf_error *error)
{
	__sp_cleanup(entries_done) struct entries entries = { 0 };
	__sp_free struct sp_ebpf_pin *pins = NULL;
	size_t count;
	int r = sp_ebpf_pin_list(plane->pin_dir, &pins, &count);

	if (r < 0)
		return sp_ebpf_fail(error, r, "%s: %s", plane->pin_dir, sp_err_text(r));
	for (size_t i = 0; i < count; i++) {
		struct entry *entry = add_entry(&entries);
		char name[SP_EBPF_PIN_NAME_MAX];

		if (!entry)
			return -ENOMEM;
		r = sp_ebpf_hook_open(plane->pin_dir, &pins[i], &entry->hook);
		if (r < 0) {
			sp_ebpf_pin_name(&pins[i], name);
			return sp_ebpf_fail(error, r, "%s/%s: %s", plane->pin_dir, name, sp_err_text(r));
		}
	}
	*ret_entries = entries;
	entries = (struct entries){ 0 };
	return 0;
}

/* ---- attaching, switching, undoing ---- */

/* The entry that is this hook of this device, whatever name the device had when it was attached. */
static struct entry *find_entry(struct entries *entries, enum sp_hook hook,
				const struct sp_ebpf_interface *interface)
{
	for (size_t i = 0; i < entries->count; i++) {
		struct entry *entry = &entries->items[i];

		if (entry->hook.pin.hook == hook && entry->hook.ifindex == interface->ifindex)
			return entry;
	}
	return NULL;
}

/* A pin of this name that is of another device, or of one that is gone: it would be in the way. */
static int clear_name(struct sp_ebpf *plane, struct entries *entries, const struct sp_ebpf_pin *pin)
{
	for (size_t i = 0; i < entries->count; i++) {
		struct sp_ebpf_hook *hook = &entries->items[i].hook;
		int r;

		if (hook->fd < 0 || hook->pin.hook != pin->hook ||
		    strcmp(hook->pin.interface, pin->interface) != 0)
			continue;
		r = sp_ebpf_hook_remove(plane->pin_dir, hook);
		if (r < 0)
			return r;
		entries->items[i].is_wanted = true; /* dealt with */
	}
	return 0;
}

static int attach_one(struct sp_ebpf *plane, const struct sp_ebpf_staged *staged, struct entries *entries,
		      enum sp_hook hook, const struct sp_ebpf_interface *interface,
		      struct sp_ebpf_error *error)
{
	struct sp_ebpf_pin pin = { .is_new = true, .hook = hook };
	struct entry *entry;
	int r;

	snprintf(pin.interface, sizeof(pin.interface), "%s", interface->name);
	r = clear_name(plane, entries, &pin);
	if (r < 0)
		return sp_ebpf_fail(error, r, "removing the former %s of %s: %s", sp_hook_name(hook),
				    interface->name, sp_err_text(r));
	entry = add_entry(entries);
	if (!entry)
		return -ENOMEM;
	entry->is_wanted = true;
	r = sp_ebpf_hook_attach(plane->pin_dir, &pin, interface->ifindex, staged->program[hook],
				plane->options.avoid, &entry->hook, error);
	if (r < 0)
		return r;
	entry->done = ATTACHED;
	sp_ebpf_step(plane, SP_EBPF_STEP_ATTACHED);
	return 0;
}

static int switch_one(struct sp_ebpf *plane, const struct sp_ebpf_staged *staged, struct entry *entry,
		      const struct sp_ebpf_interface *interface, struct sp_ebpf_error *error)
{
	enum sp_hook hook = entry->hook.pin.hook;
	struct sp_ebpf_pin pin = entry->hook.pin;
	int r;

	entry->is_wanted = true;
	snprintf(pin.interface, sizeof(pin.interface), "%s", interface->name);
	r = sp_ebpf_hook_rename(plane->pin_dir, &entry->hook, &pin);
	if (r < 0)
		return sp_ebpf_fail(error, r, "%s of %s: %s", sp_hook_name(hook), interface->name,
				    sp_err_text(r));
	if (entry->hook.prog_id == staged->program_id[hook])
		return 0;
	r = sp_ebpf_hook_replace(plane->pin_dir, &entry->hook,
				 plane->running ? plane->running->program[hook] : -1,
				 staged->program[hook], error);
	if (r < 0)
		return r;
	entry->done = SWITCHED;
	sp_ebpf_step(plane, SP_EBPF_STEP_SWITCHED);
	return 0;
}

static int run_on(struct sp_ebpf *plane, const struct sp_ebpf_staged *staged, struct entries *entries,
		  enum sp_hook hook, const struct sp_ebpf_interface *interface,
		  struct sp_ebpf_error *error)
{
	struct entry *entry = find_entry(entries, hook, interface);
	int r;

	if (!entry || entry->hook.prog_id == 0)
		return attach_one(plane, staged, entries, hook, interface, error);
	r = switch_one(plane, staged, entry, interface, error);
	if (r == -ENOLINK) /* the device went while we looked */
		return sp_ebpf_fail(error, -ENODEV, "%s is gone", interface->name);
	return r;
}

static void undo(struct sp_ebpf *plane, const struct sp_ebpf_staged *staged, struct entries *entries)
{
	for (size_t i = entries->count; i-- > 0;) {
		struct entry *entry = &entries->items[i];
		enum sp_hook hook = entry->hook.pin.hook;

		if (entry->done == ATTACHED)
			sp_ebpf_hook_remove(plane->pin_dir, &entry->hook);
		else if (entry->done == SWITCHED)
			sp_ebpf_hook_replace(plane->pin_dir, &entry->hook, staged->program[hook],
					     plane->running->program[hook], NULL);
	}
}

/* ---- the sequence ---- */

static int check_interfaces(const struct sp_ebpf_interface *interfaces, size_t count,
			    struct sp_ebpf_error *error)
{
	for (size_t i = 0; i < count; i++)
		if (interfaces[i].ifindex == 0 || if_nametoindex(interfaces[i].name) != interfaces[i].ifindex)
			return sp_ebpf_fail(error, -ENODEV, "%s: no such interface, or another of that name",
					    interfaces[i].name);
	return 0;
}

static int run_everywhere(struct sp_ebpf *plane, const struct sp_ebpf_staged *staged,
			  struct entries *entries, const struct sp_ebpf_interface *interfaces,
			  size_t interface_count, struct sp_ebpf_error *error)
{
	for (size_t o = 0; o < SP_ARRAY_LEN(attach_order); o++) {
		for (size_t i = 0; i < interface_count; i++) {
			int r;

			if (!zone_has_hook(interfaces[i].zone, attach_order[o]))
				continue;
			r = run_on(plane, staged, entries, attach_order[o], &interfaces[i], error);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* One hook after the switch: let go when its interface is no longer listed, else given its lasting name. */
static int finish_hook(struct sp_ebpf *plane, struct entry *entry)
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

/* Past the point of no return: the listed interfaces run the new revision whatever fails here, and the
 * next switch, or the next daemon, tries again. */
static void finish(struct sp_ebpf *plane, struct entries *entries, uint64_t former,
		   struct sp_ebpf_error *error)
{
	for (size_t i = 0; i < entries->count; i++) {
		struct sp_ebpf_hook *hook = &entries->items[i].hook;
		int r = hook->fd < 0 ? 0 : finish_hook(plane, &entries->items[i]);

		if (r < 0)
			sp_ebpf_fail(error, r, "the revision runs, but %s of %s: %s",
				     sp_hook_name(hook->pin.hook), hook->pin.interface, sp_err_text(r));
	}
	if (former) {
		sp_ebpf_revision_unpin(plane->pin_dir, former);
		sp_ebpf_step(plane, SP_EBPF_STEP_RETIRED);
	}
}

static void undo_and_unpin(struct sp_ebpf *plane, const struct sp_ebpf_staged *staged,
			   struct entries *entries)
{
	undo(plane, staged, entries);
	if (staged != plane->running)
		sp_ebpf_revision_unpin(plane->pin_dir, staged->revision);
}

static int switch_all(struct sp_ebpf *plane, struct sp_ebpf_staged *staged,
		      const struct sp_ebpf_interface *interfaces, size_t interface_count,
		      struct sp_ebpf_error *error)
{
	__sp_cleanup(entries_done) struct entries entries = { 0 };
	struct sp_ebpf_staged *former = plane->running;
	bool is_new = staged != former;
	int r;

	r = read_entries(plane, &entries, error);
	if (r == 0 && is_new)
		r = sp_ebpf_revision_pin(staged, error);
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
	finish(plane, &entries, is_new && former ? former->revision : 0, error);
	if (is_new)
		sp_ebpf_staged_close(former);
	return 0;
}

int sp_ebpf_switch(struct sp_ebpf *plane, struct sp_ebpf_staged *staged,
		   const struct sp_ebpf_interface *interfaces, size_t interface_count,
		   struct sp_ebpf_error *error)
{
	const struct sp_ebpf_staged *former = plane->running;
	int r;

	sp_ebpf_begin(error);
	if (!plane->pin_dir)
		return sp_ebpf_fail(error, -EINVAL, "a scratch plane attaches nothing");
	if (former && staged != former && staged->revision <= former->revision)
		return sp_ebpf_fail(error, -EINVAL, "revision %" PRIu64 " is not after %" PRIu64,
				    staged->revision, former->revision);
	r = check_interfaces(interfaces, interface_count, error);
	if (r == 0)
		r = switch_all(plane, staged, interfaces, interface_count, error);
	return sp_ebpf_end(error, r);
}

/* ---- after a crash ---- */

/* The revision a program belongs to, among those pinned; 0: none of them. */
static uint64_t revision_of(const char *pin_dir, enum sp_hook hook, uint32_t prog_id)
{
	__sp_free uint64_t *revisions = NULL;
	size_t count = 0;

	if (prog_id == 0 || sp_ebpf_revision_list(pin_dir, &revisions, &count) < 0)
		return 0;
	for (size_t i = 0; i < count; i++) {
		int programs[SP_HOOK_COUNT];
		bool is_it;

		if (sp_ebpf_revision_open(pin_dir, revisions[i], programs) < 0)
			continue;
		is_it = sp_ebpf_program_id(programs[hook]) == prog_id;
		for (int h = 1; h < SP_HOOK_COUNT; h++)
			sp_closep(&programs[h]);
		if (is_it)
			return revisions[i];
	}
	return 0;
}

static int open_revision_program(const char *pin_dir, uint64_t revision, enum sp_hook hook)
{
	int programs[SP_HOOK_COUNT], fd;

	if (sp_ebpf_revision_open(pin_dir, revision, programs) < 0)
		return -1;
	fd = SP_TAKE_FD(programs[hook]);
	for (int h = 1; h < SP_HOOK_COUNT; h++)
		sp_closep(&programs[h]);
	return fd;
}

static int adopt_running(struct sp_ebpf *plane, uint64_t revision, struct sp_ebpf_error *error)
{
	struct sp_ebpf_staged *staged = sp_ebpf_staged_alloc(plane, revision);
	int r;

	if (!staged)
		return -ENOMEM;
	staged->is_adopted = true;
	r = sp_ebpf_revision_open(plane->pin_dir, revision, staged->program);
	for (int hook = 1; r == 0 && hook < SP_HOOK_COUNT; hook++) {
		staged->program_id[hook] = sp_ebpf_program_id(staged->program[hook]);
		if (staged->program_id[hook] == 0)
			r = -EUCLEAN;
	}
	if (r < 0) {
		sp_ebpf_staged_close(staged);
		return sp_ebpf_fail(error, -EUCLEAN,
				    "%s/running names revision %" PRIu64 ", whose programs are not all "
				    "there; unload the plane first", plane->pin_dir, revision);
	}
	plane->running = staged;
	return 0;
}

/* One hook, seen against the running revision (0: none). */
static int settle_hook(struct sp_ebpf *plane, struct sp_ebpf_hook *hook, struct sp_ebpf_error *error)
{
	const struct sp_ebpf_staged *running = plane->running;
	enum sp_hook place = hook->pin.hook;
	struct sp_ebpf_pin pin = hook->pin;
	uint64_t revision;

	if (running && hook->prog_id == running->program_id[place]) {
		pin.is_new = false; /* completed */
		return sp_ebpf_hook_rename(plane->pin_dir, hook, &pin);
	}
	if (!running || hook->pin.is_new) /* an attach that was never committed */
		return sp_ebpf_hook_remove(plane->pin_dir, hook);
	if (hook->prog_id == 0)
		return 0; /* the device is gone; status shows it, the next switch clears it */
	revision = revision_of(plane->pin_dir, place, hook->prog_id);
	if (revision > running->revision) { /* switched, never committed */
		__sp_close int program = open_revision_program(plane->pin_dir, revision, place);

		return sp_ebpf_hook_replace(plane->pin_dir, hook, program, running->program[place], error);
	}
	if (revision) /* of the revision before: its interface is no longer listed */
		return sp_ebpf_hook_remove(plane->pin_dir, hook);
	return 0; /* someone else's: status shows it, the next switch refuses */
}

static int unpin_others(struct sp_ebpf *plane, struct sp_ebpf_error *error)
{
	__sp_free uint64_t *revisions = NULL;
	size_t count = 0;
	int r = sp_ebpf_revision_list(plane->pin_dir, &revisions, &count);

	if (r < 0)
		return sp_ebpf_fail(error, r, "%s: %s", plane->pin_dir, sp_err_text(r));
	for (size_t i = 0; i < count; i++)
		if (!plane->running || revisions[i] != plane->running->revision)
			sp_ebpf_revision_unpin(plane->pin_dir, revisions[i]);
	return 0;
}

int sp_ebpf_settle(struct sp_ebpf *plane, struct sp_ebpf_error *error)
{
	__sp_cleanup(entries_done) struct entries entries = { 0 };
	uint64_t revision = sp_ebpf_running_read(plane->pin_dir);
	int r = 0;

	if (revision)
		r = adopt_running(plane, revision, error);
	if (r == 0)
		r = read_entries(plane, &entries, error);
	if (r < 0)
		return r;
	for (size_t i = 0; i < entries.count; i++) {
		struct sp_ebpf_hook *hook = &entries.items[i].hook;

		sp_ebpf_begin(error);
		r = settle_hook(plane, hook, error);
		if (r < 0)
			return error && error->text[0] ? r :
				sp_ebpf_fail(error, r, "putting %s of %s right after a crash: %s",
					     sp_hook_name(hook->pin.hook), hook->pin.interface,
					     sp_err_text(r));
	}
	return unpin_others(plane, error);
}

/* ---- looking, unloading ---- */

uint64_t sp_ebpf_running_revision(struct sp_ebpf *plane)
{
	return plane->running ? plane->running->revision : 0;
}

struct sp_ebpf_staged *sp_ebpf_running(struct sp_ebpf *plane)
{
	return plane->running;
}

int sp_ebpf_list_links(struct sp_ebpf *plane, struct sp_ebpf_link_info **ret_links, size_t *ret_count)
{
	__sp_cleanup(entries_done) struct entries entries = { 0 };
	struct sp_ebpf_link_info *links;
	int r;

	if (!plane->pin_dir)
		return -EINVAL;
	r = read_entries(plane, &entries, NULL);
	if (r < 0)
		return r;
	links = calloc(entries.count ? entries.count : 1, sizeof(*links));
	if (!links)
		return -ENOMEM;
	for (size_t i = 0; i < entries.count; i++) {
		const struct sp_ebpf_hook *hook = &entries.items[i].hook;

		links[i].hook = hook->pin.hook;
		snprintf(links[i].interface, sizeof(links[i].interface), "%s", hook->pin.interface);
		links[i].ifindex = hook->ifindex;
		links[i].prog_id = hook->prog_id;
		links[i].revision = revision_of(plane->pin_dir, hook->pin.hook, hook->prog_id);
		snprintf(links[i].mode, sizeof(links[i].mode), "%s", sp_ebpf_hook_mode(hook));
	}
	*ret_links = links;
	*ret_count = entries.count;
	return 0;
}

static int remove_all(struct sp_ebpf *plane, struct sp_ebpf_error *error)
{
	__sp_cleanup(entries_done) struct entries entries = { 0 };
	int r = read_entries(plane, &entries, error);

	if (r == 0)
		r = sp_ebpf_running_write(plane->pin_dir, 0); /* a crash from here on is completed by settle */
	for (size_t i = 0; r == 0 && i < entries.count; i++)
		r = sp_ebpf_hook_remove(plane->pin_dir, &entries.items[i].hook);
	return r;
}

int sp_ebpf_detach(struct sp_ebpf *plane, struct sp_ebpf_error *error)
{
	struct sp_ebpf_staged *running;
	int r;

	sp_ebpf_begin(error);
	if (!plane->pin_dir)
		return sp_ebpf_fail(error, -EINVAL, "a scratch plane attaches nothing");
	r = remove_all(plane, error);
	if (r < 0)
		return sp_ebpf_end(error, r);
	running = SP_TAKE_PTR(plane->running);
	sp_ebpf_staged_close(running);
	r = unpin_others(plane, error);
	if (r == 0)
		r = sp_ebpf_state_unpin(plane, error);
	if (r == 0)
		r = sp_ebpf_unlock(error);
	return sp_ebpf_end(error, r);
}
