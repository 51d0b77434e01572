/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What kind of message an ICMP or ICMPv6 type is, and which query a reply answers (RFC 792, RFC
 * 4443). */
#ifndef SALLYPORT_BPF_ICMP_H
#define SALLYPORT_BPF_ICMP_H

#include "lib/bytes.h"
#include "lib/headers.h"

#define SP_ICMP4_REDIRECT 5
#define SP_ICMP6_ECHO 128
#define SP_ICMP6_ECHO_REPLY 129
#define SP_ICMP6_ROUTER_SOLICITATION 133
#define SP_ICMP6_ROUTER_ADVERTISEMENT 134
#define SP_ICMP6_NEIGHBOUR_SOLICITATION 135
#define SP_ICMP6_NEIGHBOUR_ADVERTISEMENT 136
#define SP_ICMP6_REDIRECT 137

enum sp_icmp_kind {
	SP_ICMP_NONE, /* not ICMP of its family */
	SP_ICMP_QUERY,
	SP_ICMP_REPLY,
	SP_ICMP_ERROR,
	SP_ICMP_OTHER,
};

SP_INLINE enum sp_icmp_kind sp_icmp4_kind(__u32 type)
{
	switch (type) {
	case 8:
	case 13:
	case 15:
	case 17:
		return SP_ICMP_QUERY;
	case 0:
	case 14:
	case 16:
	case 18:
		return SP_ICMP_REPLY;
	case 3:
	case 4:
	case SP_ICMP4_REDIRECT:
	case 11:
	case 12:
		return SP_ICMP_ERROR;
	}
	return SP_ICMP_OTHER;
}

SP_INLINE enum sp_icmp_kind sp_icmp6_kind(__u32 type)
{
	switch (type) {
	case SP_ICMP6_ECHO:
		return SP_ICMP_QUERY;
	case SP_ICMP6_ECHO_REPLY:
		return SP_ICMP_REPLY;
	case 1:
	case 2:
	case 3:
	case 4:
	case SP_ICMP6_REDIRECT:
		return SP_ICMP_ERROR;
	}
	return SP_ICMP_OTHER;
}

SP_INLINE int sp_is_icmp(__u32 proto, int is_v6)
{
	return proto == (is_v6 ? SP_PROTO_ICMP6 : SP_PROTO_ICMP);
}

/* The type of the query that this reply answers. */
SP_INLINE __u8 sp_icmp_asked(__u32 type, int is_v6)
{
	if (is_v6)
		return SP_ICMP6_ECHO;
	return type == 0 ? 8 : type - 1;
}

#endif
