#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Attack: the outer interface gets another name while sallyportd is dead, so that the next sallyportd takes it for one in no
# list, whose packets to the gateway itself nobody judges. Claim: a listed interface stays closed under any other name,
# also one that is unmanaged, whoever was restarted, until it has its name again. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

rename() { # rename FROM TO : with its addresses
	ip -n "$LAB-gateway" link set "$1" down
	ip -n "$LAB-gateway" link set "$1" name "$2"
	ip -n "$LAB-gateway" link set "$2" up
	ip -n "$LAB-gateway" address replace 2001:db8:1::1/64 dev "$2" nodad
}
listen='
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", 7001))
print("ready", flush=True)
with open(sys.argv[1], "w") as out:
    while True:
        print(s.recvfrom(100)[1][0], file=out, flush=True)'
tries() { # tries NAME : a stranger sends to the gateway, 20 datagrams of each family; what arrived is in that file
	lab_run gateway "$1.ready" /usr/bin/python3 -c "$listen" "$LAB_DIR/$1"
	local listener=$lab_pid
	lab_wait 5 grep -q ready "$LAB_DIR/$1.ready"
	lab_in stranger /usr/bin/python3 - <<-'PY'
	import socket, time
	for n in range(20):
	    for family, to in (socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8:1::1"):
	        socket.socket(family, socket.SOCK_DGRAM).sendto(b"strange", (to, 7001))
	    time.sleep(0.02)
	PY
	sleep 0.3
	lab_kill "$listener"
}
nothing() { tries "$1"; same "$(wc -l <"$LAB_DIR/$1")" 0; }
warned() { lab_gate status --json | grep -q '"interface-renamed"'; }
unjudged() { lab_gate status --json | field "r['lock']['dropped']['unjudged']['packets']"; }
restart() { lab_kill "$lab_daemon_pid" KILL; "$@"; lab_start_daemon; }

lab_up
sed -i 's/tunnel: vpn0 }/tunnel: vpn0, unmanaged: [guest0] }/' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
lab_start_daemon && lab_start_engine && lab_policy >"$LAB_DIR/policy.yaml" && lab_gate apply "$LAB_DIR/policy.yaml" || exit 1
lab_in stranger ping -c 1 -W 1 192.0.2.1 >/dev/null # neighbours are known
lab_in stranger ping -c 1 -W 1 2001:db8:1::1 >/dev/null

expect "as set nothing arrives" nothing as-set
restart rename wan0 wan9
expect "status names it" lab_wait 10 warned
expect "nothing arrives on wan9" nothing renamed
restart true
expect "status names it still" lab_wait 10 warned
expect "nothing arrives after one more start" nothing again
expect "the second lock counted it" test "$(unjudged)" -gt 0
restart rename wan9 wan0
expect "with its name back it is the edge again" lab_wait 20 eval '! warned && lab_gate status >/dev/null'
expect "and nothing arrives" nothing back
lab_kill "$lab_daemon_pid" KILL
rename wan0 guest0 # a name of interfaces.unmanaged
rm "$LAB_ROOT"/sys/fs/bpf/sallyport/v1/link-edge-*
expect "under an unmanaged name, with sallyportd dead and no hook, nothing arrives" nothing unmanaged
lab_start_daemon
expect "nor once it is back" nothing unmanaged-again
expect "which status names" lab_wait 10 warned
restart rename guest0 wan0
expect "with its name back all is well" lab_wait 20 eval '! warned && lab_gate status >/dev/null'
lab_kill "$lab_daemon_pid" KILL
lab_in gateway nft delete table inet sallyport
rename wan0 wan9
rm "$LAB_ROOT"/sys/fs/bpf/sallyport/v1/link-edge-*
tries open
expect "control: without lock and hooks both families arrive" same "$(sort -u <"$LAB_DIR/open" | wc -l)" 2
expect_done
