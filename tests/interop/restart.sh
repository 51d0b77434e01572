#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Our engine is killed under traffic and comes back: with the descriptors systemd would have kept for it (the
# interface, its addresses and the port stay), and without. Packets pass again with the first handshake, whoever
# sends first; and a renewal begun by either side loses none. (Topology: tests/support/pair.sh.)
set -u
source "$(dirname "$0")/../support/pair.sh"
trap lab_down EXIT

# The engine of a, its keys in a file as sallyportd would keep them, held by what stands in for systemd.
held_start() {
	lab_run a a-engine.log "$lab_top/tests/support/with-sockets" "$LAB_DIR/a-sockets" \
		/usr/bin/python3 "$lab_top/tests/support/holder.py" --status "$LAB_DIR/held" "$OURS" -f wg0
	pair_pid[a]=$lab_pid
	lab_wait 10 pair_ready a
}
held_pid() { tail -n 1 "$LAB_DIR/held" | cut -d' ' -f1; }
held_names() { tail -n 1 "$LAB_DIR/held" | cut -d' ' -f2; }

ifindex() { ip -n "$LAB-a" -j link show wg0 | field "r[0]['ifindex']"; }

pair_up
pair_count_initiations a && pair_count_initiations b
expect "both engines start" eval 'held_start && pair_start b "$THEIRS" && pair_configure a 4 && pair_configure b 4'
pair_wg a showconf wg0 >"$LAB_DIR/a.conf"
expect "a ping" pair_ping a

# ---- killed, with kept descriptors ----
lab_run b ping.log ping -i 0.02 -W 1 "$(pair_inner a 4)"
pinger=$lab_pid
for round in 1 2 3; do
	sleep 0.3
	before=$(held_pid)
	index=$(ifindex)
	kill -KILL "$before"
	lab_wait 5 eval '[ "$(held_pid)" != "$before" ] && pair_ready a'
	expect "kill $round: back, with the TUN and the port it had" grep -qE '(^|,)tun-0.*,udp-0' <<<"$(held_names)"
	pair_wg a setconf wg0 "$LAB_DIR/a.conf"
	pair_at_once "we speak first: packets pass" a pair_answers a
	expect "the interface never went" same "$(ifindex)" "$index"
	expect "nor its address" eval "ip -n $LAB-a address show dev wg0 | grep -q 10.77.0.1/24"
	expect "nor the port" same "$(pair_wg a show wg0 listen-port)" 51821
done
# Whoever could end it by a packet would end it as often as they like: the others wait a second for it, no longer.
for round in 4 5 6 7 8; do
	before=$(held_pid)
	kill -KILL "$before"
	lab_wait 5 eval '[ "$(held_pid)" != "$before" ] && pair_ready a'
	pair_wg a setconf wg0 "$LAB_DIR/a.conf"
	lab_wait 10 pair_answers a || break # it carries packets
done
expect "killed eight times while it carries packets: it goes on after a second" \
	grep -q 'ended 8 times in a row, each within a minute: goes on in 1.0 s' "$LAB_DIR/a-engine.log"
lab_kill "$pinger" INT
expect "the other side's pings went on" eval \
	"[ \$(sed -n 's/.* \([0-9]*\) received.*/\1/p' '$LAB_DIR/ping.log') -gt 20 ]"

# ---- ended again and again ----
# The first starts follow at once, later ones wait, each twice as long: nine of them take 6 s and more.
hold_failing() { # hold_failing : an engine that can never serve, since another kind of interface has the name
	ip -n "$LAB-a" link add wg1 type veth peer name wg1-far
	lab_run a failing.log /usr/bin/python3 "$lab_top/tests/support/holder.py" --status "$LAB_DIR/failing" "$OURS" -f wg1
}
hold_failing
failing=$lab_pid
expect "an engine that fails for good waits before it goes on" lab_wait 20 grep -q 'ended 8 times in a row, each within a minute: goes on in 3.2 s' "$LAB_DIR/failing.log"
expect "no start is left out of the count" same "$(wc -l <"$LAB_DIR/failing")" 9
lab_kill "$failing" TERM
expect "asked to end it waits no longer" same "$(tail -n 1 "$LAB_DIR/failing.log" | grep -c 'goes on in')" 1
ip -n "$LAB-a" link delete wg1

# ---- killed, without ----
lab_kill "${pair_pid[a]}" TERM
lab_wait 5 fails ip -n "$LAB-a" link show wg0
rm -f "$LAB_DIR"/a-sockets/*
pair_start a "$OURS" && pair_configure a 4
expect "a new one, held by nobody" lab_wait 10 pair_answers a
lab_kill "${pair_pid[a]}" KILL
expect "its interface goes with it" lab_wait 3 fails ip -n "$LAB-a" link show wg0
expect "it starts again over the socket it left" pair_start a "$OURS"
pair_configure a 4
pair_at_once "packets pass" a pair_answers a

# ---- the other side restarts, and speaks first ----
lab_kill "${pair_pid[b]}" KILL
lab_wait 3 fails ip -n "$LAB-b" link show wg0
pair_start b "$THEIRS" && pair_configure b 4
pair_at_once "they restart and speak first" b pair_answers b

# ---- a new key of ours, a peer taken away and given again ----
(umask 077 && wg genkey >"$LAB_DIR/a.key") && wg pubkey <"$LAB_DIR/a.key" >"$LAB_DIR/a.pub.new"
pair_wg b set wg0 peer "$(pair_key a)" remove
mv "$LAB_DIR/a.pub.new" "$LAB_DIR/a.pub"
pair_wg a set wg0 private-key "$LAB_DIR/a.key"
pair_peer b 4
pair_at_once "with a new private key" a pair_answers a
for round in 1 2 3; do
	pair_wg a set wg0 peer "$(pair_key b)" remove
	expect "without the peer nothing passes" pair_silent a
	pair_peer a 4
	pair_at_once "with it again, round $round" a pair_answers a
done
expect_done
