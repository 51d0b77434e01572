/* SPDX-License-Identifier: GPL-3.0-or-later */
/* State maps: made, adopted, refused; sessions, counters and events in them. */
#include "lab.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "net/addr.h"
#include "plane/ebpf/ops.h"

static void what_a_daemon_wrote_the_next_one_finds(void **state)
{
	const struct lab *lab = *state;
	struct sp_ebpf *plane = lab_open(lab, 0);
	const struct sp_plane_standing standing = { .revision = 9,
						    .class_id = { 70, 71 },
						    .netset = { 80, 81 },
						    .own_netset = { 90, 91 } };
	struct sp_session session;

	lab_sign_in(lab, plane);
	assert_int_equal(sp_ebpf_session_stage(plane, 0, 7, &standing), 0);
	assert_int_equal(sp_ebpf_session_extend(plane, 0, 12345), 0);
	sp_ebpf_close(plane);
	plane = lab_open(lab, 0);
	assert_int_equal(sp_ebpf_session_get(plane, 0, &session), 0);
	assert_int_equal(session.epoch, lab->ana.epoch);
	assert_int_equal(session.expires_ns, 12345);
	assert_int_equal(session.person, 7);
	assert_memory_equal(session.class_id[1], standing.class_id, sizeof(standing.class_id));
	assert_memory_equal(session.netset[1], standing.netset, sizeof(standing.netset));
	assert_memory_equal(session.own_netset[1], standing.own_netset,
			    sizeof(standing.own_netset));
	assert_memory_equal(session.class_id[0], lab->ana.class_id[0], sizeof(standing.class_id));
	assert_int_equal(sp_ebpf_session_end(plane, 0), 0);
	assert_int_equal(sp_ebpf_session_get(plane, 0, &session), 0);
	assert_int_equal(session.epoch, 0);
	assert_int_equal(sp_ebpf_session_put(plane, 65536, &session), -ERANGE);
	assert_int_equal(sp_ebpf_session_end(plane, 65536), -ERANGE);
	sp_ebpf_close(plane);
}

/* Programs find what is a revision's by whether its number is odd. */
static void number_after_the_running_one_is_odd_when_that_is_even(void **state)
{
	static const struct {
		uint64_t running, least, number;
	} cases[] = {
		{ 0, 1, 1 },     { 0, 2, 2 }, { 1, 2, 2 }, { 1, 3, 4 },
		{ 1, 901, 902 }, { 2, 3, 3 }, { 2, 4, 5 },
	};
	const struct lab *lab = *state;
	struct sp_ebpf *plane = lab_open(lab, 0);

	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		if (sp_ebpf_running_revision(plane) != cases[i].running)
			lab_apply(lab, plane, cases[i].running);
		assert_int_equal(
			sp_ebpf_ops.next_revision((struct sp_plane *)plane, cases[i].least),
			cases[i].number);
	}
	sp_ebpf_close(plane);
}

static void map_of_another_shape_is_named(void **state)
{
	const struct lab *lab = *state;
	const struct sp_ebpf_options options = { .pin_dir = lab->pin_dir, .flows_max = 1000 };
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = lab_open(lab, 0), *other = NULL;

	sp_ebpf_close(plane);
	assert_int_equal(sp_ebpf_open(&options, &other, &error), -EUCLEAN);
	assert_null(other);
	assert_non_null(strstr(error.text, "sp_flow"));
	assert_non_null(strstr(error.text, "262144"));
}

static void folder_that_is_no_bpffs_is_refused(void **state)
{
	const struct sp_ebpf_options options = { .pin_dir = "/tmp/sallyport-no-bpffs/v1" };
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = NULL;

	(void)state;
	assert_int_equal(sp_ebpf_open(&options, &plane, &error), -ENOTSUP);
	assert_non_null(strstr(error.text, "bpffs"));
	assert_int_not_equal(lab_try("test -e /tmp/sallyport-no-bpffs"), 0);
}

static void ending_a_session_stops_its_next_packet(void **state)
{
	const struct lab *lab = *state;
	struct sp_ebpf *plane = lab_open(lab, 0);
	__sp_close int port = lab_udp(lab, false, 9000);
	struct sp_counter *counters = calloc(SP_COUNTER_SLOTS, sizeof(*counters));

	lab_sign_in(lab, plane);
	lab_apply(lab, plane, 1);
	assert_true(lab_tunnel_passes(lab, "100.64.0.1", 9000, port));
	assert_int_equal(sp_ebpf_session_end(plane, 0), 0);
	assert_true(lab_tunnel_stops(lab, "100.64.0.1", 9000, port));
	assert_int_equal(sp_ebpf_counters(plane, counters), 0);
	assert_int_equal(
		counters[SP_COUNTER_INDEX(SP_HOOK_VPN_IN, SP_DENY, SP_REASON_REVOKED)].packets, 1);
	assert_int_equal(
		counters[SP_COUNTER_INDEX(SP_HOOK_VPN_IN, SP_ALLOW, SP_REASON_POLICY)].packets, 1);
	free(counters);
	sp_ebpf_close(plane);
}

