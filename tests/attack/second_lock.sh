#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Attack: the programs of an outer interface are taken away, or the interface is made anew, renamed, moved, while a stranger sends to the
# gateway and to an inner host. Claim: what no hook judged goes nowhere, whether sallyportd lives or not.
#
#   stranger 192.0.2.66 ── wan0 gateway lan0 ── 10.30.2.9 office
source "$(dirname "$0")/../support/lab.sh"
source "$(dirname "$0")/../support/expect.sh"
trap lab_down EXIT
umask 077
lab_up; lab_start_daemon; lab_start_engine
lab_policy >"$LAB_DIR/policy.yaml"
expect "a policy is applied" lab_gate apply "$LAB_DIR/policy.yaml"

listen='
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(("::", 7001))
while True: print(s.recvfrom(100), flush=True)'
send='
import socket, time
for n in range(50):
    for family, to in (2, "192.0.2.1"), (2, "10.30.2.9"), (10, "2001:db8:1::1"), (10, "2001:db8:30::2:9"):
        try: socket.socket(family, socket.SOCK_DGRAM).sendto(b"strange", (to, 7001))
        except OSError: pass
    time.sleep(0.01)'

attack() { # attack EVENT: a stranger sends to both, what arrives is in files of that name
	lab_run gateway "$1.gate" python3 -c "$listen"; local gate=$lab_pid
	lab_run office "$1.office" python3 -c "$listen"; local office=$lab_pid
	lab_wait 3 lab_in gateway sh -c 'ss -lun | grep -q :7001'
	lab_in stranger python3 -c "$send"
	kill "$gate" "$office" 2>/dev/null
}

dead() {
	attack "$1"
	expect "nothing arrives: $1" test ! -s "$LAB_DIR/$1.gate" -a ! -s "$LAB_DIR/$1.office"
}
dead as-set
pins="$LAB_ROOT/sys/fs/bpf/sallyport/v1"
kill -9 "$lab_daemon_pid"; lab_wait 5 fails kill -0 "$lab_daemon_pid"
rm "$pins/link-edge-in-wan0"; dead edge-in-detached
rm "$pins/link-edge-tc-wan0"; dead both-detached
expect "the lock counted it" sh -c "nsenter --net=/run/netns/$LAB-gateway nft list counter inet sallyport unjudged | grep -q 'packets [1-9]'"
ip -n "$LAB-gateway" link set wan0 down; ip -n "$LAB-gateway" link set wan0 name wan9; ip -n "$LAB-gateway" link set wan9 up
ip -n "$LAB-gateway" addr replace 2001:db8:1::1/64 dev wan9 nodad
dead renamed
lab_in gateway nft delete table inet sallyport
attack without
expect "control: without the lock it arrives" test -s "$LAB_DIR/without.gate"
expect_done
