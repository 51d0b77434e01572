/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plane/ebpf/entries.h"

#include "base/array.h"

void sp_ebpf_entries_done(struct sp_ebpf_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		sp_ebpf_hook_done(&entries->items[i].hook);
	free(entries->items);
	*entries = (struct sp_ebpf_entries){ 0 };
}

struct sp_ebpf_entry *sp_ebpf_entries_add(struct sp_ebpf_entries *entries)
{
	struct sp_ebpf_entry *entry = SP_ARRAY_PUSH(entries->items, entries->count);

	if (entry)
		entry->hook.fd = -1;
	return entry;
}

int sp_ebpf_entries_read(const struct sp_ebpf *plane, struct sp_ebpf_entries *ret_entries,
			 struct sp_plane_error *error)
{
	__sp_entries struct sp_ebpf_entries entries = { 0 };
	__sp_free struct sp_ebpf_pin *pins = NULL;
	size_t count;
	int r = sp_ebpf_pin_list(plane->pin_dir, &pins, &count);

	if (r < 0)
		return sp_ebpf_fail(error, r, "%s: %s", plane->pin_dir, sp_err_text(r));
	for (size_t i = 0; i < count; i++) {
		struct sp_ebpf_entry *entry = sp_ebpf_entries_add(&entries);
		char name[SP_EBPF_PIN_NAME_MAX];

		if (!entry)
			return -ENOMEM;
		r = sp_ebpf_hook_open(plane->pin_dir, &pins[i], &entry->hook);
		if (r < 0) {
			sp_ebpf_pin_name(&pins[i], name);
			return sp_ebpf_fail(error, r, "%s/%s: %s", plane->pin_dir, name,
					    sp_err_text(r));
		}
	}
	*ret_entries = entries;
	entries = (struct sp_ebpf_entries){ 0 };
	return 0;
}
