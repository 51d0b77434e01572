/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Attributes of netfilter's netlink messages: numbers in network order, text that may lack its
 * end. */
#ifndef SALLYPORT_IO_NFNETLINK_H
#define SALLYPORT_IO_NFNETLINK_H

#include <endian.h>
#include <libmnl/libmnl.h>
#include <stdint.h>
#include <string.h>

/* 0 if it has another size. */
static inline uint32_t sp_nfnetlink_read_u32(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) == 4 ? be32toh(mnl_attr_get_u32(attr)) : 0;
}

/* Cut if it does not fit. */
static inline void sp_nfnetlink_read_text(const struct nlattr *attr, char *text, size_t size)
{
	size_t len = strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));

	if (len >= size)
		len = size - 1;
	memcpy(text, mnl_attr_get_payload(attr), len);
	text[len] = '\0';
}

#endif
