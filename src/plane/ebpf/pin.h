/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names under pin_dir (a bpffs, where a name has no dot: interface names are escaped):
 *
 *	sp_session, sp_flow, …          state maps
 *	revision-7/edge-in, …           the programs of revision 7, which hold its tables
 *	link-edge-in-wan0               a hook of the running revision
 *	new-edge-in-wan1                one attached by an apply that has not finished
 *	running -> revision-7           the revision whose apply has finished
 *	next_sp_flow, …                 this build's, while an older build's programs still run
 */
#ifndef SALLYPORT_PLANE_EBPF_PIN_H
#define SALLYPORT_PLANE_EBPF_PIN_H

#include <net/if.h>

#include "plane/ebpf/plane.h"

#define SP_EBPF_PIN_PATH_MAX 512
#define SP_EBPF_PIN_NAME_MAX 96

/* Make it and its parents, up to the mount point. -ENOTSUP: not on a bpffs; -ENAMETOOLONG. */
int sp_ebpf_pin_dir_make(const char *pin_dir, struct sp_plane_error *error);
/* Remove it and every pin in it, whatever it is called. */
int sp_ebpf_pin_dir_remove(const char *pin_dir, struct sp_plane_error *error);

struct sp_ebpf_pin {
	bool is_new;
	enum sp_hook hook;
	char interface[IFNAMSIZ];
};

void sp_ebpf_pin_name(const struct sp_ebpf_pin *pin, char name[SP_EBPF_PIN_NAME_MAX]);
/* -EINVAL: not the name of a hook's pin. */
int sp_ebpf_pin_parse(const char *name, struct sp_ebpf_pin *ret_pin);
void sp_ebpf_pin_path(const char *pin_dir, const struct sp_ebpf_pin *pin,
		      char path[SP_EBPF_PIN_PATH_MAX]);

/* Pin the programs of a revision (again: what is there already is replaced). */
int sp_ebpf_revision_pin(const struct sp_ebpf_staged *staged, struct sp_plane_error *error);
/* Remove a revision's pins. */
void sp_ebpf_revision_unpin(const char *pin_dir, uint64_t revision);
/* Its programs by enum sp_hook, -1 where none is pinned. -ENOENT: there is no such revision. */
int sp_ebpf_revision_open(const char *pin_dir, uint64_t revision,
			  int ret_programs[SP_HOOK_PROGRAM_COUNT]);
/* Revisions with pins, in no order; malloc'ed. */
int sp_ebpf_revision_list(const char *pin_dir, uint64_t **ret_revisions, size_t *ret_count);

/* The revision a program belongs to, among those pinned; 0: none of them. */
uint64_t sp_ebpf_revision_of(const char *pin_dir, enum sp_hook hook, uint32_t prog_id);

/* What `running` names; 0: nothing. */
uint64_t sp_ebpf_running_read(const char *pin_dir);
/* Change it in one step; 0 removes it. */
int sp_ebpf_running_write(const char *pin_dir, uint64_t revision);

/* The pins of hooks, in no order; malloc'ed. */
int sp_ebpf_pin_list(const char *pin_dir, struct sp_ebpf_pin **ret_pins, size_t *ret_count);

#endif
