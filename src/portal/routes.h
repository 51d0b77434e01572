/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All addresses of the portal. The table stands above the handlers: run.c gives it to the portal
 * (sp_portal_config), so that an exchange knows no handler. */
#ifndef SALLYPORT_PORTAL_ROUTES_H
#define SALLYPORT_PORTAL_ROUTES_H

#include "portal/web/route.h"

extern const struct sp_web_routes sp_web_routes;

#endif
