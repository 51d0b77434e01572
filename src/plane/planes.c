/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plane/planes.h"

#include "base/array.h"
#include "plane/ebpf/ops.h"

static const struct sp_plane_ops *const planes[] = {
	&sp_ebpf_ops,
};
_Static_assert(SP_ARRAY_LEN(planes) <= SP_PLANES_MAX, "one answer a plane has room");

const struct sp_plane_list sp_planes = { planes, SP_ARRAY_LEN(planes) };
