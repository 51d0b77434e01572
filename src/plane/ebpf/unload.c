/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking at what is attached, and taking all of it away. */
#include <stdio.h>

#include "plane/ebpf/entries.h"

static bool has_edge_in(const struct sp_ebpf_link_info *links, size_t count, uint32_t ifindex)
{
	for (size_t i = 0; i < count; i++)
		if (links[i].hook == SP_HOOK_EDGE_IN && links[i].ifindex == ifindex && links[i].prog_id)
			return true;
	return false;
}

int sp_ebpf_list_links(struct sp_ebpf *plane, struct sp_ebpf_link_info **ret_links,
		       size_t *ret_count)
{
	__sp_entries struct sp_ebpf_entries entries = { 0 };
	struct sp_ebpf_link_info *links;
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

static int remove_all(struct sp_ebpf *plane, struct sp_ebpf_error *error)
{
	__sp_entries struct sp_ebpf_entries entries = { 0 };
	int r = sp_ebpf_entries_read(plane, &entries, error);

	if (r == 0) /* a crash from here on is completed by the next open */
		r = sp_ebpf_running_write(plane->pin_dir, 0);
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
	r = sp_ebpf_unpin_others(plane, error);
	if (r == 0)
		r = sp_ebpf_state_unpin(plane, error);
	if (r == 0)
		r = sp_ebpf_unlock(error);
	return sp_ebpf_end(error, r);
}
