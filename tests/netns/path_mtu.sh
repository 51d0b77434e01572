#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A path to a person that is too narrow for the tunnel's packets: doctor says by how much and what to set;
# set so, everything fits. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

lab_up
lab_ready || { expect "the lab stands" false; expect_done; }
reaches() { lab_in laptop ping -c 1 -W 2 "$@" 10.30.2.9 >/dev/null; }
doctor() { lab_gate doctor --json 2>/dev/null; }
probe() { # probe NAME FIELD
	doctor | /usr/bin/python3 -c 'import json, sys
for line in sys.stdin:
    probe = json.loads(line)
    if probe["name"] == sys.argv[1]: print(probe[sys.argv[2]])' "$@"
}
lab_run gateway capture.log tcpdump --immediate-mode -l -n -i wan0 'udp port 51820 and host 192.0.2.11 and ip[6:2] & 0x3fff != 0'
lab_wait 5 grep -q listening "$LAB_DIR/capture.log"
fragments() { grep -c 'IP ' "$LAB_DIR/capture.log"; }

expect "she reaches git" lab_wait 10 reaches
expect "the edge is wide enough" same "$(probe 'path-mtu wan0' result)" ok
expect "and so are the paths to both of them" eval 'probe "path-mtu vpn0" detail | grep -q "towards 2 peers"'
expect "a full packet goes out whole" eval 'reaches -s 1392 && [ "$(fragments)" -eq 0 ]'

ip -n "$LAB-gateway" route add 192.0.2.11 dev wan0 mtu 1400
expect "a narrow path is missed" same "$(probe 'path-mtu vpn0' result)" missing
expect "with where, how much and what to set" same "$(probe 'path-mtu vpn0' detail)" \
	"192.0.2.11 takes 1400 bytes, vpn.mtu 1420 needs 1480; vpn.mtu: 1340"
expect "a full packet goes out in fragments, as it says" eval 'reaches -s 1392; lab_wait 3 eval "[ \$(fragments) -gt 0 ]"'

lab_kill "$lab_daemon_pid" TERM
sed -i 's/endpoint: 192.0.2.1 }/endpoint: 192.0.2.1, mtu: 1340 }/' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
lab_start_daemon || exit 1
expect "with the MTU it named doctor is content" same "$(probe 'path-mtu vpn0' result)" ok
expect "the file for the person has it" eval 'lab_gate peer config laptop | grep -qx "MTU = 1340"'
ip -n "$LAB-laptop" link set wg0 mtu 1340
seen=$(fragments)
expect "and a full packet goes out whole again" eval 'lab_wait 10 reaches -s 1312 && [ "$(fragments)" -eq "$seen" ]'
expect_done
