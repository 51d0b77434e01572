#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The very first apply dies behind each of its steps: nothing is forwarded that was not judged, and the
# next start either has the policy or has nothing; then the apply works. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

hooks() { lab_gate status --json | field "len(r['hooks'])"; }
# Something the gateway would forward, were it an open router: laptop to office without a tunnel.
forwards() {
	ip -n "$LAB-laptop" route replace 10.30.0.0/16 via 192.0.2.1
	lab_in laptop ping -c 1 -W 1 10.30.2.9 >/dev/null
}

lab_up
lab_policy >"$LAB_DIR/policy.yaml"
for step in pinned attached committed confirmed apply-confirmed; do
	lab_start_daemon --kill-at "$step" || exit 1
	expect "nothing is forwarded before a policy runs" fails forwards
	lab_gate apply "$LAB_DIR/policy.yaml" >/dev/null 2>&1
	lab_wait 5 fails lab_lives "$lab_daemon_pid"
	expect "killed at $step: nothing unjudged is forwarded" fails forwards
	lab_start_daemon || exit 1
	count=$(hooks)
	state=$(lab_gate status --json | field "r['state']")
	echo "     behind $step: $state, $count hooks"
	expect "killed at $step: all hooks or none" [ "$count" = 0 -o "$count" = 7 ]
	expect "killed at $step: still nothing unjudged" fails forwards
	expect "killed at $step: the apply works now" lab_gate apply "$LAB_DIR/policy.yaml"
	# everything away for the next step
	lab_down >/dev/null 2>&1
	LAB_PIDS=()
	lab_up
	lab_policy >"$LAB_DIR/policy.yaml"
done
expect_done
