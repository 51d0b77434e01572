/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names under pin_dir (a bpffs, where a name has no dot: interface names are escaped):
 *
 *	sp_session, sp_flow, …          state maps
 *	revision-7/edge-in, …           the programs of revision 7, which hold its tables
 *	link-edge-in-wan0               a hook of the running revision
 *	new-edge-in-wan1                one attached by an apply that has not finished
 *	running -> revision-7           the revision whose apply has finished
 *	kept -> revision-6              the one before it, while the apply is not confirmed
 *	next_sp_flow, …                 this build's, while an older build's programs still run
 */
#ifndef SALLYPORT_PLANE_EBPF_PIN_H
#define SALLYPORT_PLANE_EBPF_PIN_H

#include <net/if.h>

#include "plane/ebpf/plane.h"

#define SP_EBPF_PIN_PATH_MAX 512
#define SP_EBPF_PIN_NAME_MAX 96

/* Make the folder and its parents, up to the mount point of the bpffs. Returns 0, also when it is
 * there; -ENOTSUP it is on no bpffs; -ENAMETOOLONG; another -errno of mkdir(2). */
int sp_ebpf_pin_dir_make(const char *pin_dir, struct sp_plane_error *error);
/* Remove the folder and every pin in it, whatever the name of the pin. Returns 0; -ENOENT
 * there is no such folder; another -errno. On an error a part may be left. */
int sp_ebpf_pin_dir_remove(const char *pin_dir, struct sp_plane_error *error);

struct sp_ebpf_pin {
	bool is_new;
	enum sp_hook hook;
	char interface[IFNAMSIZ];
};

/* Write the name of a pin, `link-HOOK-INTERFACE` or `new-HOOK-INTERFACE`, to @name. A dot and a
 * percent sign of the interface are written as %2e and %25. */
void sp_ebpf_pin_name(const struct sp_ebpf_pin *pin, char name[SP_EBPF_PIN_NAME_MAX]);
/* Write @pin_dir/NAME, with the name of @pin, to @path. A @pin_dir that sp_ebpf_pin_dir_make took
 * is short enough. */
void sp_ebpf_pin_path(const char *pin_dir, const struct sp_ebpf_pin *pin,
		      char path[SP_EBPF_PIN_PATH_MAX]);

/* Pin the programs of a revision. A pin that is there already is replaced. Returns 0; -errno. */
int sp_ebpf_revision_pin(const struct sp_ebpf_staged *staged, struct sp_plane_error *error);
/* Remove the pins of a revision and their folder. Errors are ignored. */
void sp_ebpf_revision_unpin(const char *pin_dir, uint64_t revision);
/* Open the pinned programs of a revision. @ret_programs has a descriptor by enum sp_hook, the
 * caller's to close; -1 where none is pinned. Returns 0; -ENOENT there is no such revision; another
 * -errno of stat(2). */
int sp_ebpf_revision_open(const char *pin_dir, uint64_t revision,
			  int ret_programs[SP_HOOK_PROGRAM_COUNT]);
/* List the revisions that have pins, in no order. *@ret_revisions is malloc'ed. Returns 0; -ENOENT
 * there is no such folder; -ENOMEM; another -errno. */
int sp_ebpf_revision_list(const char *pin_dir, uint64_t **ret_revisions, size_t *ret_count);

/* Which of the pinned revisions has the program with the id @prog_id at @hook; 0: none, or the pins
 * cannot be read. */
uint64_t sp_ebpf_revision_of(const char *pin_dir, enum sp_hook hook, uint32_t prog_id);

/* The revision that the link `running` names; 0: there is no such link. */
uint64_t sp_ebpf_running_read(const char *pin_dir);
/* Let `running` name @revision, in one step; 0 removes the link. Returns 0; -errno. */
int sp_ebpf_running_write(const char *pin_dir, uint64_t revision);
/* The same for the link `kept`: the revision that may return (kept.c). */
uint64_t sp_ebpf_kept_read(const char *pin_dir);
/* As sp_ebpf_running_write, for `kept`. */
int sp_ebpf_kept_write(const char *pin_dir, uint64_t revision);

/* List the pins of hooks, in no order. *@ret_pins is malloc'ed. Returns 0; -ENOENT there is no such
 * folder; -ENOMEM; another -errno. */
int sp_ebpf_pin_list(const char *pin_dir, struct sp_ebpf_pin **ret_pins, size_t *ret_count);

#endif
