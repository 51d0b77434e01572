#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# sallyportd is killed (SIGKILL by itself) behind each step of an apply, of a sign-in and of a revocation, and
# sallyport-watchdog behind each of a return. While it
# is dead, and after it came back, packets are judged by the side that is due behind that step.
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

# Each step, and the side that is due behind it, on the wire while nobody is there and then for good: an apply counts
# from `committed` on. Before that, some hooks may have been switched already; the start that follows undoes it.
while read -r step wire due; do
	old=$now new=$([ $now = ana ] && echo bob || echo ana)
	lab_kill "$lab_daemon_pid"
	lab_start_daemon --kill-at "$step" || { expect "a daemon that dies at $step starts" false; continue; }
	lab_gate apply "$LAB_DIR/$new.yaml" >/dev/null 2>&1
	lab_wait 5 fails lab_lives "$lab_daemon_pid" || { expect "killed at $step" false; continue; }
	seen=$(who)
	case $wire in
	either) expect "killed at $step: $old or $new passes while nobody is there" test "$seen" = "$old" -o "$seen" = "$new" ;;
	*) expect "killed at $step: the $wire policy judges while nobody is there" same "$seen" "${!wire}" ;;
	esac
	lab_start_daemon || { expect "the daemon starts behind $step" false; continue; }
	now=${!due}
	expect "killed at $step: the hooks run one revision" hooks_agree
	expect "killed at $step: the $due policy runs" same "$(status | field "r['generation']")" "${!now}"
	expect "killed at $step: it judges" same "$(who)" "$now"
	expect "killed at $step: bob's session is known" same \
		"$(lab_gate session list --user bob --json | field "r['state']")" live
done <<'STEPS'
apply-checked old old
apply-tested old old
apply-numbered old old
apply-stored old old
tables old old
programs old old
apply-staged old old
pinned old old
switched either old
committed new new
apply-switched new new
apply-settled new new
retired new new
apply-confirmed new new
STEPS

# An apply that waits to be confirmed: from `committed` on the next sallyportd, which finds it waiting, can still have
# the former policy return or keep the new one; behind a confirmation it is kept, behind a return it is not.
latest() { lab_gate history --json | /usr/bin/python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["state"])'; }
settled() { status | field "not r['pending'] and r['generation'] == '$1'" | grep -qx True; }
restarts() { # restarts [OPTIONS…] : sallyportd, whatever became of it
	lab_kill "$lab_daemon_pid"
	lab_start_daemon "$@"
}
lab_start_watchdog
while read -r process step verb due; do
	old=$now new=$([ $now = ana ] && echo bob || echo ana) daemon=() watchdog=()
	if [ $process = daemon ]; then daemon=(--kill-at "$step"); else watchdog=(--kill-at "$step"); fi
	what="$process killed at $step, then $verb"
	lab_kill "$lab_watchdog_pid"
	lab_start_watchdog "${watchdog[@]}"
	restarts "${daemon[@]}" || { expect "$what: it starts" false; continue; }
	lab_gate apply --confirm 1h "$LAB_DIR/$new.yaml" >/dev/null 2>&1 &
	waiting=$!
	case $step in
	apply-*) ;;
	committed | retired) ;;
	*)
		lab_wait 10 eval '[ "$(latest)" = pending ]'
		lab_gate "$verb" >/dev/null 2>&1
		;;
	esac
	pid=lab_${process}_pid
	lab_wait 5 fails lab_lives "${!pid}" || expect "$what: it dies" false
	lab_kill $waiting
	restarts || { expect "$what: it starts again" false; continue; }
	[ $process = daemon ] || lab_start_watchdog
	case $step in
	apply-watched) ;;
	apply-* | committed | retired)
		expect "$what: it waits still" same "$(latest)" pending
		expect "$what: the new policy judges meanwhile" same "$(who)" "$new"
		expect "$what: that is taken" lab_gate "$verb"
		;;
	esac
	now=${!due}
	expect "$what: the $due policy runs" lab_wait 20 settled "${!now}"
	expect "$what: it judges" same "$(who)" "$now"
	expect "$what: the hooks run one revision" hooks_agree
done <<'STEPS'
daemon apply-watched rollback old
daemon committed rollback old
daemon apply-switched confirm new
daemon apply-confirmed rollback old
daemon confirm-moved confirm new
daemon confirm-stored confirm new
daemon confirm-dropped confirm new
daemon revert-followed rollback old
watchdog returned rollback old
watchdog reverted rollback old
STEPS
lab_kill "$lab_watchdog_pid"

