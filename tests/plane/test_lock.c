/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The second lock: a governed interface without its program is dead, not open. */
#include "lab.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

static long counted(const char *name)
{
	char command[128];
	long packets = -1;
	FILE *out;

	snprintf(command, sizeof(command),
		 "nft list counter inet sallyport %s | "
		 "sed -n 's/.*packets \\([0-9]*\\).*/\\1/p'",
		 name);
	out = popen(command, "r");
	assert_non_null(out);
	assert_int_equal(fscanf(out, "%ld", &packets), 1);
	pclose(out);
	return packets;
}

static void unjudged_packets_of_governed_interfaces_are_dropped(void **state)
{
	const struct lab *lab = *state;
	__sp_close int port = lab_udp(lab, false, 9000), stranger = lab_udp(lab, true, 0);
	long before;

	assert_true(lab_passes(stranger, "10.20.0.1", 9000, port)); /* no lock, no programs */
	assert_true(lab_tunnel_passes(lab, "100.64.0.1", 9000, port));
	lab_lock(true);
	assert_true(lab_stops(stranger, "10.20.0.1", 9000, port));
	assert_true(lab_tunnel_stops(lab, "100.64.0.1", 9000, port));
	assert_true(lab_stops(stranger, "198.51.100.1", 9000, port));
	before = counted("unjudged"); /* with what the devices themselves say */
	assert_true(before >= 3);
	/* Locking again keeps the counts. */
	lab_lock(true);
	assert_true(counted("unjudged") >= before);
}

static void judged_packets_pass_the_lock(void **state)
{
	const struct lab *lab = *state;
	struct sp_ebpf *plane = lab_open(lab, 0);
	__sp_close int port = lab_udp(lab, false, 9000), closed_port = lab_udp(lab, false, 9001);
	__sp_close int stranger = lab_udp(lab, true, 0);
	long before;

	lab_lock(true);
	lab_sign_in(lab, plane);
	lab_apply(lab, plane, 1);
	assert_true(lab_passes(stranger, "10.20.0.1", 9000, port));
	assert_true(lab_passes(stranger, "198.51.100.1", 9000, port));
	assert_true(lab_tunnel_passes(lab, "100.64.0.1", 9000, port));
	/* The tunnel made again, its programs not attached: dead. */
	lab_unpin(lab, "vpn-in", "vpn0");
	before = counted("unjudged");
	assert_true(lab_tunnel_stops(lab, "100.64.0.1", 9000, port));
	assert_true(counted("unjudged") > before);
	/* Without edge-in, edge-tc judges; without it, edge-in's word is not enough. */
	lab_unpin(lab, "edge-in", "wan0");
	assert_true(lab_passes(stranger, "198.51.100.1", 9000, port));
	assert_true(lab_stops(stranger, "198.51.100.1", 9001, closed_port));
	lab_unpin(lab, "edge-tc", "wan0");
	before = counted("unjudged");
	assert_true(lab_stops(stranger, "198.51.100.1", 9000, port));
	assert_true(counted("unjudged") > before);
	sp_ebpf_close(plane);
}

static void closed_lock_forwards_nothing_and_delivers_to_the_gateway(void **state)
{
	const struct lab *lab = *state;
	struct sp_ebpf *plane = lab_open(lab, 0);
	__sp_close int port = lab_udp(lab, false, 9000), far_port = lab_udp(lab, true, 9000);
	__sp_close int stranger = lab_udp(lab, true, 0), local = lab_udp(lab, false, 0);

	lab_sign_in(lab, plane);
	lab_apply(lab, plane, 1);
	assert_true(lab_tunnel_passes(lab, "198.51.100.2", 9000, far_port));
	lab_lock(false);
	assert_true(lab_tunnel_stops(lab, "198.51.100.2", 9000, far_port));
	assert_int_equal(counted("closed"), 1);
	assert_true(lab_passes(stranger, "198.51.100.1", 9000, port));
	assert_true(lab_passes(local, "127.0.0.1", 9000, port));
	assert_true(lab_passes(local, "198.51.100.2", 9000, far_port));
	sp_ebpf_close(plane);
}

static struct sp_plane_guarded named(const char *name, enum sp_plane_guarded_kind kind)
{
	struct sp_plane_guarded to = { .kind = kind };

