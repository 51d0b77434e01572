/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plane/planes.h"

#include "base/array.h"
#include "plane/ebpf/ops.h"

const struct sp_plane_ops *const sp_planes[] = {
	&sp_ebpf_ops,
};

const size_t sp_plane_count = SP_ARRAY_LEN(sp_planes);
_Static_assert(SP_ARRAY_LEN(sp_planes) <= SP_PLANES_MAX, "one answer a plane has room");
