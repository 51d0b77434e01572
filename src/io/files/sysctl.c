/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/files/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "io/files/files.h"

#define IPV4_FORWARD "net/ipv4/ip_forward"
#define IPV6_FORWARD "net/ipv6/conf/all/forwarding"

int sp_sysctl_get(const char *name, int64_t *ret_value)
{
	__sp_free char *path = NULL, *text = NULL;
	long long value;
	size_t len;
	char *end;
	int r;

	r = sp_str_format(&path, "/proc/sys/%s", name);
	if (r < 0)
		return r;
	r = sp_file_read(path, 256, &text, &len);
	if (r < 0)
		return r;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text || strcmp(end, "\n") != 0)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

int sp_sysctl_set(const char *name, int64_t value)
{
	__sp_free char *path = NULL;
	__sp_close int fd = -1;
	char text[32];
	int r, len;

	r = sp_str_format(&path, "/proc/sys/%s", name);
	if (r < 0)
		return r;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return sp_errno();
	len = snprintf(text, sizeof(text), "%" PRId64 "\n", value);
	if (write(fd, text, (size_t)len) != len)
		return sp_errno();
	return 0;
}

/* Read a switch. It counts as off if the kernel has no IPv6. */
static int get_switch(const char *name, bool *ret_is_on)
{
	int64_t value = 0;
	int r = sp_sysctl_get(name, &value);

	if (r < 0 && r != -ENOENT)
		return r;
	*ret_is_on = value != 0;
	return 0;
}

int sp_forwarding_get(struct sp_forwarding *ret_forwarding)
{
	struct sp_forwarding forwarding;
	int r = get_switch(IPV4_FORWARD, &forwarding.ipv4);

	if (r == 0)
		r = get_switch(IPV6_FORWARD, &forwarding.ipv6);
	if (r == 0)
		*ret_forwarding = forwarding;
	return r;
}

int sp_forwarding_set(bool ipv4, bool ipv6)
{
	int r4 = sp_sysctl_set(IPV4_FORWARD, ipv4);
	int r6 = sp_sysctl_set(IPV6_FORWARD, ipv6);

	if (r6 == -ENOENT)
		r6 = 0;
	return r4 < 0 ? r4 : r6;
}

int sp_rp_filter_get(const char *iface, int *ret_mode)
{
	__sp_free char *name = NULL;
	int64_t all, own;
	int r;

	r = sp_str_format(&name, "net/ipv4/conf/%s/rp_filter", iface);
	if (r == 0)
		r = sp_sysctl_get("net/ipv4/conf/all/rp_filter", &all);
	if (r == 0)
		r = sp_sysctl_get(name, &own);
	if (r == 0)
		*ret_mode = (int)(own > all ? own : all);
	return r;
}
