#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Attack: a stranger on the edge uses addresses that an inner network has. The rules written for those addresses, and the
# `protect` entries above all, would be his. Claim: an address that any routing table, hop or nexthop object routes inwards is
# no lawful source on the edge, in both families; routes learned later are followed; what cannot be seen is said. Control: the
# inner network itself, by whatever table it is routed, is let in.
#
# Among the interfaces of one zone too: a host on lan1 has no addresses of lan0, a stranger on wan1 none of wan0's link.
#
#   stranger (44.5x.0.9, 2a0f:5x::9 on lo) ─┬─ wan0  gateway  lan0 ── office (44.5x.0.8, 2a0f:5x::8 on lo)
#                                           └─ wan1           lan1 ── branch (the same addresses)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$(dirname "$0")/../support/expect.sh"
trap lab_down EXIT

LAB_HOSTS+=(branch)

gate() { ip -n "$LAB-gateway" "$@"; }

# say HOST SOURCE DESTINATION WORD : a datagram from that source to the gateway's service
say() {
	lab_in "$1" /usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 0)); s.sendto(sys.argv[3].encode(), (sys.argv[2], 7777))' "$2" "$3" "$4"
}
heard() { say "$1" "$2" "$3" "$4"; sleep 0.1; grep -qs "^$4$" "$LAB_DIR/heard.log"; }
is_heard() { lab_wait 3 heard "$1" "$2" "$3" "$1-$2"; }
# refused HOST SOURCE DESTINATION HOOK : counted as spoofed at that hook, and not heard
refused() {
	local before word="$1-$2-refused"
	before=$(counter "$4" deny spoofed)
	say "$1" "$2" "$3" "$word"
	lab_wait 3 counted "$4" "$before" && fails grep -qs "^$word$" "$LAB_DIR/heard.log"
}
counted() { [ "$(counter "$1" deny spoofed)" -gt "$2" ]; }
# turned SOURCE DESTINATION : the revision that refuses the stranger this source runs by now
turned() {
	local before
	before=$(counter edge-in deny spoofed)
	say stranger "$1" "$2" probe
	sleep 0.2
	counted edge-in "$before"
}
follows() { # follows N TEXT
	expect "$2: the prefix follows, IPv4" lab_wait 15 turned "44.$1.0.9" 192.0.2.1
	expect "$2: and IPv6" lab_wait 15 turned "2a0f:$1::9" 2001:db8:1::1
}
outside() { # outside N TEXT : the stranger with addresses of network N is spoofed in both families
	expect "$2: a stranger with its IPv4 address is spoofed" refused stranger "44.$1.0.9" 192.0.2.1 edge-in
	expect "$2: and with its IPv6 address" refused stranger "2a0f:$1::9" 2001:db8:1::1 edge-in
}
inside() { # inside N TEXT
	expect "$2: a host there is heard, IPv4" is_heard office "44.$1.0.8" 10.30.0.1
	expect "$2: and IPv6" is_heard office "2a0f:$1::8" 2001:db8:30::1
}
# explains SOURCE REASON [DESTINATION INTERFACE]
explains() {
	local to=${3:-192.0.2.1}
	case $1 in *:*) to="[${3:-2001:db8:1::1}]" ;; esac
	lab_gate explain --from "$1" --to "$to:7777/udp" --on "${4:-wan0}" --json | field "r['reason']" | grep -qx "$2"
}
warned() { lab_gate status --json | field "any(w['code'] == 'homes-incomplete' and '$1' in w['message'] for w in r['warnings'])" | grep -qx True; }

