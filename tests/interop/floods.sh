#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Junk of every kind at our UDP port while a session transfers: noise, wrong lengths, messages captured and sent
# again with a bit turned, initiations of nobody's with a right mac1. The session is unharmed, memory
# stays bounded, a new peer gets in. And a wire that delays, repeats and reorders. (Topology: tests/support/pair.sh.)
set -u
source "$(dirname "$0")/../support/pair.sh"
trap lab_down EXIT

WIRE=$lab_top/tests/support/wire.py
rss_kb() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/${pair_pid[b]}/status"; }
received() { ip -n "$LAB-b" -s -j link show wg0 | field "r[0]['stats64']['rx']['bytes']"; }
counted() { [ "$(pair_stat b "$1")" -gt "$2" ]; } # counted DROP MORE-THAN : by b, which is ours

# flood_until DROP MORE-THAN COMMAND… : it is on until flood_ends; back when b has counted that much of it
flood_until() {
	local drop=$1 count=$2
	shift 2
	lab_run a flood.log /usr/bin/python3 "$WIRE" "$@"
	flood=$lab_pid
	expect "the flood is on: more than $count dropped as $drop" lab_wait 20 counted "$drop" "$count"
}
flood_ends() { # fails if it was over before
	lab_lives "$flood" && lab_kill "$flood"
}

pair_up
pair_make_file "$LAB_DIR/file" 8M
pair_count_initiations a
pair_begin "$THEIRS" "$OURS" 4
expect "the tunnel is there" pair_ping a
before=$(rss_kb)
handshake=$(pair_handshake a)
# The same, or a renewed it by its own timers, as its own initiations say: after two minutes, and where a busy
# machine kept an answer from it for 15 s. Nothing that anybody else sends makes one.
begun=$(pair_initiations a)
still_the_session() {
	[ "$1" = "$handshake" ] || [ "$(pair_initiations a)" -gt "$begun" ] || same "$1" "$handshake"
}

flood_until cookie 10000 junk 192.0.2.2 51822 "$(pair_key b)"
expect "we counted what was no message" counted junk 1000
expect "8 MB arrive as they were in all that" pair_copy a 4 "$LAB_DIR/file"
expect "it never ended" flood_ends
after=$(rss_kb)
expect "memory: $before kB before, $after kB after" [ "$after" -lt $((before + 8192)) ]
expect "the session is the one it was" still_the_session "$(pair_handshake a)"

pair_plain_wire
pair_make_file "$LAB_DIR/file" 2M
pair_capture a taken "udp and src 192.0.2.1"
expect "2 MB, and a capture is taken" pair_copy a 4 "$LAB_DIR/file"
pair_captured taken
replays=$(pair_stat b replay)
got=$(received)
expect "its messages again, and with a bit turned" lab_in a "$WIRE" replay "$LAB_DIR/taken.pcap" 192.0.2.1 192.0.2.2 51822
expect "we knew a thousand at the least" lab_wait 3 counted replay $((replays + 1000))
expect "and refused the others" counted auth 1000
expect "not one came through" same "$(received)" "$got"
expect "nor moved the session" same "$(pair_saw b)" 192.0.2.1:51821

# a legitimate handshake in the midst of a flood from elsewhere
pair_stop a
flood_until cookie "$(($(pair_stat b cookie) + 1000))" initiations 2001:db8:2::2 51822 "$(pair_key b)"
pair_start a "$THEIRS" && pair_configure a 4
from=$(lab_now_ns)
expect "a peer that begins anew in a flood gets in" lab_wait 11 pair_answers a
echo "     after $((($(lab_now_ns) - from) / 1000000)) ms"
expect "while it is on" flood_ends
pair_stop a

# a bad wire between, once for each engine's ears
pair_make_file "$LAB_DIR/file" 4M
lab_run a proxy.log /usr/bin/python3 "$WIRE" proxy 127.0.0.1:50001 192.0.2.2 51822
lab_wait 5 eval "lab_in a ss -Hlun 'sport = :50001' | grep -q ."
pair_start a "$THEIRS" && pair_configure a 4
pair_wg a set wg0 peer "$(pair_key b)" endpoint 127.0.0.1:50001
expect "over a wire that delays and repeats: a ping" lab_wait 11 pair_answers a
replays=$(pair_stat b replay)
expect "and 4 MB as they were" pair_copy a 4 "$LAB_DIR/file"
expect "repeated ones were known" counted replay $((replays + 50))
expect_done
