#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What comes back to whom: replies, ICMP errors about a flow, fragments, refusals; the gateway's own
# connections into every zone. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

lab_up
lab_start_web office 10.30.2.9 80 git
lab_start_web stranger 192.0.2.66 8080 outside
lab_start_web laptop 0.0.0.0 8000 laptop
lab_ready || exit 1
ana4=$(lab_address_of laptop 4)

expect "ping over the tunnel" lab_in laptop ping -c 2 -W 1 10.30.2.9
expect "ping over the tunnel, IPv6" lab_in laptop ping -c 2 -W 1 2001:db8:30::2:9
expect "an echo in fragments" lab_in laptop ping -c 2 -W 1 -s 4000 10.30.2.9
expect "the same, IPv6" lab_in laptop ping -c 2 -W 1 -s 4000 2001:db8:30::2:9

# a closed port: the office's port-unreachable is an ICMP error about ana's flow
unreachable() {
	lab_in laptop /usr/bin/python3 - "$1" <<-'PY'
	import socket, sys
	s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
	s.settimeout(1)
	s.connect((sys.argv[1], 5009))
	s.send(b"anybody there")
	try:
	    s.recv(10)
	except ConnectionRefusedError:
	    sys.exit(0)
	sys.exit(1)
	PY
}
expect "port unreachable comes back" unreachable 10.30.2.9
expect "port unreachable comes back, IPv6" unreachable 2001:db8:30::2:9

# a denial is told, not waited for: curl says "refused" (7), not "timed out" (28)
is_refused() {
	local code started=$(date +%s%N)
	lab_in laptop curl -s --max-time 5 --noproxy '*' -o /dev/null "$1"
	code=$?
	echo "     curl $code after $((($(date +%s%N) - started) / 1000000)) ms"
	[ $code -eq 7 ]
}
expect "a refused connection gets a reset" is_refused http://10.30.9.4/
expect "the same, IPv6" is_refused 'http://[2001:db8:30::9:4]/'
prohibited() { lab_in laptop ping -c 1 -W 1 "$1" | grep -qiE 'prohibited|filtered'; }
expect "a refused ping gets ICMP prohibited" prohibited 10.30.9.4
expect "the same, IPv6" prohibited 2001:db8:30::9:4

expect "the office cannot open a connection to ana" fails lab_in office curl -s --max-time 1 --noproxy '*' "http://$ana4:8000/"
expect "the gateway reaches inside" lab_get gateway http://10.30.2.9/
expect "the gateway reaches outside" lab_get gateway http://192.0.2.66:8080/
expect "the gateway reaches ana's device" lab_get gateway "http://$ana4:8000/"
expect "a stranger does not reach the inside" fails lab_in stranger ping -c 1 -W 1 10.30.2.9
expect "a stranger's ping to the gateway is dropped" fails lab_in stranger ping -c 1 -W 1 192.0.2.1
expect_done
