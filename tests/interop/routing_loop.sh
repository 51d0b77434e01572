#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The way to the peer leads into the tunnel to it, as everybody sets it up once: no packet of ours goes round,
# and the tunnel works when the route is right again. (Topology: tests/support/pair.sh.)
set -u
source "$(dirname "$0")/../support/pair.sh"
trap lab_down EXIT

sent() { pair_wg a show wg0 transfer | cut -f3; }

pair_up
for outer in 4 6; do
	expect "IPv$outer: both engines start" pair_begin "$OURS" "$THEIRS" $outer
	pair_wg a set wg0 peer "$(pair_key b)" allowed-ips 0.0.0.0/0,::/0
	expect "IPv$outer: a ping inside" pair_ping a 4 2
	ip -n "$LAB-a" route add "$(pair_address b $outer)/$([ $outer = 4 ] && echo 32 || echo 128)" dev wg0
	before=$(sent)
	for size in 10 1000 1392; do
		lab_in a ping -q -c 3 -i 0.1 -W 0.3 -s $size "$(pair_address b $outer)" >/dev/null
	done
	expect "IPv$outer: we say why" lab_wait 3 eval '[ "$(pair_stat a loop)" -ge 6 ]'
	lab_wait 3 lab_stays 1 sent
	after=$(sent)
	expect "IPv$outer: nine packets, and no more than that: $((after - before)) bytes" [ $((after - before)) -lt 20000 ]
	ip -n "$LAB-a" route delete "$(pair_address b $outer)" dev wg0
	expect "IPv$outer: the right route again, and it works" lab_wait 3 pair_answers a
	pair_stop a && pair_stop b
done
expect_done
