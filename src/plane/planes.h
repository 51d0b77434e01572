/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The planes this build has. planes.c alone names them: a new one is a line there. */
#ifndef SALLYPORT_PLANE_PLANES_H
#define SALLYPORT_PLANE_PLANES_H

#include "plane/plane.h"

#define SP_PLANES_MAX 4u

/* In the order in which `plane: auto` tries them. */
extern const struct sp_plane_ops *const sp_planes[];
extern const size_t sp_plane_count; /* of them, at most SP_PLANES_MAX */

#endif