# A sign-in counts once the kernel has it, a revocation once the kernel has ended the session.
host=$([ $now = ana ] && echo laptop || echo phone)
idp=$([ $now = ana ] && echo corp || echo partner) group=$([ $now = ana ] && echo eng || echo vendors)
socket=$LAB_ROOT/run/sallyport/control.sock
sessions() { /usr/bin/python3 "$lab_top/tests/support/control.py" "$socket" session.list "user=$now" | field "[s['session'] for s in r['sessions']]"; }
newest() { /usr/bin/python3 "$lab_top/tests/support/control.py" "$socket" session.list all=true "user=$now" | field "r['sessions'][-1]['session']"; }
sign_in() { lab_sign_in "$host" "$now" "$idp" "$group"; }
revoke() { lab_gate session revoke "$now"; }
# dies_at STEP COMMAND : the daemon is killed behind that step of it
dies_at() {
	lab_kill "$lab_daemon_pid"
	lab_start_daemon --kill-at "$1" || return 1
	"$2" >/dev/null 2>&1
	lab_wait 5 fails lab_lives "$lab_daemon_pid"
}
before=$(sessions)
expect "a sign-in dies once it is kept" dies_at session-kept sign_in
expect "who was signed in before goes on" reaches "$host"
expect "a start follows" lab_start_daemon
expect "it is the session from before that is open" same "$(sessions)" "$before"
expect "and it goes on" reaches "$host"
expect "a sign-in dies once it is in the kernel" dies_at session-put sign_in
expect "they pass" reaches "$host"
expect "a start follows" lab_start_daemon
expect "the new session alone is open" same "$(sessions)" "[$(newest)]"
expect "it is another one" test "$(sessions)" != "$before"
expect "they still pass" reaches "$host"
expect "a revocation dies once it is in the kernel" dies_at session-cut revoke
expect "nothing passes" fails reaches "$host"
expect "a start follows" lab_start_daemon
expect "no session is open" same "$(sessions)" "[]"
expect "a first sign-in dies once it is kept" dies_at session-kept sign_in
expect "nothing passes" fails reaches "$host"
expect "a start follows" lab_start_daemon
expect "no session is open" same "$(sessions)" "[]"
expect "a first sign-in dies once it is in the kernel" dies_at session-put sign_in
expect "a start follows" lab_start_daemon
expect "the new session is open" same "$(sessions)" "[$(newest)]"
lab_client_set "$host"
expect "and they pass" lab_wait 10 reaches "$host"
expect "a revocation dies once it is kept" dies_at session-closed revoke
expect "nothing passes" fails reaches "$host"
expect "a start follows" lab_start_daemon
expect "no session is open" same "$(sessions)" "[]"
expect "nothing passes now" fails reaches "$host"

# A device counts once the database has it; one that is removed counts as gone once the database has forgotten it, and
# its session is over before.
control() { /usr/bin/python3 "$lab_top/tests/support/control.py" "$socket" "$@"; }
devices() { control peer.list "user=$1" | field "sorted(p['name'] for p in r['peers'])"; }
enrol() { control peer.add "public_key=$(wg genkey | wg pubkey)" name=tablet user=carl "idp=$idp"; }
remove() { lab_gate peer remove "$now/$host"; }
expect "an enrolment dies once it is kept" dies_at device-kept enrol
expect "a start follows" lab_start_daemon
expect "the device is known" same "$(devices carl)" "['tablet']"
for step in session-cut session-closed device-removed; do
	expect "a device's person signs in" lab_wait 10 sign_in
	lab_client_set "$host"
	expect "and passes" lab_wait 10 reaches "$host"
	expect "the device's removal dies at $step" dies_at "$step" remove
	expect "nothing passes" fails reaches "$host"
	expect "a start follows" lab_start_daemon
	expect "no session is open" same "$(sessions)" "[]"
	left="['$host']"
	[ $step != device-removed ] || left="[]"
	expect "the device is $([ $step = device-removed ] && echo gone || echo known)" same "$(devices "$now")" "$left"
	expect "nothing passes now" fails reaches "$host"
done
expect "the log is whole" lab_gate audit verify
expect_done
