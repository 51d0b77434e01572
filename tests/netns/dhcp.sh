#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# DHCP and DHCPv6 reach a client on the uplink, family by family: with a fixed IPv4 address beside an IPv6 address that has a
# lifetime DHCPv6 is heard and DHCP is not, and the other way round. No client program is needed: a socket asks, one answers.
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$(dirname "$0")/../support/expect.sh"
trap lab_down EXIT

cat_server() { # answers whatever comes to the servers' port of a family
	cat <<-'PY'
	import socket, sys
	v6 = sys.argv[1] == "6"
	s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
	s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
	s.bind(("", 547 if v6 else 67))
	if v6:
	    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
	                 socket.inet_pton(socket.AF_INET6, "ff02::1:2") + socket.if_nametoindex("eth0").to_bytes(4, sys.byteorder))
	while True:
	    data, peer = s.recvfrom(2000)
	    s.sendto(b"answer", peer if v6 else ("255.255.255.255", 68))
	PY
}
cat_client() {
	cat <<-'PY'
	import socket, sys
	v6 = sys.argv[1] == "6"
	s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
	s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
	s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"wan0\0")
	s.bind(("", 546 if v6 else 68))
	s.settimeout(1)
	s.sendto(b"question", ("ff02::1:2", 547, 0, socket.if_nametoindex("wan0")) if v6 else ("255.255.255.255", 67))
	try:
	    sys.exit(s.recvfrom(2000)[0] != b"answer")
	except OSError:
	    sys.exit(1)
	PY
}
asks() { lab_in gateway /usr/bin/python3 "$LAB_DIR/client.py" "$1"; }
answered() { lab_wait 4 asks "$1"; }
denied() { counter edge-in deny default; }
# unheard FAMILY : the answer comes, is denied, and is not heard
unheard() {
	local before
	before=$(denied)
	fails asks "$1" && lab_wait 3 more_than "$before"
}
more_than() { [ "$(denied)" -gt "$1" ]; }
lifetime() { # lifetime FAMILY ADDRESS SECONDS|forever
	lab_in gateway ip "-$1" address change "$2" dev wan0 valid_lft "$3" preferred_lft "$3"
}

lab_up
cat_server >"$LAB_DIR/server.py"
cat_client >"$LAB_DIR/client.py"
lab_in stranger ip route add 255.255.255.255 dev eth0
lab_in gateway ip route add 255.255.255.255 dev wan0
lab_run stranger server.log /usr/bin/python3 "$LAB_DIR/server.py" 4
lab_run stranger server.log /usr/bin/python3 "$LAB_DIR/server.py" 6
lab_start_daemon
lab_policy >"$LAB_DIR/policy.yaml"
lifetime 6 2001:db8:1::1/64 600
expect "the policy is applied" lab_gate apply "$LAB_DIR/policy.yaml"
expect "a fixed IPv4 address, IPv6 with a lifetime: DHCPv6 is heard" answered 6
expect "   DHCP is not" unheard 4
lifetime 6 2001:db8:1::1/64 forever
lifetime 4 192.0.2.1/24 600
expect "the other way round: DHCP is heard" answered 4
expect "   DHCPv6 is not" unheard 6
lab_in gateway ip address add 192.0.2.77/24 dev wan0
expect "a fixed alias beside the lease: DHCP is heard" answered 4
expect_done
