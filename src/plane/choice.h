/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which of a build's planes sallyport.yaml and a policy ask for: what none of them can serve is an
 * error with its place. */
#ifndef SALLYPORT_PLANE_CHOICE_H
#define SALLYPORT_PLANE_CHOICE_H

#include "config/machine.h"
#include "plane/plane.h"

#define SP_PLANES_MAX 4u

/* Planes to choose from, at most SP_PLANES_MAX, in the order in which `plane: auto` tries them.
 * Borrowed. */
struct sp_plane_list {
	const struct sp_plane_ops *const *items;
	size_t count;
};

#define SP_PLANE_AUTO "auto" /* the first that opens on the machine */

/* Find a plane by its name. NULL: @planes has none of that name. */
const struct sp_plane_ops *sp_plane_find(struct sp_plane_list planes, const char *name);

#define SP_PLANE_NAMES_MAX 128
/* Write the names as `ebpf, toy`, each between two @quote; cut where @names ends. Returns
 * @names. */
const char *sp_plane_list_names(struct sp_plane_list planes, const char *quote,
				char names[SP_PLANE_NAMES_MAX]);

/* Add an error to @diagnostics, at its place in the file @path, when `plane:` of @machine is
 * neither "auto" nor the name of one of @planes. Returns 0; -EINVAL it is neither; -ENOMEM. */
int sp_plane_check_machine(struct sp_plane_list planes, const struct sp_machine *machine,
			   const char *path, struct sp_diagnostics *diagnostics);
/* Compare @policy with the plane @name, or, when that is "auto", with every one of @planes: one of
 * them has to have what it needs, else the errors are those of the first. Returns as
 * sp_plane_check; 0 too for a name that @planes lack. */
int sp_plane_check_policy(struct sp_plane_list planes, const char *name,
			  const struct sp_policy *policy, struct sp_diagnostics *diagnostics);

#endif
