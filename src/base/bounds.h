/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bounds that several programs share, because each has to accept what another makes: from a
 * provider through the portal to sallyportd, and from a gateway into a device's tunnel.
 * tests/unit/cli/test_bounds.c holds the ends to each other. */
#ifndef SALLYPORT_BASE_BOUNDS_H
#define SALLYPORT_BASE_BOUNDS_H

/* Identity providers of a gateway: the first that many of idp.d by name. */
#define SP_PROVIDERS_MAX 64u

/* Groups of one person, and the bytes of each of them. */
#define SP_GROUPS_MAX 512u
#define SP_GROUP_TEXT_MAX 255u

/* A token of a provider's token endpoint, in printable ASCII characters. */
#define SP_PROVIDER_TOKEN_MAX 16384u

/* The sealed text that the portal keeps with a session: the token in base64, and the rest of struct
 * sp_kept. */
#define SP_SEALED_MAX 24576u

/* A request to sallyportd, as one line: a sign-in with all groups, of which JSON may make three
 * bytes each (\uXXXX for what are two), and the rest of it. A policy goes behind its request. */
#define SP_REQUEST_REST (SP_SEALED_MAX + 24576u)
#define SP_REQUEST_MAX (SP_GROUPS_MAX * (3 * SP_GROUP_TEXT_MAX + 3) + SP_REQUEST_REST)

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
