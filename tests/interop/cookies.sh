#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Under a flood of initiations with a right mac1, from the peer's own address, each engine asks for a cookie and
# the other one brings it: we them, they us. (Topology: tests/support/pair.sh.)
set -u
source "$(dirname "$0")/../support/pair.sh"
trap lab_down EXIT

# round NAME FIRST SECOND FAMILY : FIRST on a begins while SECOND on b is flooded
round() {
	local name=$1 seen=$LAB_DIR/seen-$4
	pair_begin "$2" "$3" "$4"
	pair_capture a "flood-$4" udp and not port 51821
	lab_run a flood.log /usr/bin/python3 "$lab_top/tests/support/wire.py" initiations \
		"$(pair_address b "$4")" 51822 "$(pair_key b)"
	local flood=$lab_pid
	expect "$name: to which it answers with cookies" lab_wait 5 eval \
		"pair_wire types --print '$LAB_DIR/flood-$4.pcap' | grep -q '^$(pair_address b "$4") 3 64'"
	lab_kill "${pair_capture_pid[flood-$4]}" INT
	pair_capture a "cookie-$4" udp port 51821
	expect "$name: the session comes all the same" lab_wait 11 pair_answers a
	expect "$name: with the flood still on" lab_lives "$flood"
	lab_kill "$flood"
	pair_captured "cookie-$4"
	pair_wire types --print "$LAB_DIR/cookie-$4.pcap" >"$seen"
	expect "$name: first without a mac2" same "$(awk '$2 == 1 {print $4; exit}' "$seen")" -
	expect "$name: a cookie came" grep -q "^$(pair_address b "$4") 3 64" "$seen"
	expect "$name: then with a mac2" grep -q "^$(pair_address a "$4") 1 148 mac2" "$seen"
	expect "$name: which was answered" grep -q "^$(pair_address b "$4") 2 92" "$seen"
	expect "$name: and nothing but messages" pair_wire types "$LAB_DIR/cookie-$4.pcap"
}

pair_up
round "wireguard-go is flooded" "$OURS" "$THEIRS" 4
pair_stop a && pair_stop b
round "we are flooded" "$THEIRS" "$OURS" 6
expect "we count what we sent away" [ "$(pair_stat b cookie)" -gt 100 ]
expect_done
