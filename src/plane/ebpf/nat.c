/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table that translates. Without nat entries there is none, and conntrack has no work by us;
 * once there, it stays until all is unloaded, with empty chains if need be: with the last chain that
 * translates, the kernel would stop to translate the connections it began. */
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "base/str.h"
#include "net/addr.h"
#include "plane/ebpf/nat_stands.h"
#include "plane/ebpf/nat_text.h"
#include "plane/ebpf/plane.h"

#define TABLE "inet " SP_EBPF_NAT_TABLE
/* Added before it is deleted, so that deleting an absent table is no error. */
#define REMOVE "add table " TABLE "\ndelete table " TABLE "\n"

int sp_ebpf_nat_read(char **ret_text)
{
	int r = sp_ebpf_nft_run(TABLE, "list table " TABLE "\n", NFT_CTX_OUTPUT_STATELESS, ret_text,
				NULL);

	return r == -EOPNOTSUPP ? -ENOENT : r;
}

int sp_ebpf_nat_put(const struct sp_plane_nat *nat, bool is_anew, struct sp_plane_error *error)
{
	__sp_free char *standing = NULL, *text = NULL, *commands = NULL;
	int r;

	sp_ebpf_begin(error);
	if (!nat->policy->nat_count && sp_ebpf_nat_read(&standing) == -ENOENT)
		return 0;
	r = sp_ebpf_nat_text(nat->policy, nat->gateway, nat->silents, nat->number, &text);
	if (r == 0)
		r = sp_str_format(&commands, "%s%s", is_anew ? REMOVE : "", text);
	if (r == 0)
		r = sp_ebpf_nft_run(TABLE, commands, 0, NULL, error);
	return sp_ebpf_end(error, r);
}

int sp_ebpf_nat_try(const struct sp_policy *policy, struct sp_plane_error *error)
{
	static const struct sp_silents none;
	__sp_free char *text = NULL;
	int r;

	if (!policy->nat_count)
		return 0;
	sp_ebpf_begin(error);
	r = sp_ebpf_nat_text(policy, &policy->fixtures.gateway, &none, 0, &text);
	if (r == 0)
		r = sp_ebpf_nft_try(TABLE, text, error);
	return sp_ebpf_end(error, r);
}

/* ---- connections that began under another policy ---- */

static void freeifaddrsp(struct ifaddrs **list)
{
	if (*list)
		freeifaddrs(*list);
}

static bool read_address(const struct ifaddrs *item, struct sp_addr *ret_addr)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)item->ifa_addr;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)item->ifa_addr;

	if (!item->ifa_addr)
		return false;
	if (item->ifa_addr->sa_family == AF_INET)
		*ret_addr = sp_addr_from_v4((const uint8_t *)&v4->sin_addr);
	else if (item->ifa_addr->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
		memcpy(ret_addr->b, &v6->sin6_addr, sizeof(ret_addr->b));
	else
		return false;
	return true;
}

static int list_addresses(const struct ifaddrs *list, struct sp_nat_address **addresses,
			  size_t *count)
{
	for (const struct ifaddrs *item = list; item; item = item->ifa_next) {
		struct sp_nat_address *address;
		struct sp_addr addr;

		if (!read_address(item, &addr))
			continue;
		address = SP_ARRAY_PUSH(*addresses, *count);
		if (!address)
			return -ENOMEM;
		*address = (struct sp_nat_address){ item->ifa_name, addr };
	}
	return 0;
}

static bool is_over(const struct sp_conntrack *connection, void *arg)
{
	return !sp_ebpf_nat_stands(arg, connection);
}

static int end_others(const struct sp_policy *policy, const struct sp_gateway *gateway,
		      size_t *ret_ended)
{
	__sp_cleanup(freeifaddrsp) struct ifaddrs *list = NULL;
	__sp_free struct sp_nat_address *addresses = NULL;
	struct sp_nat_today today = { .policy = policy, .gateway = gateway };
	int r = getifaddrs(&list) < 0 ? sp_errno() : 0;

	if (r == 0)
		r = list_addresses(list, &addresses, &today.address_count);
	today.addresses = addresses;
	return r < 0 ? r : sp_conntrack_end_some(is_over, &today, ret_ended);
}

int sp_ebpf_nat_settle(const struct sp_policy *policy, const struct sp_gateway *gateway,
		       size_t *ret_ended, struct sp_plane_error *error)
{
	__sp_free char *standing = NULL;
	int r;

	*ret_ended = 0;
	if (!policy->nat_count && sp_ebpf_nat_read(&standing) == -ENOENT)
		return 0;
	sp_ebpf_begin(error);
	r = end_others(policy, gateway, ret_ended);
	return r < 0 ? sp_ebpf_fail(error, r, "connections translated as they were before: %s",
				    sp_err_text(r))
		     : 0;
}

int sp_ebpf_nat_remove(struct sp_plane_error *error)
{
	return sp_ebpf_nft_run(TABLE, REMOVE, 0, NULL, error);
}
