#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Attack: an inner host with five addresses of each family sends datagrams of an allowed service from ever new ports, to fill
# the flow table for everybody. Claim: each address gets its share, the rest is denied as flow-limit; ana on the tunnel,
# another inner host, a stranger at an exposed service and the gateway itself open new connections. With the addresses of
# another network inside gets its half (flow-full), `status` says so, and the other three go on. (Topology:
# tests/support/lab.sh; a table of 512 flows: 16 a host, 96 a network, 256 a part.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

# flood DESTINATION SOURCE… : 100 datagrams of each source, each from another port
flood() {
	lab_in office /usr/bin/python3 -c 'import socket, sys, time
to, *sources = sys.argv[1:]
family = socket.AF_INET6 if ":" in to else socket.AF_INET
for source in sources:
    for port in range(20000, 20100):
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.bind((source, port)); s.sendto(b"x", (to, 7000))
    time.sleep(0.05)' "$@"
}
part() { lab_gate status --json | field "r['flows']['parts']['$1']"; }
warned() { lab_gate status --json | field "any(w['code'] == 'flow-table-nearly-full' for w in r['warnings'])"; }
in_part() { [ "$(part inside)" -eq "$1" ]; }
refused() { counter inside-in deny "$1"; }
# one HOST SOURCE DESTINATION PORT : one datagram
one() {
	lab_in "$1" /usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 0)); s.sendto(b"x", (sys.argv[2], int(sys.argv[3])))' "$2" "$3" "$4"
}
more() { # more PART COMMAND… : the part has flows more for it
	local name=$1 before
	before=$(part "$1")
	shift
	"$@"
	lab_wait 3 eval "[ \$(part $name) -gt $before ]"
}
others_go_on() { # others_go_on WHEN
	for web in 10.30.2.9 2001:db8:30::2:9; do
		expect "$1: ana opens http to $web" lab_get laptop "http://$(lab_bracket $web)/"
	done
	expect "$1: a stranger, IPv4" more edge one stranger 192.0.2.66 192.0.2.1 7001
	expect "$1: a stranger, IPv6" more edge one stranger 2001:db8:1::66 2001:db8:1::1 7001
	for web in 192.0.2.66 2001:db8:1::66; do
		expect "$1: the gateway opens http to $web" lab_get gateway "http://$(lab_bracket $web)/"
	done
}

lab_up
lab_start_web office 10.30.2.9 80 git
lab_start_web office 2001:db8:30::2:9 80 git
lab_start_web stranger 192.0.2.66 80 out
lab_start_web stranger 2001:db8:1::66 80 out
for n in 1 2 3 4 5; do
	ip -n "$LAB-office" address add "10.30.5.$n/16" dev eth0
	ip -n "$LAB-office" address add "2001:db8:30:0:5::$n/48" dev eth0 nodad
done
for n in 1 2 3 4 5 6 7 8; do
	ip -n "$LAB-office" address add "10.30.7.$n/16" dev eth0
done
lab_start_daemon --flows-max 512 && lab_start_engine || exit 1
{ lab_policy '{ name: office-out, allow: {from: inner, to: out, services: udp/7000} }' |
	sed -e 's|^  office:  10.30.0.0/16|&\n  inner:   [10.30.0.0/16, "2001:db8:30::/48"]\n  out:     [192.0.2.66, "2001:db8:1::66"]|' \
	    -e 's|service: udp/51820} \]|service: udp/51820}, {name: open, to: self, service: udp/7001} ]|'; } >"$LAB_DIR/policy.yaml"
lab_gate apply "$LAB_DIR/policy.yaml" && lab_sign_in laptop ana corp eng || exit 1

expect "nothing is said of the table" same "$(warned)" False
flood 192.0.2.66 10.30.5.{1..5}
expect "five IPv4 addresses have their shares" lab_wait 3 in_part 80
flood 2001:db8:1::66 2001:db8:30:0:5::{1..5}
expect "and five IPv6 addresses" lab_wait 3 in_part 160
expect "the rest is denied as flow-limit" same "$(refused flow-limit)" 840
expect "another inner host, IPv4" more inside one office 10.30.2.9 192.0.2.66 7000
expect "another inner host, IPv6" more inside one office 2001:db8:30::2:9 2001:db8:1::66 7000
others_go_on "after five addresses"

flood 192.0.2.66 10.30.7.{1..8}
expect "eight addresses of another network fill the half" lab_wait 3 in_part 256
expect "inside is full" lab_wait 3 eval "[ \$(refused flow-full) -gt 0 ]"
expect "all that was tried was let in or denied" same "$(($(refused flow-limit) + $(refused flow-full)))" $((1802 - 256))
expect "status warns" lab_wait 5 eval '[ "$(warned)" = True ]'
others_go_on "inside is full"
expect_done