static void identity_taken_away_is_unknown(void **state)
{
	const struct lab *lab = *state;
	const struct sp_addr address = sp_addr_from_v4((const uint8_t[]){ 100, 64, 0, 7 });
	struct sp_ebpf *plane = lab_open(lab, 0);
	__sp_close int port = lab_udp(lab, false, 9000);
	struct sp_counter *counters = calloc(SP_COUNTER_SLOTS, sizeof(*counters));

	lab_sign_in(lab, plane);
	lab_apply(lab, plane, 1);
	assert_int_equal(sp_ebpf_ident_remove(plane, &address), 0);
	assert_int_equal(sp_ebpf_ident_remove(plane, &address), 0);
	assert_true(lab_tunnel_stops(lab, "100.64.0.1", 9000, port));
	assert_int_equal(sp_ebpf_counters(plane, counters), 0);
	assert_int_equal(
		counters[SP_COUNTER_INDEX(SP_HOOK_VPN_IN, SP_DENY, SP_REASON_NO_IDENTITY)].packets,
		1);
	free(counters);
	sp_ebpf_close(plane);
}

static void flows_and_rules_are_counted(void **state)
{
	const struct lab *lab = *state;
	struct sp_ebpf *plane = lab_open(lab, 0);
	__sp_close int port = lab_udp(lab, false, 9000), stranger = lab_udp(lab, true, 0);
	struct sp_counter rules[8];
	uint32_t flows;

	lab_sign_in(lab, plane);
	lab_apply(lab, plane, 1);
	assert_int_equal(sp_ebpf_flow_count(plane, &flows), 0);
	assert_int_equal(flows, 0);
	assert_true(lab_passes(stranger, "198.51.100.1", 9000, port));
	assert_true(lab_passes(stranger, "198.51.100.1", 9000, port));
	assert_true(lab_passes(stranger, "10.20.0.1", 9000, port));
	assert_int_equal(sp_ebpf_flow_count(plane, &flows), 0);
	assert_int_equal(flows, 2);
	assert_int_equal(sp_ebpf_rule_counters(plane, rules, SP_ARRAY_LEN(rules)), 0);
	for (size_t i = 0; i < lab->policy->rule_count; i++) {
		const struct sp_rule *rule = &lab->policy->rules[i];

		if (strcmp(rule->name, "echo") == 0)
			assert_int_equal(rules[rule->number].packets, 2);
		else if (strcmp(rule->name, "office-any") == 0)
			assert_int_equal(rules[rule->number].packets, 1);
		else
			assert_int_equal(rules[rule->number].packets, 0);
	}
	assert_int_equal(sp_ebpf_rule_counters(plane, rules, SP_RULE_MAX + 1), -ERANGE);
	sp_ebpf_close(plane);
}

/* As bpf/maps.h has it; the timer itself cannot be read or written. */
struct janitor {
	uint64_t timer[2];
	uint64_t period_ns, sweeps, flows, removed, took_ns;
};

static void janitor_sweeps_when_its_daemon_is_gone(void **state)
{
	const struct lab *lab = *state;
	struct janitor janitor = { .period_ns = 10000000 };
	__sp_close int map = -1;
	uint32_t zero = 0;
	char path[256];

	sp_ebpf_close(lab_open(lab, 0));
	snprintf(path, sizeof(path), "%s/sp_janitor", lab->pin_dir);
	map = bpf_obj_get(path);
	assert_true(map >= 0);
	assert_int_equal(bpf_map_update_elem(map, &zero, &janitor, BPF_EXIST), 0);
	sp_ebpf_close(lab_open(lab, 0)); /* armed again, at the new pace */
	for (int i = 0; i < 6000 && janitor.sweeps < 4; i++) {
		usleep(10000);
		assert_int_equal(bpf_map_lookup_elem(map, &zero, &janitor), 0);
	}
	assert_true(janitor.sweeps >= 4);
}

/* ---- events ---- */

struct taker {
	unsigned taken;
	unsigned fail_at; /* this one is refused; 0: none */
	__be16 ports[16];
};

static int take(void *arg, const struct sp_event *event)
{
	struct taker *taker = arg;

	if (event->kind != SP_EVENT_DENY || event->hook != SP_HOOK_INSIDE_IN)
		return 0;
	if (taker->taken + 1 == taker->fail_at)
		return -ENOSPC;
	if (taker->taken < SP_ARRAY_LEN(taker->ports))
		taker->ports[taker->taken] = event->dport_be;
	taker->taken++;
	return 0;
}