	strncpy(to.name, name, sizeof(to.name) - 1);
	return to;
}

/* Before the first apply the tunnel alone is behind the lock. */
static void narrow_lock_guards_what_is_listed_alone(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_guarded tunnel = named("vpn0", SP_PLANE_LISTED);
	const struct sp_plane_guard narrow = { &tunnel, 1, SP_PLANE_GUARD_TUNNEL, false };
	__sp_close int port = lab_udp(lab, false, 9000), stranger = lab_udp(lab, true, 0);
	struct sp_plane_error error = { "" };

	lab_ok(sp_ebpf_lock(&narrow, &error), &error);
	assert_true(lab_passes(stranger, "198.51.100.1", 9000, port));
	assert_true(lab_passes(stranger, "10.20.0.1", 9000, port));
	assert_true(lab_tunnel_stops(lab, "100.64.0.1", 9000, port));
}

/* What nobody named is closed; what is unlisted reaches the gateway. */
static void names_nobody_expected_are_closed(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_guarded names[] = {
		named("vpn0", SP_PLANE_LISTED),
		named("lan0", SP_PLANE_UNLISTED),
	};
	const struct sp_plane_guard wide = { names, SP_ARRAY_LEN(names), SP_PLANE_GUARD_OPEN,
					     false };
	struct sp_counter counters[SP_PLANE_DROP_COUNT];
	__sp_close int port = lab_udp(lab, false, 9000), stranger = lab_udp(lab, true, 0);
	struct sp_plane_error error = { "" };

	lab_ok(sp_ebpf_lock(&wide, &error), &error);
	assert_true(lab_stops(stranger, "198.51.100.1", 9000, port));
	assert_true(lab_passes(stranger, "10.20.0.1", 9000, port));
	/* A listed device under a name that is open is closed. */
	names[0].ifindex = if_nametoindex("lan0");
	lab_ok(sp_ebpf_lock(&wide, &error), &error);
	assert_true(lab_stops(stranger, "10.20.0.1", 9000, port));
	names[1].kind = SP_PLANE_UNMANAGED;
	lab_ok(sp_ebpf_lock(&wide, &error), &error);
	assert_true(lab_stops(stranger, "10.20.0.1", 9000, port));
	assert_int_equal(sp_ebpf_lock_counters(counters), 0);
	assert_true(counters[SP_PLANE_DROP_UNJUDGED].packets > 0 &&
		    counters[SP_PLANE_DROP_UNJUDGED].bytes > 0);
	lab_run("nft delete table inet sallyport");
	assert_int_equal(sp_ebpf_lock_counters(counters), -ENOENT);
}

static void other_tables_stay_as_they_are(void **state)
{
	struct sp_plane_error error = { "" };
	struct sp_plane_guarded odd = named("a\"b", SP_PLANE_LISTED);
	const struct sp_plane_guard unnameable = { &odd, 1, SP_PLANE_GUARD_OPEN, false };
	char folder[TEST_FOLDER_SIZE];

	(void)state;
	assert_non_null(test_folder_make(folder));
	lab_run("nft 'add table inet other; add chain inet other c { type filter hook input "
		"priority 0; }; "
		"add rule inet other c ip saddr 192.0.2.1 counter drop'");
	lab_run("nft list table inet other >'%s/before'", folder);
	lab_lock(true);
	lab_lock(false);
	lab_run("nft list table inet other | cmp - '%s/before'", folder);
	assert_int_equal(sp_ebpf_lock(&unnameable, &error), -EINVAL);
	assert_non_null(strstr(error.text, "a\"b"));
	lab_run("nft list table inet sallyport >/dev/null"); /* refused: the lock stays */
	lab_run("rm -r '%s' && nft delete table inet other", folder);
}

#define with_lab(f) cmocka_unit_test_setup(f, lab_clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_lab(unjudged_packets_of_governed_interfaces_are_dropped),
		with_lab(judged_packets_pass_the_lock),
		with_lab(closed_lock_forwards_nothing_and_delivers_to_the_gateway),
		with_lab(narrow_lock_guards_what_is_listed_alone),
		with_lab(names_nobody_expected_are_closed),
		with_lab(other_tables_stay_as_they_are),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
