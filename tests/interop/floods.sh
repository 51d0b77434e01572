#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Junk of every kind at our UDP port while a session transfers: noise, wrong lengths, messages captured and sent
# again with a bit turned, 200,000 initiations of nobody's with a right mac1. The session is unharmed, memory
# stays bounded, a new peer gets in. And a wire that delays, repeats and reorders. (Topology: tests/support/pair.sh.)
set -u
source "$(dirname "$0")/../support/pair.sh"
trap lab_down EXIT

WIRE=$lab_top/tests/support/wire.py
rss_kb() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/${pair_pid[b]}/status"; }
received() { ip -n "$LAB-b" -s -j link show wg0 | field "r[0]['stats64']['rx']['bytes']"; }

# transfer NAME COMMAND… : the file from a to b while COMMAND runs, to the same sum
transfer() {
	local name=$1 log=transfer.log
	shift
	rm -f "$LAB_DIR/$log"
	lab_run b $log sh -c 'nc -N -l "$1" 7000 | sha256sum' sh "$(pair_inner b 4)"
	lab_wait 5 eval "lab_in b ss -Hltn 'sport = :7000' | grep -q ."
	lab_run a noise.log "$@"
	local noise=$lab_pid
	sleep 0.3
	lab_in a timeout 150 nc -N "$(pair_inner b 4)" 7000 <"$LAB_DIR/file" >/dev/null
	lab_wait 10 grep -q -- - "$LAB_DIR/$log"
	expect "$name: all arrives as it was" same "$(cut -d' ' -f1 "$LAB_DIR/$log")" "$sum"
	wait "$noise"
	expect "$name: to its end" same "$?" 0
}

# what is carried: enough that the junk and it are under way together, little where a script carries it
make_file() {
	head -c "$1" /dev/urandom >"$LAB_DIR/file"
	sum=$(sha256sum <"$LAB_DIR/file" | cut -d' ' -f1)
}

pair_up
make_file 32M
pair_begin "$THEIRS" "$OURS" 4
expect "the tunnel is there" lab_wait 5 pair_answers a
before=$(rss_kb)
handshake=$(pair_handshake a)

transfer "noise, and 200,000 with a right mac1" "$WIRE" junk 192.0.2.2 51822 200000 "$(pair_key b)"
expect "we counted what was no message" [ "$(pair_stat b junk)" -gt 1000 ]
expect "and asked for cookies" [ "$(pair_stat b cookie)" -gt 1000 ]
after=$(rss_kb)
expect "memory: $before kB before, $after kB after" [ "$after" -lt $((before + 8192)) ]
expect "the session is the one it was" same "$(pair_handshake a)" "$handshake"

pair_plain_wire
pair_capture a taken "udp and src 192.0.2.1"
transfer "a capture is taken" true
pair_captured
replays=$(pair_stat b replay)
got=$(received)
expect "a thousand messages again, and with a bit turned" lab_in a timeout 120 "$WIRE" replay "$LAB_DIR/taken.pcap" \
	192.0.2.1 192.0.2.2 51822
expect "we knew them" [ "$(pair_stat b replay)" -gt $((replays + 900)) ]
expect "and refused the others" [ "$(pair_stat b auth)" -gt 900 ]
expect "not one came through" same "$(received)" "$got"
expect "nor moved the session" same "$(pair_saw b)" 192.0.2.1:51821

# a legitimate handshake in the midst of a flood from elsewhere
lab_run a flood.log /usr/bin/python3 "$WIRE" initiations 2001:db8:2::2 51822 6 "$(pair_key b)"
pair_stop a
pair_start a "$THEIRS" && pair_configure a 4
from=$(lab_now_ns)
expect "a peer that begins anew in a flood gets in" lab_wait 10 pair_answers a
took=$((($(lab_now_ns) - from) / 1000000))
echo "     after $took ms"
pair_stop a

# a bad wire between, once for each engine's ears
make_file 8M
lab_run a proxy.log /usr/bin/python3 "$WIRE" proxy 127.0.0.1:50001 192.0.2.2 51822
lab_wait 5 eval "lab_in a ss -Hlun 'sport = :50001' | grep -q ."
pair_start a "$THEIRS" && pair_configure a 4
pair_wg a set wg0 peer "$(pair_key b)" endpoint 127.0.0.1:50001
expect "over a wire that delays and repeats: a ping" lab_wait 7 pair_answers a
transfer "over a wire that delays and repeats" true
expect "repeated ones were known" [ "$(pair_stat b replay)" -gt $((replays + 300)) ]
expect_done
