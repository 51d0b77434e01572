/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The planes this build has. planes.c alone names them: a new one is a line there. */
#ifndef SALLYPORT_PLANE_PLANES_H
#define SALLYPORT_PLANE_PLANES_H

#include "plane/choice.h"

extern const struct sp_plane_list sp_planes;

#endif
