/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/admit/origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/addr.h"

#define SCHEME "https://"
#define HOST_MAX 300u
#define OWN_PORT 443ul

struct origin {
	char host[HOST_MAX]; /* an IPv6 address in its canonical form, without brackets */
	unsigned long port;
};

static bool split_origin(const char *text, struct origin *ret_origin)
{
	const char *host = text + strlen(SCHEME), *end;
	struct sp_addr addr;
	char *rest;

	if (strncmp(text, SCHEME, strlen(SCHEME)) != 0)
		return false;
	end = *host == '[' ? strchr(host, ']') : host + strcspn(host, ":");
	if (!end || (size_t)(end - host) >= HOST_MAX)
		return false;
	host += *host == '[';
	snprintf(ret_origin->host, HOST_MAX, "%.*s", (int)(end - host), host);
	if (strchr(ret_origin->host, ':') && sp_addr_parse(ret_origin->host, &addr) == 0)
		sp_addr_format(&addr, ret_origin->host);
	end += *end == ']';
	ret_origin->port = OWN_PORT;
	if (*end != ':')
		return *end == '\0';
	if (end[1] < '0' || end[1] > '9')
		return false;
	ret_origin->port = strtoul(end + 1, &rest, 10);
	return *rest == '\0';
}

bool sp_origin_is_of(const char *origin, const char *url)
{
	struct origin theirs, ours;

	return split_origin(origin, &theirs) && split_origin(url, &ours) &&
	       theirs.port == ours.port && strcmp(theirs.host, ours.host) == 0;
}
