/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process around the engine, as the userspace API (api.h) sees it. */
#ifndef SALLYPORT_VPND_API_HOST_H
#define SALLYPORT_VPND_API_HOST_H

#include "vpnd/api/api.h"
#include "vpnd/vpnd.h"

/* @vpnd is borrowed: it outlives all use of @ret_device. */
void sp_vpnd_fill_api(struct sp_vpnd *vpnd, struct sp_api_device *ret_device);

#endif
