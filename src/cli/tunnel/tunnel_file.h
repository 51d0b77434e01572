/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wg-quick file of a device, as text. wg-quick runs as root and carries out whatever its file
 * says (PostUp and its like are shell commands), and ours comes from a portal and lies in a
 * person's folder: so nothing is handed on but addresses, keys and the like, in characters that
 * mean nothing to a shell. Source: wg-quick(8). No I/O. */
#ifndef SALLYPORT_CLI_TUNNEL_FILE_H
#define SALLYPORT_CLI_TUNNEL_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bounds.h"

struct sp_tunnel_fault {
	size_t line; /* from 1 */
	char text[120];
};

/* Whether the text holds nothing but what we hand on. Returns 0; -EINVAL with @ret_fault. */
int sp_tunnel_file_check(const char *text, struct sp_tunnel_fault *ret_fault);

/* Put @first_line before it (a comment; NULL: none) and @private_key (base64; NULL: leave what
 * stands there) into its PrivateKey. *@ret_text is malloc'ed and holds a secret. Returns 0;
 * -ENOMEM. */
int sp_tunnel_file_fill(const char *text, const char *first_line, const char *private_key,
			char **ret_text);

/* The value of the first line with this key, malloc'ed; NULL: there is none, or no memory. */
char *sp_tunnel_file_get(const char *text, const char *key);

/* Write @text without the IPv6 items of Address, AllowedIPs and DNS, for a machine without IPv6. A
 * line that has no item left goes. *@ret_text is malloc'ed and may hold a secret. Returns 0;
 * -ENOMEM. */
int sp_tunnel_file_without_v6(const char *text, char **ret_text);

/* Add a line (`Table = off`) that tells wg-quick to make no routes. *@ret_text is malloc'ed and may
 * hold a secret. Returns 0; -ENOMEM. */
int sp_tunnel_file_without_routes(const char *text, char **ret_text);
/* Whether that line is in @text. */
bool sp_tunnel_file_has_routes_of_its_own(const char *text);

/* Which lines sp_tunnel_file_without leaves out. */
enum sp_tunnel_lines {
	SP_TUNNEL_DNS,   /* DNS: where nothing can set resolvers */
	SP_TUNNEL_QUICK, /* what wg(8) does not take: Address, DNS, MTU, Table */
	/* what `wg syncconf` can change in a running tunnel, but for its networks */
	SP_TUNNEL_CRYPTO,
	SP_TUNNEL_LIVE, /* SP_TUNNEL_CRYPTO and the networks (AllowedIPs) */
};
/* Write @text without the lines of @lines and without comments. *@ret_text is malloc'ed and may
 * hold a secret: the caller wipes it. Returns 0; -ENOMEM. */
int sp_tunnel_file_without(const char *text, enum sp_tunnel_lines lines, char **ret_text);

#endif
