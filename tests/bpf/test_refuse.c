/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Refusals: byte for byte in test runs, and once through a real TUN, there and back. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <net/if.h>
#include <linux/if_tun.h>
#include <linux/pkt_cls.h>

#include "steps.h"

#define LINK 14

/* enum bpf_attach_type of <linux/bpf.h> since 6.6; the headers built against may be older. */
#define TCX_INGRESS 46
#define TCX_EGRESS 47

static int setup_refusing(void **state)
{
	const struct lab_options options = { .refuses = SP_REFUSE_BY_RESET };

	(void)state;
	lab_open(&lab, &options);
	return 0;
}

static int setup_by_icmp(void **state)
{
	const struct lab_options options = { .refuses = SP_REFUSE_BY_ICMP };

	(void)state;
	lab_open(&lab, &options);
	return 0;
}

/* ---- reading what comes back ---- */

static uint32_t sum_bytes(const uint8_t *bytes, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint32_t be32_at(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static uint16_t be16_at(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* The IP packet is whole, and its checksums are right. Returns where layer 4 starts. */
static size_t check_packet(const uint8_t *ip, size_t len)
{
	bool is_v6 = ip[0] >> 4 == 6;
	size_t header_len = is_v6 ? 40 : 20;
	size_t addresses = is_v6 ? 32 : 8;
	uint8_t proto = is_v6 ? ip[6] : ip[9];
	uint32_t sum = 0;

	assert_int_equal(is_v6 ? 40u + be16_at(ip + 4) : be16_at(ip + 2), len);
	if (!is_v6) {
		assert_int_equal(ip[0], 0x45);
		assert_int_equal(fold(sum_bytes(ip, 20, 0)), 0xffff);
	}
	if (proto != 1) {
		sum = sum_bytes(ip + header_len - addresses, addresses, 0);
		sum += proto + (uint32_t)(len - header_len);
	}
	assert_int_equal(fold(sum_bytes(ip + header_len, len - header_len, sum)), 0xffff);
	return header_len;
}

static void judge_refused(const char *frame, struct lab_answer *ret_answer)
{
	lab_judge(&lab, SP_HOOK_VPN_IN, frame, ret_answer);
	assert_int_equal(ret_answer->verdict, SP_DENY);
	assert_int_equal(ret_answer->action, TC_ACT_REDIRECT);
	assert_int_equal(ret_answer->mark & SP_MARK_MASK, SP_MARK_OWN);
}

static void judge_dropped(enum sp_hook hook, const char *frame)
{
	struct lab_answer answer;

	lab_judge(&lab, hook, frame, &answer);
	assert_int_equal(answer.verdict, SP_DENY);
	assert_int_equal(answer.action, hook == SP_HOOK_EDGE_IN ? (uint32_t)XDP_DROP : TC_ACT_SHOT);
}

/* ---- RST ---- */

static void check_reset(const struct lab_answer *answer, uint8_t flags, uint32_t sequence,
			uint32_t acknowledged)
{
	const uint8_t *ip = answer->bytes + LINK;
	const uint8_t *tcp = ip + check_packet(ip, answer->len - LINK);

	assert_int_equal(be16_at(tcp), 22);
	assert_int_equal(be16_at(tcp + 2), 1000);
	assert_int_equal(tcp[12], 0x50);
	assert_int_equal(tcp[13], flags);
	assert_int_equal(be32_at(tcp + 4), sequence);
	assert_int_equal(be32_at(tcp + 8), acknowledged);
}

static void a_denied_connection_is_reset_by_the_address_it_tried(void **state)
{
	struct lab_answer answer;

	(void)state;
	judge_refused("100.64.0.7:1000 > 10.30.9.4:22 tcp l4[4]=01020304", &answer);
	check_reset(&answer, 0x14, 0, 0x01020305);
	assert_memory_equal(answer.bytes + LINK + 12, "\x0a\x1e\x09\x04\x64\x40\x00\x07", 8);

	judge_refused("100.64.0.7:1000 > 10.30.9.4:22 tcp SU l4[4]=01020304 l4[13]=02 payload=7",
		      &answer);
	check_reset(&answer, 0x14, 0, 0x01020304 + 1 + 7);

	judge_refused("100.64.0.7:1000 > 10.30.9.4:22 tcp PA payload=300 l4[8]=0a0b0c0d", &answer);
	check_reset(&answer, 0x04, 0x0a0b0c0d, 0);

	judge_refused("100.64.0.7:1000 > 10.30.9.4:22 tcp options=01010101 l4[4]=00000000",
		      &answer);
	check_reset(&answer, 0x14, 0, 1);
}

static void a_denied_connection_is_reset_over_ipv6_too(void **state)
{
	struct lab_answer answer;

	(void)state;
	judge_refused("[fd00:64::7]:1000 > [2001:db8:99::5]:22 tcp l4[4]=00000009", &answer);
	check_reset(&answer, 0x14, 0, 10);
	assert_int_equal(answer.bytes[LINK + 8], 0x20);
	assert_int_equal(answer.bytes[LINK + 24], 0xfd);
}

/* ---- ICMP ---- */

static void check_prohibited(const struct lab_answer *answer, uint8_t type, uint8_t code,
			     const char *asked)
{
	const uint8_t *ip = answer->bytes + LINK;
	const uint8_t *icmp = ip + check_packet(ip, answer->len - LINK);
	size_t quoted = answer->len - (size_t)(icmp + 8 - answer->bytes);
	struct test_frame frame;

	assert_int_equal(icmp[0], type);
	assert_int_equal(icmp[1], code);
	test_frame_make(&frame, asked);
	assert_int_equal(quoted, frame.len < 128 ? frame.len : 128);
	assert_memory_equal(icmp + 8, frame.bytes, quoted);
}

static void other_traffic_is_told_that_it_is_prohibited(void **state)
{
	static const char udp[] = "100.64.0.7:1000 > 10.30.0.5:99 udp payload=13";
	static const char large[] = "100.64.0.7:1000 > 10.30.0.5:99 udp payload=1301";
	static const char udp6[] = "[fd00:64::7]:1000 > [2001:db8:30::5]:99 udp payload=500";
	static const char ping[] = "100.64.0.7 > 8.8.8.8 icmp id=3";
	struct lab_answer answer;

	(void)state;
	judge_refused(udp, &answer);
	check_prohibited(&answer, 3, 13, udp);
	judge_refused(large, &answer);
	check_prohibited(&answer, 3, 13, large);
	judge_refused(udp6, &answer);
	check_prohibited(&answer, 1, 1, udp6);
	judge_refused(ping, &answer);
	check_prohibited(&answer, 3, 13, ping);
}

static void connections_of_a_session_whose_time_is_up_are_not_reset(void **state)
{
	static const char syn[] = "100.64.0.7:1000 > 10.30.0.5:22 tcp";
	struct lab_answer answer;

	(void)state;
	lab.sessions[ANA].expires_ns = lab.now_ns;
	judge_refused(syn, &answer);
	assert_int_equal(answer.reason, SP_REASON_EXPIRED);
	check_prohibited(&answer, 3, 13, syn);
}

static void connections_of_a_revoked_session_are_reset(void **state)
{
	struct lab_answer answer;

	(void)state;
	lab.sessions[ANA].epoch = 0;
	judge_refused("100.64.0.7:1000 > 10.30.0.5:22 tcp l4[4]=01020304", &answer);
	assert_int_equal(answer.reason, SP_REASON_REVOKED);
	check_reset(&answer, 0x14, 0, 0x01020305);
	judge_refused("100.64.0.7:1000 > 10.30.0.5:22 tcp PA payload=300 l4[8]=0a0b0c0d", &answer);
	assert_int_equal(answer.reason, SP_REASON_REVOKED);
	check_reset(&answer, 0x04, 0x0a0b0c0d, 0);
}

static void a_policy_may_have_connections_told_by_icmp_too(void **state)
{
	static const char tcp[] = "100.64.0.7:1000 > 10.30.9.4:22 tcp";
	static const char tcp6[] = "[fd00:64::7]:1000 > [2001:db8:30::5]:99 tcp";
	struct lab_answer answer;

	(void)state;
	judge_refused(tcp, &answer);
	check_prohibited(&answer, 3, 13, tcp);
	judge_refused(tcp6, &answer);
	check_prohibited(&answer, 1, 1, tcp6);
	judge_dropped(SP_HOOK_VPN_IN, "100.64.0.7:1000 > 10.30.9.4:22 tcp R");
}

/* ---- silence ---- */

static void who_must_not_be_answered_is_not(void **state)
{
	(void)state;
	judge_dropped(SP_HOOK_VPN_IN, "100.64.0.7:1000 > 10.30.9.4:22 tcp R");
	judge_dropped(SP_HOOK_VPN_IN, "100.64.0.7:1000 > 224.0.0.5:22 tcp");
	judge_dropped(SP_HOOK_VPN_IN, "100.64.0.7:1000 > 255.255.255.255:99 udp");
	judge_dropped(SP_HOOK_VPN_IN, "[fd00:64::7]:1 > [ff02::1]:99 udp");
	judge_dropped(SP_HOOK_VPN_IN,
		      "100.64.0.7 > 8.8.8.8 icmp type=3 quote 8.8.8.8:1 > 100.64.0.7:2 tcp");
	judge_dropped(SP_HOOK_VPN_IN, "100.64.0.7 > 8.8.8.8 icmp type=9");
	judge_dropped(SP_HOOK_VPN_IN, "10.30.0.9:1000 > 10.30.0.5:22 tcp");
	judge_dropped(SP_HOOK_VPN_IN, "100.64.0.7:1000 > 10.30.0.5:22 tcp -");
	judge_dropped(SP_HOOK_VPN_IN, "100.64.0.7:1 > 10.30.0.5:99 udp payload=99 frag=7:0-64+");
	judge_dropped(SP_HOOK_EDGE_IN, "1.2.3.4:1000 > 192.0.2.1:22 tcp");
	judge_dropped(SP_HOOK_VPN_OUT, "10.30.0.5:1000 > 100.64.0.9:22 tcp");
}

/* How many of @count packets like @text are told; a %d in it is another port each time. */
static unsigned count_told(const char *text, int count)
{
	struct lab_answer answer;
	unsigned told = 0;
	char packet[160];

	for (int i = 0; i < count; i++) {
		snprintf(packet, sizeof(packet), text, 1000 + i);
		lab_judge(&lab, SP_HOOK_VPN_IN, packet, &answer);
		told += answer.action == TC_ACT_REDIRECT;
	}
	return told;
}

static void stay_on_one_cpu(void)
{
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu); /* the shares are per CPU */
	assert_int_equal(sched_setaffinity(0, sizeof(cpu), &cpu), 0);
}

static void a_sender_is_told_twenty_times_a_second(void **state)
{
	static const struct {
		const char *one, *other; /* of one sender, and of the next */
	} senders[] = {
		{ "100.64.0.7:%d > 10.30.9.4:22 tcp", "100.64.0.8:1000 > 10.30.9.4:22 tcp" },
		{ "[fd00:64::7]:%d > [2001:db8:99::5]:22 tcp",
		  "[fd00:64::8]:1000 > [2001:db8:99::5]:22 tcp" },
	};
	struct lab_answer answer;

	(void)state;
	stay_on_one_cpu();
	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
		assert_int_equal(count_told(senders[i].one, 50), 20);
		judge_refused(senders[i].other, &answer);
		lab.now_ns += SECOND;
		assert_int_equal(count_told(senders[i].one, 50), 20);
	}
}

/* Whose session ended is told of every connection, whatever else the machine sends meanwhile. */
static void a_flood_leaves_the_shares_by_which_connections_are_ended(void **state)
{
	(void)state;
	stay_on_one_cpu();
	lab.sessions[ANA].epoch = 0;
	assert_int_equal(count_told("100.64.0.7:%d > 10.30.9.4:99 udp", 50), 20);
	assert_int_equal(count_told("100.64.0.7:%d > 10.30.9.4:22 tcp", 50), 20);
	/* one connection that goes on sending has a share of its own too */
	assert_int_equal(count_told("100.64.0.7:900 > 10.30.0.5:22 tcp PA payload=300", 50), 20);
	assert_int_equal(count_told("100.64.0.7:%d > 10.30.0.5:22 tcp A", 100), 94);
	assert_int_equal(count_told("[fd00:64::7]:%d > [2001:db8:30::2:9]:22 tcp A", 100), 100);
}

static void on_ethernet_the_answer_goes_back_to_the_station(void **state)
{
	struct lab_answer answer;

	(void)state;
	lab_judge(&lab, SP_HOOK_INSIDE_IN, "10.30.0.5:1000 > 8.8.8.8:22 tcp", &answer);
	assert_int_equal(answer.action, TC_ACT_REDIRECT);
	check_reset(&answer, 0x14, 0, be32_at(answer.bytes + LINK + 28));
	assert_memory_equal(answer.bytes, "\2\2\2\2\2\2\0\0\0\0\0\0\x08\0", 14);
	lab_judge(&lab, SP_HOOK_INSIDE_IN, "10.30.0.5:1000 > 8.8.8.8:99 udp", &answer);
	check_prohibited(&answer, 3, 13, "10.30.0.5:1000 > 8.8.8.8:99 udp");
	assert_memory_equal(answer.bytes, "\2\2\2\2\2\2\0\0\0\0\0\0\x08\0", 14);
}

/* ---- a real TUN, in a namespace of its own ---- */

static int make_tun(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	int control = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(fd >= 0 && control >= 0);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	request.ifr_flags = IFF_UP;
	assert_int_equal(ioctl(control, SIOCSIFFLAGS, &request), 0);
	close(control);
	return fd;
}

static int attach(enum sp_hook hook, int ifindex, int where)
{
	int fd = bpf_link_create(lab_program(&lab, hook), ifindex, (enum bpf_attach_type)where,
				 NULL);

	assert_true(fd >= 0);
	return fd;
}

/* Write the packet into the tunnel; what comes out first of this protocol, or 0 after a second. */
static size_t exchange(int tun, const char *text, uint8_t proto, struct lab_answer *ret_answer)
{
	struct pollfd poll_fd = { .fd = tun, .events = POLLIN };
	struct test_frame frame;
	uint8_t *ip = ret_answer->bytes + LINK;

	test_frame_make(&frame, text);
	assert_int_equal(write(tun, frame.bytes, frame.len), frame.len);
	while (poll(&poll_fd, 1, 1000) == 1) {
		ssize_t len = read(tun, ip, sizeof(ret_answer->bytes) - LINK);

		assert_true(len > 0);
		if (ip[0] >> 4 != frame.bytes[0] >> 4 || (ip[0] >> 4 == 4 ? ip[9] : ip[6]) != proto)
			continue; /* router solicitations and the like */
		ret_answer->len = (size_t)len + LINK;
		return (size_t)len;
	}
	return 0;
}

static void refusals_come_back_out_of_a_real_tunnel(void **state)
{
	static const char udp[] = "100.64.0.7:1000 > 10.30.0.5:99 udp payload=40";
	static const char udp6[] = "[fd00:64::7]:1000 > [2001:db8:30::5]:99 udp payload=40";
	const struct lab_options options = { .refuses = SP_REFUSE_BY_RESET,
					     .is_live = true,
					     .is_on_tun = true };
	struct lab_answer answer;
	int tun, ifindex, in, out;

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0); /* goes with this process */
	lab_open(&lab, &options);
	tun = make_tun("vpn0");
	ifindex = (int)if_nametoindex("vpn0");
	in = attach(SP_HOOK_VPN_IN, ifindex, TCX_INGRESS);
	out = attach(SP_HOOK_VPN_OUT, ifindex, TCX_EGRESS);

	assert_int_equal(
		exchange(tun, "100.64.0.7:1000 > 10.30.9.4:22 tcp l4[4]=01020304", 6, &answer), 40);
	check_reset(&answer, 0x14, 0, 0x01020305);
	assert_int_equal(exchange(tun, udp, 1, &answer), 20 + 8 + 68);
	check_prohibited(&answer, 3, 13, udp);
	assert_int_equal(exchange(tun, udp6, 58, &answer), 40 + 8 + 88);
	check_prohibited(&answer, 1, 1, udp6);
	assert_int_equal(lab_counter(&lab, SP_HOOK_VPN_IN, SP_DENY, SP_REASON_POLICY).packets, 1);
	assert_int_equal(lab_counter(&lab, SP_HOOK_VPN_IN, SP_DENY, SP_REASON_DEFAULT).packets, 2);
	close(in);
	close(out);
	close(tun);
	lab_close(&lab);
}

#define TEST_REFUSING(name) cmocka_unit_test_setup_teardown(name, setup_refusing, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_REFUSING(a_denied_connection_is_reset_by_the_address_it_tried),
		TEST_REFUSING(a_denied_connection_is_reset_over_ipv6_too),
		TEST_REFUSING(other_traffic_is_told_that_it_is_prohibited),
		TEST_REFUSING(connections_of_a_session_whose_time_is_up_are_not_reset),
		TEST_REFUSING(connections_of_a_revoked_session_are_reset),
		cmocka_unit_test_setup_teardown(a_policy_may_have_connections_told_by_icmp_too,
						setup_by_icmp, teardown),
		TEST_REFUSING(who_must_not_be_answered_is_not),
		TEST_REFUSING(a_sender_is_told_twenty_times_a_second),
		TEST_REFUSING(a_flood_leaves_the_shares_by_which_connections_are_ended),
		TEST_REFUSING(on_ethernet_the_answer_goes_back_to_the_station),
		cmocka_unit_test(refusals_come_back_out_of_a_real_tunnel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
