/* SPDX-License-Identifier: GPL-3.0-or-later */
/* List what is attached, and detach and unpin all of it. */
#include <stdio.h>
#include <unistd.h>

#include "plane/ebpf/entries.h"

static bool has_edge_in(const struct sp_plane_hook *links, size_t count, uint32_t ifindex)
{
	for (size_t i = 0; i < count; i++)
		if (links[i].hook == SP_HOOK_EDGE_IN && links[i].ifindex == ifindex &&
		    links[i].prog_id)
			return true;
	return false;
}

int sp_ebpf_list_links(struct sp_ebpf *plane, struct sp_plane_hook **ret_links, size_t *ret_count)
{
	__sp_entries struct sp_ebpf_entries entries = { 0 };
	struct sp_plane_hook *links;
	int r;

	if (!plane->pin_dir)
		return -EINVAL;
	r = sp_ebpf_entries_read(plane, &entries, NULL);
	if (r < 0)
		return r;
	links = calloc(entries.count ? entries.count : 1, sizeof(*links));
	if (!links)
		return -ENOMEM;
	for (size_t i = 0; i < entries.count; i++) {
		const struct sp_ebpf_hook *hook = &entries.items[i].hook;

		links[i].hook = hook->pin.hook;
		if (!hook->ifindex || !if_indextoname(hook->ifindex, links[i].interface))
			snprintf(links[i].interface, sizeof(links[i].interface), "%s",
				 hook->pin.interface);
		links[i].ifindex = hook->ifindex;
		links[i].prog_id = hook->prog_id;
		links[i].revision =
			sp_ebpf_revision_of(plane->pin_dir, hook->pin.hook, hook->prog_id);
		snprintf(links[i].mode, sizeof(links[i].mode), "%s", sp_ebpf_hook_mode(hook));
	}
	for (size_t i = 0; i < entries.count; i++)
		links[i].is_alone = links[i].hook == SP_HOOK_EDGE_TC && links[i].ifindex &&
				    !has_edge_in(links, entries.count, links[i].ifindex);
	*ret_links = links;
	*ret_count = entries.count;
	return 0;
}

int sp_ebpf_find_interface(const char *pin_dir, enum sp_hook hook, char ret_name[16])
{
	__sp_free struct sp_ebpf_pin *pins = NULL;
	size_t count = 0;
	int r = sp_ebpf_pin_list(pin_dir, &pins, &count);

	for (size_t i = 0; r == 0 && i < count; i++) {
		if (pins[i].hook != hook)
			continue;
		snprintf(ret_name, IFNAMSIZ, "%s", pins[i].interface);
		return 0;
	}
	return r < 0 ? r : -ENOENT;
}

/* The hook is one that this version does not know. Unpinning it detaches it. */
static int remove_hooks(const char *pin_dir, struct sp_plane_error *error)
{
	__sp_free struct sp_ebpf_pin *pins = NULL;
	size_t count = 0;
	int r = sp_ebpf_pin_list(pin_dir, &pins, &count);

	for (size_t i = 0; r == 0 && i < count; i++) {
		struct sp_ebpf_hook hook;

		if (sp_ebpf_hook_open(pin_dir, &pins[i], &hook) < 0)
			continue;
		r = sp_ebpf_hook_remove(pin_dir, &hook);
		if (r == 0)
			continue;
		sp_ebpf_hook_done(&hook);
		return sp_ebpf_fail(error, r, "detaching %s from %s: %s",
				    sp_hook_name(pins[i].hook), pins[i].interface, sp_err_text(r));
	}
	return r;
}

/* The parent folder was made together with the folder of pins. It stays if it holds anything
 * else. */
static void remove_parent(const char *pin_dir)
{
	char parent[SP_EBPF_PIN_PATH_MAX];
	char *slash;

	snprintf(parent, sizeof(parent), "%s", pin_dir);
	slash = strrchr(parent, '/');
	if (slash && slash != parent) {
		*slash = '\0';
		(void)rmdir(parent);
	}
}

int sp_ebpf_unload(const char *pin_dir, struct sp_plane_error *error)
{
	int r;

	sp_ebpf_begin(error);
	if (access(pin_dir, F_OK) == 0) {
		/* Removed first: if a crash follows, the next open completes the removal. */
		r = sp_ebpf_running_write(pin_dir, 0);
		if (r == 0)
			r = remove_hooks(pin_dir, error);
		if (r == 0)
			r = sp_ebpf_pin_dir_remove(pin_dir, error);
		if (r < 0)
			return sp_ebpf_end(error, r);
	}
	remove_parent(pin_dir);
	r = sp_ebpf_nat_remove(error);
	return sp_ebpf_end(error, r < 0 ? r : sp_ebpf_unlock(error));
}

int sp_ebpf_detach(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	struct sp_ebpf_staged *running;
	int r;

	if (!plane->pin_dir) {
		sp_ebpf_begin(error);
		return sp_ebpf_fail(error, -EINVAL, "a scratch plane attaches nothing");
	}
	r = sp_ebpf_unload(plane->pin_dir, error);
	if (r < 0)
		return r;
	running = SP_TAKE_PTR(plane->running);
	sp_ebpf_staged_close(running);
	running = SP_TAKE_PTR(plane->kept);
	sp_ebpf_staged_close(running);
	return 0;
}