lab_up
sed -i 's/edge: \[wan0\], inside: \[lan0\]/edge: [wan0, wan1], inside: [lan0, lan1]/' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
gate link add lan1 type veth peer name eth0 netns "$LAB-branch"
lab_address gateway lan1 10.31.0.1/16 2001:db8:31::1/48
lab_address branch eth0 10.31.2.9/16 2001:db8:31::2:9/48
gate link add wan1 type veth peer name eth1 netns "$LAB-stranger"
lab_address gateway wan1 198.51.100.1/24 2a0f:100::1/48
lab_address stranger eth1 198.51.100.66/24 2a0f:100::66/48
lab_in gateway sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.wan0.rp_filter=0 net.ipv4.conf.lan0.rp_filter=0 \
	net.ipv4.conf.lan1.rp_filter=0 net.ipv4.conf.wan1.rp_filter=0 \
	net.ipv4.nexthop_compat_mode=0
for n in 50 51 52 53 54 55 56 57 58; do
	ip -n "$LAB-stranger" address add "44.$n.0.9/32" dev lo
	ip -n "$LAB-stranger" address add "2a0f:$n::9/128" dev lo nodad
	ip -n "$LAB-office" address add "44.$n.0.8/32" dev lo
	ip -n "$LAB-office" address add "2a0f:$n::8/128" dev lo nodad
	ip -n "$LAB-branch" address add "44.$n.0.8/32" dev lo
	ip -n "$LAB-branch" address add "2a0f:$n::8/128" dev lo nodad
done
ip -n "$LAB-branch" address add 10.30.2.77/32 dev lo
ip -n "$LAB-branch" address add 2001:db8:30::2:77/128 dev lo nodad
ip -n "$LAB-stranger" address add 192.0.2.99/32 dev lo
ip -n "$LAB-stranger" address add 2001:db8:1::99/128 dev lo nodad
gate route add default via 192.0.2.254
gate -6 route add default via 2001:db8:1::fe

# 50: another table, chosen by a rule; 51: a nexthop object; 52: a group of two
gate route add 44.50.0.0/16 via 10.30.2.9 table 100
gate -6 route add 2a0f:50::/48 via 2001:db8:30::2:9 table 100
gate rule add to 44.50.0.0/16 lookup 100
gate -6 rule add to 2a0f:50::/48 lookup 100
gate nexthop add id 7 via 10.30.2.9 dev lan0
gate -6 nexthop add id 8 via 2001:db8:30::2:9 dev lan0
gate -6 nexthop add id 9 via 2001:db8:30::9:4 dev lan0
gate nexthop add id 10 via 10.30.9.4 dev lan0
gate nexthop add id 70 group 7/10
gate nexthop add id 80 group 8/9
gate route add 44.51.0.0/16 nhid 7
gate -6 route add 2a0f:51::/48 nhid 8
gate route add 44.52.0.0/16 nhid 70
gate -6 route add 2a0f:52::/48 nhid 80
# 53: hops of one route to both sides; 54: the main table says edge, another one inside
gate route add 44.53.0.0/16 nexthop via 192.0.2.254 nexthop via 10.30.2.9
gate -6 route add 2a0f:53::/48 nexthop via 2001:db8:1::fe nexthop via 2001:db8:30::2:9
gate route add 44.54.0.0/16 via 192.0.2.254
gate route add 44.54.0.0/16 via 10.30.2.9 table 100
gate -6 route add 2a0f:54::/48 via 2001:db8:1::fe
gate -6 route add 2a0f:54::/48 via 2001:db8:30::2:9 table 100

# 58: through a nexthop object that leads outside, for now
gate nexthop add id 20 via 192.0.2.254 dev wan0
gate -6 nexthop add id 21 via 2001:db8:1::fe dev wan0
gate route add 44.58.0.0/16 nhid 20
gate -6 route add 2a0f:58::/48 nhid 21
# 57: behind a router on lan1
gate route add 44.57.0.0/16 via 10.31.2.9
gate -6 route add 2a0f:57::/48 via 2001:db8:31::2:9

lab_run gateway heard.log /usr/bin/python3 "$lab_top/tests/support/hear.py" 7777
lab_start_daemon
lab_policy '{ name: branch, allow: {from: branch, to: self, services: udp/7777} }' |
	sed 's#^networks:#networks:\n  branch: [44.48.0.0/12, "2a0f:50::/28"]#' >"$LAB_DIR/policy.yaml"
