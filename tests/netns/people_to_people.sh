#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Rules towards roles: the sender's rules decide, the receiver must have a live session. Devices and
# inner hosts reach people only by such a rule. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

pings() { lab_in "$1" ping -c 2 -i 0.2 -W 1 "$2" >/dev/null 2>&1; }

lab_up
lab_ready '{ name: help-vendors, allow: {from: engineer, to: {role: contractor}, services: ping} }' \
	'{ name: office-people, allow: {from: 10.30.2.9, to: {role: engineer}, services: ping} }' || exit 1
ana4=$(lab_address_of laptop 4) ana6=$(lab_address_of laptop 6)
bob4=$(lab_address_of phone 4) bob6=$(lab_address_of phone 6)

expect "ana pings bob" pings laptop "$bob4"
expect "ana pings bob, IPv6" pings laptop "$bob6"
expect "bob does not ping ana" fails pings phone "$ana4"
expect "bob does not ping ana, IPv6" fails pings phone "$ana6"
expect "the git server pings ana" pings office "$ana4"
expect "the git server does not ping bob" fails pings office "$bob4"
expect "explain agrees about ana" [ "$(lab_gate explain --from ana --to "$bob4/icmp" --json | field "r['rule']")" = help-vendors ]

lab_run laptop pinging ping -i 0.05 "$bob4"
sleep 1
expect "revoking bob" lab_gate session revoke bob
sleep 0.3
before=$(grep -c 'bytes from' "$LAB_DIR/pinging")
sleep 1
after=$(grep -c 'bytes from' "$LAB_DIR/pinging")
lab_kill "$lab_pid"
expect "ana's pings had answers" [ "$before" -gt 5 ]
expect "and none behind the revocation" same "$after" "$before"
expect "the reason is the receiver's" lab_wait 5 eval '[ "$(counter vpn-in deny revoked)" -gt 0 ]'
expect_done
