#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Attack: what no rule is asked about (neighbour discovery, DHCP answers to a client) carries bytes through the gateway: from
# an inner host to the Internet, from a stranger to an inner host. Claim: it passes to the gateway and the link only; what is
# meant for anybody else is denied, counted and on record. Control: neighbour discovery with the gateway works both ways.
# (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$(dirname "$0")/../support/expect.sh"
trap lab_down EXIT

# nd HOST SOURCE DESTINATION TYPE WORD : an ICMPv6 message with hop limit 255
nd() {
	lab_in "$1" /usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
s.setsockopt(socket.IPPROTO_IPV6, 78, 1) # IPV6_FREEBIND
s.bind((sys.argv[1], 0))
s.sendto(bytes([int(sys.argv[3]), 0, 0, 0]) + bytes(20) + sys.argv[4].encode(), (sys.argv[2], 0))' "$2" "$3" "$4" "$5"
}
# dhcp HOST SOURCE DESTINATION FROM TO WORD : a datagram between these ports
dhcp() {
	lab_in "$1" /usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], int(sys.argv[3]))); s.sendto(sys.argv[5].encode(), (sys.argv[2], int(sys.argv[4])))' "$2" "$3" "$4" "$5" "$6"
}
capture() { # capture HOST : every packet's bytes, as text
	lab_run "$1" "seen-$1.log" tcpdump -l -A -n -i eth0 ip or ip6
	lab_wait 10 grep -q "listening on" "$LAB_DIR/seen-$1.log"
}
seen() { grep -qa "$2" "$LAB_DIR/seen-$1.log"; }
refused() { echo $(($(counter "$1" deny default) + $(counter "$1" deny policy))); }
denied() { # denied HOOK COMMAND… : the hook counts a denial more
	local hook=$1 before
	shift
	before=$(refused "$hook")
	"$@"
	lab_wait 3 eval "[ \$(refused $hook) -gt $before ]"
}

lab_up
ip -n "$LAB-gateway" address change 192.0.2.1/24 dev wan0 valid_lft 3600 preferred_lft 3600
lab_ready || exit 1
ip -n "$LAB-stranger" route add 2001:db8:30::/48 via 2001:db8:1::1
ip -n "$LAB-stranger" route add 10.30.0.0/16 via 192.0.2.1
for host in office stranger; do capture $host; done

for type in 133 135 136; do
	expect "office -> Internet, type $type" denied inside-in nd office 2001:db8:30::2:9 2001:db8:1::66 $type OUTWARD-$type
	expect "stranger -> office, type $type" denied edge-in nd stranger 2001:db8:1::66 2001:db8:30::2:9 $type INWARD-$type
done
before=$(counter edge-in deny spoofed)
nd stranger 2001:db8:30::77 2001:db8:30::2:9 135 INWARD-spoofed
nd stranger 2001:db8:30::77 2001:db8:1::1 136 INWARD-spoofed
expect "a neighbour with an inner address" lab_wait 3 eval "[ \$(counter edge-in deny spoofed) -gt $before ]"
expect "DHCP to payroll" denied edge-in dhcp stranger 192.0.2.66 10.30.9.4 67 68 INWARD-dhcp
expect "DHCPv6 to payroll" denied edge-in dhcp stranger 2001:db8:1::66 2001:db8:30::9:4 547 546 INWARD-dhcp6
sleep 1
expect "the Internet saw nothing of the office" fails seen "stranger" "OUTWARD"
expect "the office saw nothing of the stranger" fails seen "office" "INWARD"

before=$(counter edge-in allow protect)
ip -n "$LAB-stranger" neighbour flush dev eth0
lab_in stranger ping -c 1 -W 1 2001:db8:1::1 >"$LAB_DIR/ping.log"
expect "the stranger finds the gateway's station" lab_wait 3 eval "ip -n $LAB-stranger -6 neighbour show dev eth0 | grep -q '^2001:db8:1::1 .*lladdr'"
expect "that is counted" lab_wait 3 eval "[ \$(counter edge-in allow protect) -gt $before ]"
expect_done
