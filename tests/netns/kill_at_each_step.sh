#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# sallyportd is killed (SIGKILL by itself) behind each step of an apply. While it is dead, and after it
# came back, packets are judged by the whole old policy or the whole new one, and status says which: the old
# one until the new one is committed, then the new one.
# (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

# Under `ana` only ana reaches git, under `bob` only bob.
only() {
	local role=engineer
	[ "$1" = ana ] || role=contractor
	lab_policy | sed "s/from: engineer, to: git/from: $role, to: git/"
}

reaches() { lab_in "$1" ping -c 1 -W 1 10.30.2.9 >/dev/null 2>&1; }

# Who reaches git now: "ana", "bob", or what should never be, "both" or "nobody".
who() {
	local ana=false bob=false
	! reaches laptop || ana=true
	! reaches phone || bob=true
	case $ana,$bob in true,false) echo ana ;; false,true) echo bob ;; true,true) echo both ;; *) echo nobody ;; esac
}

status() { lab_gate status --json; }
hooks_agree() { status | field "len({h['revision'] for h in r['hooks']} | {r['revision']}) == 1 and len(r['hooks']) == 7" | grep -qx True; }

lab_up
lab_ready || exit 1
only ana >"$LAB_DIR/ana.yaml"
only bob >"$LAB_DIR/bob.yaml"
for who in ana bob; do
	lab_gate apply "$LAB_DIR/$who.yaml" --json >"$LAB_DIR/$who.json" || exit 1
	generation=$(field "r['generation']" <"$LAB_DIR/$who.json")
	declare "$who=$generation"
done
now=bob

for step in apply-checked apply-tested apply-numbered apply-stored tables programs pinned switched \
	apply-staged committed apply-switched retired apply-confirmed; do
	next=$([ $now = ana ] && echo bob || echo ana)
	case $step in committed | apply-switched | retired | apply-confirmed) due=$next ;; *) due=$now ;; esac
	lab_kill "$lab_daemon_pid"
	lab_start_daemon --kill-at "$step" || { expect "a daemon that dies at $step starts" false; continue; }
	lab_gate apply "$LAB_DIR/$next.yaml" >/dev/null 2>&1
	lab_wait 5 fails kill -0 "$lab_daemon_pid" || { expect "killed at $step" false; continue; }
	wire=$(who)
	case $wire in
	ana | bob) ;;
	*) expect "killed at $step: $wire reach git while nobody is there" false ;;
	esac
	lab_start_daemon || { expect "the daemon starts behind $step" false; continue; }
	generation=$(status | field "r['generation']")
	expect "killed at $step ($wire passes): the hooks run one revision" hooks_agree
	case $generation in "$ana") now=ana ;; "$bob") now=bob ;; *) now=nobody ;; esac
	expect "killed at $step: $due is running" same "$now" "$due"
	expect "killed at $step: only $now passes" same "$(who)" "$now"
	expect "killed at $step: bob's session is known" same \
		"$(lab_gate session list --user bob --json | field "r['state']")" live
done
expect "the log is whole" lab_gate audit verify
expect_done
