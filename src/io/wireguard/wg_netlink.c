/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/wireguard/wg_netlink.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <string.h>

#include "io/netlink/netlink_request.h"
#include "io/wireguard/wg_netlink_message.h"

#define MESSAGE_BYTES 32768
#define DUMP_TRIES 8 /* the dump is repeated if peers changed meanwhile */

/* ---- the family ---- */

static int take_family(void *arg, const struct nlmsghdr *message)
{
	const struct nlattr *attrs[CTRL_ATTR_FAMILY_ID + 1];
	uint16_t *family = arg;

	if (message->nlmsg_type != GENL_ID_CTRL ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(struct genlmsghdr))
		return -EBADMSG;
	sp_netlink_attrs(message, sizeof(struct genlmsghdr), attrs, CTRL_ATTR_FAMILY_ID);
	if (!attrs[CTRL_ATTR_FAMILY_ID] ||
	    mnl_attr_get_payload_len(attrs[CTRL_ATTR_FAMILY_ID]) != sizeof(*family))
		return -EBADMSG;
	*family = mnl_attr_get_u16(attrs[CTRL_ATTR_FAMILY_ID]);
	return 0;
}

/* Ask for the number of the netlink family. It changes when the module is loaded again, so ask each
 * time. */
static int find_family(struct sp_netlink *netlink, uint16_t *ret_family)
{
	struct sp_netlink_request request;
	struct genlmsghdr *genl = sp_netlink_begin(&request, GENL_ID_CTRL, 0, sizeof(*genl));
	uint16_t family = 0;
	int r;

	genl->cmd = CTRL_CMD_GETFAMILY;
	genl->version = 1;
	mnl_attr_put_strz(request.header, CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME);
	r = sp_netlink_run(netlink, &request, take_family, &family);
	if (r == 0 && family == 0)
		r = -EBADMSG;
	if (r == 0)
		*ret_family = family;
	return r;
}

static int open_family(struct sp_netlink **ret_netlink, uint16_t *ret_family)
{
	__sp_cleanup(sp_netlink_closep) struct sp_netlink *netlink = NULL;
	int r = sp_netlink_open_generic(&netlink);

	if (r == 0)
		r = find_family(netlink, ret_family);
	if (r == 0)
		*ret_netlink = SP_TAKE_PTR(netlink);
	return r;
}

int sp_wg_netlink_probe(void)
{
	__sp_cleanup(sp_netlink_closep) struct sp_netlink *netlink = NULL;
	uint16_t family;

	return open_family(&netlink, &family);
}

/* ---- the device ---- */

static int take_device(void *arg, const struct nlmsghdr *message)
{
	return sp_wg_netlink_read(arg, message);
}

static int get_once(struct sp_netlink *netlink, uint16_t family, const char *ifname,
		    struct sp_wg_device *ret_device)
{
	__sp_wg_netlink_reader struct sp_wg_netlink_reader reader = { .family = family };
	struct sp_netlink_request request;
	struct genlmsghdr *genl = sp_netlink_begin(&request, family, NLM_F_DUMP, sizeof(*genl));
	int r;

	genl->cmd = WG_CMD_GET_DEVICE;
	genl->version = WG_GENL_VERSION;
	mnl_attr_put_strz(request.header, WGDEVICE_A_IFNAME, ifname);
	r = sp_netlink_run(netlink, &request, take_device, &reader);
	return r < 0 ? r : sp_wg_netlink_read_end(&reader, ret_device);
}

int sp_wg_netlink_get(const char *ifname, struct sp_wg_device *ret_device)
{
	__sp_cleanup(sp_netlink_closep) struct sp_netlink *netlink = NULL;
	uint16_t family;
	int r;

	if (!*ifname || strlen(ifname) >= IFNAMSIZ)
		return -ENODEV;
	r = open_family(&netlink, &family);
	if (r < 0)
		return r;
	r = -EINTR;
	for (int i = 0; r == -EINTR && i < DUMP_TRIES; i++)
		r = get_once(netlink, family, ifname, ret_device);
	return r;
}

static int send_message(void *arg, struct nlmsghdr *message)
{
	return sp_netlink_exchange(arg, message, NULL, NULL);
}

int sp_wg_netlink_change(const char *ifname, const struct sp_wg_change *change)
{
	__sp_cleanup(sp_netlink_closep) struct sp_netlink *netlink = NULL;
	uint16_t family;
	int r = open_family(&netlink, &family);

	if (r < 0)
		return r;
	return sp_wg_netlink_write(ifname, family, change, MESSAGE_BYTES, send_message, netlink);
}

/* ---- the link ---- */

int sp_wg_link_ensure(struct sp_netlink *netlink, const char *name, struct sp_link *ret_link,
		      bool *ret_made)
{
	struct sp_link link;
	bool made = false;
	int r = sp_netlink_get_link(netlink, name, &link);

	if (r == -ENODEV) {
		r = sp_netlink_add_link(netlink, name, WG_GENL_NAME);
		made = r == 0;
		if (r == 0)
			r = sp_netlink_get_link(netlink, name, &link);
	}
	if (r < 0)
		return r;
	if (strcmp(link.kind, WG_GENL_NAME) != 0)
		return -EEXIST;
	*ret_link = link;
	*ret_made = made;
	return 0;
}
