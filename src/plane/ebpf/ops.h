/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SALLYPORT_PLANE_EBPF_OPS_H
#define SALLYPORT_PLANE_EBPF_OPS_H

#include "plane/plane.h"

/* Programs at XDP and TC; see ebpf.h. */
extern const struct sp_plane_ops sp_ebpf_ops;

#endif
