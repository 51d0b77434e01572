#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Policies that number their classes and network sets differently are applied in turn while both an
# allowed and a denied stream run. A packet judged by half of one and half of the other would be
# allowed wrongly or dropped wrongly. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

# The same decisions for ana and bob under other numbers: more roles and networks in front, which none of them has.
renumbered() {
	lab_policy | sed -e 's/^roles:/roles:\n  auditor:    { match: [ {idp: corp, group: audit} ] }\n  operator:   { match: [ {idp: corp, group: ops} ] }/' \
		-e 's/^networks:/networks:\n  archive: 10.30.7.0\/24\n  labs:    10.30.5.0\/24/' \
		-e 's/^rules:/rules:\n  - { name: audit-archive, allow: {from: auditor, to: archive} }\n  - { name: ops-labs, allow: {from: [operator, contractor], to: labs, services: ping} }/'
}

numbers() { awk '$1 > 0 {print $1}' "$LAB_DIR/$1" | sort -n | uniq; }

lab_up
lab_ready || exit 1
renumbered >"$LAB_DIR/renumbered.yaml"
stream="/usr/bin/python3 $lab_top/tests/support/stream.py"
for who in ana:5000 bob:5001; do
	lab_run office "arrived-${who%:*}" $stream receive 10.30.2.9 "${who#*:}"
	lab_run gateway "carried-${who%:*}" $stream tap vpn0 "${who#*:}"
done
for who in ana bob; do
	lab_wait 20 test -s "$LAB_DIR/arrived-$who"
	lab_wait 20 test -s "$LAB_DIR/carried-$who"
done
lab_run laptop sent-ana $stream send 10.30.2.9 5000 2000 300
ana=$lab_pid
lab_run phone sent-bob $stream send 10.30.2.9 5001 2000 300
bob=$lab_pid
applies=0
is_enough() { [ "$applies" -ge 4 ] && [ "$(numbers carried-ana | wc -l)" -gt 5000 ] && [ "$(numbers carried-bob | wc -l)" -gt 5000 ]; }
while lab_lives "$ana" && ! is_enough; do
	for policy in renumbered policy; do
		lab_gate apply "$LAB_DIR/$policy.yaml" >>"$LAB_DIR/apply.log" || expect "apply $policy" false
		applies=$((applies + 1))
	done
done
lab_kill "$ana" TERM
lab_kill "$bob" TERM
all_came() { missing=$(comm -23 <(numbers carried-ana | sort) <(numbers arrived-ana | sort) | wc -l) && [ "$missing" = 0 ]; }
lab_wait 5 all_came
carried=$(numbers carried-ana | wc -l)
echo "$applies applies; ana: $carried carried, $missing of them missing; bob: $(numbers carried-bob | wc -l) carried"
expect "several applies under load" [ "$applies" -ge 4 ]
expect "ana's stream ran" [ "$carried" -gt 5000 ]
expect "no allowed packet was dropped" same "$missing" 0
expect "bob's stream ran" [ "$(numbers carried-bob | wc -l)" -gt 5000 ]
expect "no denied packet passed" same "$(numbers arrived-bob | wc -l)" 0
expect_done
