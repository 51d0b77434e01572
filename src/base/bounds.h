/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much may go from a gateway into a device's tunnel: what one end makes, the others have to
 * take. Every bound on the way follows from the first of them: the control socket, the portal's
 * answer, the client's files. tests/unit/cli/test_bounds.c holds them to each other. */
#ifndef SALLYPORT_BASE_BOUNDS_H
#define SALLYPORT_BASE_BOUNDS_H

/* Prefixes in the AllowedIPs of one device, after what touches or overlaps was joined. */
#define SP_ROUTES_MAX 32768u

/* One of them at its longest, as text, with ", " or with quotes and a comma. */
#define SP_ROUTE_TEXT_MAX 48u

/* The wg-quick file, and what stands in it besides the prefixes. */
#define SP_TUNNEL_FILE_REST 16384u
#define SP_TUNNEL_FILE_MAX (SP_ROUTES_MAX * SP_ROUTE_TEXT_MAX + SP_TUNNEL_FILE_REST)

/* An answer of the portal: the prefixes as a list, the file, and the rest of a sign-in. */
#define SP_PORTAL_ANSWER_REST 262144u
#define SP_PORTAL_ANSWER_MAX                                                                       \
	(SP_ROUTES_MAX * SP_ROUTE_TEXT_MAX + SP_TUNNEL_FILE_MAX + SP_PORTAL_ANSWER_REST)

#endif