static void event_leaves_the_ring_only_when_taken(void **state)
{
	const struct lab *lab = *state;
	struct sp_ebpf *plane = lab_open(lab, 0);
	__sp_close int stranger = lab_udp(lab, true, 0), nobody = lab_udp(lab, false, 0);
	struct taker refusing = { .fail_at = 3 }, next = { 0 };
	struct sp_event_stats stats;

	lab_apply(lab, plane, 1);
	for (uint16_t port = 9101; port <= 9105; port++)
		assert_true(lab_stops(stranger, "10.20.0.1", port, nobody));
	assert_int_equal(sp_ebpf_take_events(plane, 100, take, &refusing), -ENOSPC);
	assert_int_equal(refusing.taken, 2);
	/* A new daemon goes on exactly there. */
	sp_ebpf_close(plane);
	plane = lab_open(lab, 0);
	assert_true(sp_ebpf_take_events(plane, 100, take, &next) >= 3);
	assert_int_equal(next.taken, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(be16toh(next.ports[i]), 9103 + i);
	assert_int_equal(sp_ebpf_take_events(plane, 100, take, &next), 0);
	assert_int_equal(sp_ebpf_event_stats(plane, &stats), 0);
	assert_true(stats.attempted >= 5);
	assert_int_equal(stats.lost, 0);
	sp_ebpf_close(plane);
}

static int count_it(void *arg, const struct sp_event *event)
{
	(void)event;
	++*(uint64_t *)arg;
	return 0;
}

/* From 10.20.0.@host, which the far side says it is. */
static void send_as(int fd, int host, const char *to, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	char room[CMSG_SPACE(sizeof(struct in_pktinfo))] = { 0 };
	struct iovec bytes = { (void *)"x", 1 };
	struct msghdr message = {
		.msg_name = &address,
		.msg_namelen = sizeof(address),
		.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = sizeof(room),
	};
	struct cmsghdr *control = CMSG_FIRSTHDR(&message);
	struct in_pktinfo info = { .ipi_spec_dst.s_addr = htonl(0x0a140000 + (uint32_t)host) };

	inet_pton(AF_INET, to, &address.sin_addr);
	*control = (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IP, IP_PKTINFO };
	memcpy(CMSG_DATA(control), &info, sizeof(info));
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &(int){ 1 }, sizeof(int)), 0);
	assert_int_equal(sendmsg(fd, &message, 0), 1);
}

static void full_ring_loses_with_an_exact_count(void **state)
{
	const struct lab *lab = *state;
	const struct sp_ebpf_options options = { .pin_dir = lab->pin_dir, .events_bytes = 4096 };
	struct sp_plane_interface interfaces[LAB_INTERFACES];
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane;
	struct sp_ebpf_staged *staged;
	struct sp_event_stats stats;
	__sp_close int stranger = lab_udp(lab, true, 0);
	uint64_t taken = 0;

	lab_interfaces(interfaces);
	lab_ok(sp_ebpf_open(&options, &plane, &error), &error);
	staged = lab_stage(lab, plane, 1);
	lab_ok(sp_ebpf_switch(plane, staged, interfaces, LAB_INTERFACES, &error), &error);
	/* Many senders: one alone has ten records a second. */
	for (int i = 0; i < 200; i++)
		send_as(stranger, 10 + i % 20, "10.20.0.1", 9100);
	lab_settle();
	while (sp_ebpf_take_events(plane, 7, count_it, &taken) > 0)
		;
	assert_int_equal(sp_ebpf_event_stats(plane, &stats), 0);
	assert_true(stats.attempted >= 100);
	assert_true(stats.lost > 0);
	assert_int_equal(taken + stats.lost, stats.attempted);
	/* There is room again, and the ring wraps. */
	for (int i = 0; i < 20; i++)
		send_as(stranger, 40 + i, "10.20.0.1", 9100);
	lab_settle();
	while (sp_ebpf_take_events(plane, 7, count_it, &taken) > 0)
		;
	assert_int_equal(sp_ebpf_event_stats(plane, &stats), 0);
	assert_int_equal(taken + stats.lost, stats.attempted);
	lab_ok(sp_ebpf_detach(plane, &error), &error);
	sp_ebpf_close(plane);
}

#define with_lab(f) cmocka_unit_test_setup(f, lab_clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_lab(what_a_daemon_wrote_the_next_one_finds),
		with_lab(number_after_the_running_one_is_odd_when_that_is_even),
		with_lab(map_of_another_shape_is_named),
		with_lab(folder_that_is_no_bpffs_is_refused),
		with_lab(ending_a_session_stops_its_next_packet),
		with_lab(identity_taken_away_is_unknown),
		with_lab(flows_and_rules_are_counted),
		with_lab(janitor_sweeps_when_its_daemon_is_gone),
		with_lab(event_leaves_the_ring_only_when_taken),
		with_lab(full_ring_loses_with_an_exact_count),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
