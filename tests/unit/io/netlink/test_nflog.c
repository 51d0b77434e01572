/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of nfnetlink_log: what is read of them, and that damaged ones are refused or read in part. */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/netlink/nflog.h"

static const uint8_t ip_bytes[] = { 0x45, 0, 0,   20, 1, 2,  3,   4, 64, 17,
				    0,    0, 192, 0,  2, 66, 192, 0, 2,  1 };

static struct nlmsghdr *begin(void *buffer, uint16_t type)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *header;

	message->nlmsg_type = type;
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->res_id = htons(5);
	return message;
}

static struct nlmsghdr *put_whole(void *buffer, const char *prefix)
{
	const struct nfulnl_msg_packet_hdr packet = { .hw_protocol = htons(0x0800) };
	struct nlmsghdr *message = begin(buffer, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET);

	mnl_attr_put(message, NFULA_PACKET_HDR, sizeof(packet), &packet);
	mnl_attr_put_strz(message, NFULA_PREFIX, prefix);
	mnl_attr_put_u32(message, NFULA_IFINDEX_INDEV, htonl(7));
	mnl_attr_put_u32(message, NFULA_IFINDEX_OUTDEV, htonl(70000));
	mnl_attr_put(message, NFULA_PAYLOAD, sizeof(ip_bytes), ip_bytes);
	return message;
}

static void a_packet_is_read(void **state)
{
	__attribute__((aligned(8))) char buffer[512] = { 0 };
	const struct nlmsghdr *message = put_whole(buffer, "unjudged");
	struct sp_nflog_packet packet;

	(void)state;
	assert_int_equal(sp_nflog_parse(message, message->nlmsg_len, &packet), 0);
	assert_string_equal(packet.prefix, "unjudged");
	assert_int_equal(packet.from, 7);
	assert_int_equal(packet.to, 70000);
	assert_int_equal(packet.len, sizeof(ip_bytes));
	assert_memory_equal(packet.bytes, ip_bytes, sizeof(ip_bytes));
}

static void a_long_prefix_is_cut(void **state)
{
	__attribute__((aligned(8))) char buffer[512] = { 0 };
	const struct nlmsghdr *message =
		put_whole(buffer, "0123456789012345678901234567890123456789");
	struct sp_nflog_packet packet;

	(void)state;
	assert_int_equal(sp_nflog_parse(message, message->nlmsg_len, &packet), 0);
	assert_string_equal(packet.prefix, "0123456789012345678901234567890");
}

static void an_attribute_of_another_size_says_nothing(void **state)
{
	__attribute__((aligned(8))) char buffer[512] = { 0 };
	struct nlmsghdr *message = begin(buffer, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET);
	struct sp_nflog_packet packet;

	(void)state;
	mnl_attr_put_u16(message, NFULA_IFINDEX_INDEV, htons(7));
	mnl_attr_put(message, NFULA_PREFIX, 3, "abc"); /* without an end */
	mnl_attr_put(message, NFULA_PAYLOAD, sizeof(ip_bytes), ip_bytes);
	assert_int_equal(sp_nflog_parse(message, message->nlmsg_len, &packet), 0);
	assert_int_equal(packet.from, 0);
	assert_string_equal(packet.prefix, "abc");
}

static void what_is_no_packet_is_refused(void **state)
{
	__attribute__((aligned(8))) char buffer[512] = { 0 };
	struct nlmsghdr *message = put_whole(buffer, "unjudged");
	struct sp_nflog_packet packet;

	(void)state;
	message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFULNL_MSG_PACKET;
	assert_int_equal(sp_nflog_parse(message, message->nlmsg_len, &packet), -EBADMSG);
	message->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
	assert_int_equal(sp_nflog_parse(message, message->nlmsg_len, &packet), -EBADMSG);
	memset(buffer, 0, sizeof(buffer));
	message = begin(buffer, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET);
	assert_int_equal(sp_nflog_parse(message, message->nlmsg_len, &packet),
			 -EBADMSG); /* no payload */
}

/* Cut anywhere, once by the bytes there are and once by the length the message claims: each copy ends
 * where its memory does, so that a sanitizer sees a read beyond it. */
static void cut_messages_are_refused_or_read_in_part(void **state)
{
	__attribute__((aligned(8))) char buffer[512] = { 0 };
	const struct nlmsghdr *message = put_whole(buffer, "unjudged");

	(void)state;
	for (uint32_t len = 0; len < message->nlmsg_len; len++) {
		char *copy = malloc(len ? len : 1);
		struct sp_nflog_packet packet;

		assert_non_null(copy);
		memcpy(copy, buffer, len);
		assert_int_equal(sp_nflog_parse(copy, len, &packet), -EBADMSG);
		if (len >= sizeof(*message)) {
			((struct nlmsghdr *)(void *)copy)->nlmsg_len = len;
			if (sp_nflog_parse(copy, len, &packet) == 0)
				assert_true((const char *)packet.bytes + packet.len <= copy + len);
		}
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_is_read),
		cmocka_unit_test(a_long_prefix_is_cut),
		cmocka_unit_test(an_attribute_of_another_size_says_nothing),
		cmocka_unit_test(what_is_no_packet_is_refused),
		cmocka_unit_test(cut_messages_are_refused_or_read_in_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