expect "the policy is applied" lab_gate apply "$LAB_DIR/policy.yaml"

outside 50 "routed by another table"
outside 51 "routed through a nexthop object"
outside 52 "routed through a group of nexthops"
outside 53 "routed to both sides by one route"
outside 54 "routed to either side by two tables"
expect "explain says so" explains 44.50.0.9 spoofed
expect "status names a prefix that is routed to both sides" warned 2a0f:53::/48
expect "and so does doctor" sh -c "nsenter --net=/run/netns/$LAB-gateway sallyport doctor --root $LAB_ROOT | grep -q 2a0f:53::/48"
inside 50 "routed by another table"
inside 51 "routed through a nexthop object"

expect "a network of lan0 on lan1: spoofed, IPv4" refused branch 44.50.0.8 10.31.0.1 inside-in
expect "and IPv6" refused branch 2a0f:50::8 2001:db8:31::1 inside-in
expect "lan0's own link on lan1: spoofed, IPv4" refused branch 10.30.2.77 10.31.0.1 inside-in
expect "and IPv6" refused branch 2001:db8:30::2:77 2001:db8:31::1 inside-in
expect "a network of lan1 on lan1 is heard, IPv4" is_heard branch 44.57.0.8 10.31.0.1
expect "and IPv6" is_heard branch 2a0f:57::8 2001:db8:31::1
expect "a network of lan1 on lan0: spoofed" refused office 44.57.0.8 10.30.0.1 inside-in
expect "wan0's link on wan1: spoofed, IPv4" refused stranger 192.0.2.99 198.51.100.1 edge-in
expect "and IPv6" refused stranger 2001:db8:1::99 2a0f:100::1 edge-in
expect "the Internet is behind both: heard on wan1, IPv4" is_heard stranger 44.55.0.9 198.51.100.1
expect "and IPv6" is_heard stranger 2a0f:55::9 2a0f:100::1
expect "explain knows the interface: not on lan1" explains 44.50.0.8 spoofed 10.31.0.1 lan1
expect "   on lan0" explains 44.50.0.8 policy 10.30.0.1 lan0

# A route learned later: at first the edge's by the default route, then an inner one.
expect "not routed inwards yet: it is the edge's, and heard" is_heard stranger 44.55.0.9 192.0.2.1
expect "and so is its IPv6 address" is_heard stranger 2a0f:55::9 2001:db8:1::1
gate route add 44.55.0.0/16 via 10.30.2.9 table 200
gate -6 route add 2a0f:55::/48 via 2001:db8:30::2:9 table 200
follows 55 "learned later"
outside 55 "learned later"
expect "outside until its nexthop is turned: heard" is_heard stranger 44.58.0.9 192.0.2.1
gate nexthop replace id 20 via 10.30.2.9 dev lan0
gate -6 nexthop replace id 21 via 2001:db8:30::2:9 dev lan0
follows 58 "a nexthop object turned inwards"
outside 58 "turned inwards"
# An interface that is down: its own network stays where it was.
gate link set lan0 down
sleep 1
expect "lan0 down: its network's addresses are still no stranger's" lab_wait 5 explains 10.30.2.9 spoofed
gate link set lan0 up
gate -6 address replace 2001:db8:30::1/48 dev lan0 nodad

if gate link add vrf-red type vrf table 300 2>/dev/null; then
	gate link set vrf-red up
	gate route add 44.56.0.0/16 via 10.30.2.9 dev lan0 onlink table 300
	gate -6 route add 2a0f:56::/48 via 2001:db8:30::2:9 dev lan0 onlink table 300
	follows 56 "routed in the table of a VRF"
	outside 56 "routed in the table of a VRF"
else
	echo "no VRF in this kernel: left out"
fi
expect_done
