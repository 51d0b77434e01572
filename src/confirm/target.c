/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "confirm/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/addr.h"

#define PREFIX "tcp:"

static int fail(char why[80], const char *text)
{
	snprintf(why, 80, "%s", text);
	return -EINVAL;
}

/* A port as digits alone, without a sign, a blank or a leading zero. */
static int parse_port(const char *text, uint16_t *ret_port)
{
	const size_t len = strlen(text);
	unsigned long port;

	if (len == 0 || len > 5 || strspn(text, "0123456789") != len || *text == '0')
		return -EINVAL;
	port = strtoul(text, NULL, 10);
	if (port > 65535)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

/* Copy the address, without the brackets of IPv6. *@ret_rest is what follows it: the colon. */
static int take_address(const char *text, char address[SP_ADDR_TEXT_MAX], const char **ret_rest)
{
	const char *end = *text == '[' ? strchr(text, ']') : strchr(text, ':');
	const char *begin = text + (*text == '[');

	if (!end || (size_t)(end - begin) >= SP_ADDR_TEXT_MAX)
		return -EINVAL;
	memcpy(address, begin, (size_t)(end - begin));
	address[end - begin] = '\0';
	*ret_rest = end + (*text == '[');
	return **ret_rest == ':' ? 0 : -EINVAL;
}

int sp_target_parse(const char *text, struct sp_target *ret_target, char why[80])
{
	char address[SP_ADDR_TEXT_MAX];
	struct sp_target target;
	const char *rest;

	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return fail(why, "it begins with tcp:, as in tcp:10.30.0.1:443");
	text += strlen(PREFIX);
	if (take_address(text, address, &rest) < 0)
		return fail(why, "it is tcp:ADDRESS:PORT, IPv6 as in tcp:[2001:db8::1]:443");
	if (sp_addr_parse(address, &target.addr) < 0)
		return fail(why,
			    "its address is no IPv4 or IPv6 address (a name is not looked up)");
	if (sp_addr_is_v4(&target.addr) == (*text == '['))
		return fail(why, "brackets stand around an IPv6 address, and around no other");
	if (parse_port(rest + 1, &target.port) < 0)
		return fail(why, "its port is a number from 1 to 65535");
	*ret_target = target;
	return 0;
}

char *sp_target_format(const struct sp_target *target, char buf[SP_TARGET_TEXT_MAX])
{
	const bool is_v4 = sp_addr_is_v4(&target->addr);
	char address[SP_ADDR_TEXT_MAX];

	snprintf(buf, SP_TARGET_TEXT_MAX, PREFIX "%s%s%s:%u", is_v4 ? "" : "[",
		 sp_addr_format(&target->addr, address), is_v4 ? "" : "]", target->port);
	return buf;
}
