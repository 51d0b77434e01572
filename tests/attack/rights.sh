#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The attack: somebody runs code in sallyportd, in the tunnel engine, in the portal or in the watchdog. The claim: once they serve, each
# has what its work takes and nothing more: capabilities (also in the bounding set), system calls, no new privileges, no
# core dump, no look into its memory by others, no way to get any of it back. The control: with that, the gateway still
# applies, signs in, restages, restarts its engine and forwards on both families. What each attempt meets from the
# inside (namespaces, programs, other processes, executable memory): tests/unit/daemon/test_rights.c.
# (Topology: tests/support/portal.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/portal.sh"
trap lab_down EXIT

# status_of PID FIELD : of /proc/PID/status
status_of() { awk -v field="$2:" '$1 == field { print $2 }' "/proc/$1/status"; }
# may PID FIELD NAME… : exactly these capabilities are in Cap$FIELD (those of them that this machine's root has)
may() {
	local pid=$1 field=$2 bits=0 name
	shift 2
	for name; do bits=$((bits | 1 << name)); done
	same "$((16#$(status_of "$pid" "Cap$field")))" "$((bits & 16#$(status_of $$ CapBnd)))"
}
# linux/capability.h
CHOWN=0 DAC_OVERRIDE=1 FOWNER=3 NET_BIND_SERVICE=10 NET_ADMIN=12 PERFMON=38 BPF=39
# As another user without capabilities, who may read what everybody may: not this.
stranger_reads() { setpriv --reuid 12345 --regid 12345 --clear-groups --inh-caps -all --bounding-set -all cat "$1" >/dev/null 2>&1; }

check_process() { # check_process NAME PID CAPABILITY…
	local name=$1 pid=$2 field
	shift 2
	for field in Prm Eff; do
		expect "$name: its capabilities (Cap$field)" may "$pid" $field "$@"
	done
	for field in Inh Amb; do
		expect "$name: none for a program it runs (Cap$field)" may "$pid" $field
	done
	expect "$name: gains none" same "$(status_of "$pid" NoNewPrivs)" 1
	expect "$name: its system calls are filtered" same "$(status_of "$pid" Seccomp)" 2
	expect "$name: dumps no core" same "$(awk '/^Max core/ { print $5, $6 }' "/proc/$pid/limits")" "0 0"
	# A process that may not be dumped belongs to root in /proc, whoever it is.
	expect "$name: its memory is nobody else's" same "$(stat -c %u "/proc/$pid/mem" "/proc/$pid/environ" | sort -u)" 0
	expect "$name: not even to look at" fails stranger_reads "/proc/$pid/maps"
	expect "$name: no memory of it is both written and run" fails grep -q '^[^ ]* .wx' "/proc/$pid/maps"
	for thread in "/proc/$pid/task"/*; do
		# one that works beside the loop may end meanwhile
		[ "$(awk '/^Seccomp:/ { print $2 }' "$thread/status" 2>/dev/null)" = 2 ] || [ ! -e "$thread" ] || expect "$name: thread $thread is filtered" false
	done
}
check_bounds() { # check_bounds NAME PID CAPABILITY… : where root may lower the bound
	expect "$1: no program it could run has more" may "$2" Bnd "${@:3}"
}

lab_up_with_portal
lab_portal_ready || exit 1
daemon=(sallyportd "$lab_daemon_pid" $CHOWN $DAC_OVERRIDE $FOWNER $NET_ADMIN $PERFMON $BPF)
check_process "${daemon[@]}"
check_bounds "${daemon[@]}"
check_process sallyport-portal "$lab_portal_pid"
check_bounds sallyport-portal "$lab_portal_pid"
check_process sallyport-vpnd "$lab_engine_pid"
check_bounds sallyport-vpnd "$lab_engine_pid"
lab_start_watchdog
lab_wait 10 eval '[ "$(status_of "$lab_watchdog_pid" Seccomp)" = 2 ]'
watchdog=(sallyport-watchdog "$lab_watchdog_pid" $NET_ADMIN $BPF)
check_process "${watchdog[@]}"
check_bounds "${watchdog[@]}"
expect "sallyportd stays root, for its files" same "$(status_of "$lab_daemon_pid" Uid)" 0
expect "the portal is somebody else" same "$(status_of "$lab_portal_pid" Uid)" "$LAB_PORTAL_USER"
expect "the engine is somebody else" same "$(status_of "$lab_engine_pid" Uid)" "$LAB_ENGINE_USER"
expect "whether keys may reach swap is said as it is" same "$(lab_gate status --json | field "r['memory_locked']")" \
	"$(awk '/^VmLck/ { print ($2 > 0) ? "True" : "False" }' "/proc/$lab_daemon_pid/status")"
expect "doctor says it too" eval 'lab_gate doctor | grep -q sallyportd-memory'
expect "and of the portal" same "$(lab_gate doctor --json | sed -n 's/.*"name":"portal-memory","result":"\([a-z]*\)".*/\1/p')" \
	"$(awk '/^VmLck/ { print ($2 > 0) ? "ok" : "missing" }' "/proc/$lab_portal_pid/status")"

# ---- the control: the work goes on ----
sed -i 's#git: .*#git: [10.30.2.9, "2001:db8:30::2:9"]#' "$LAB_DIR/policy.yaml"
sed '/eng-git/d' "$LAB_DIR/policy.yaml" >"$LAB_DIR/closed.yaml"
lab_start_web office "2001:db8:30::2:9" 80 git6
reaches6() { lab_get laptop "http://[2001:db8:30::2:9]/"; }
expect "a policy is applied" lab_gate apply "$LAB_DIR/policy.yaml"
expect "ana signs in" lab_login_local laptop ana --config "$LAB_DIR/laptop.conf"
expect "a stock client takes the tunnel" lab_tunnel_up laptop
expect "she reaches git (IPv4)" lab_wait 10 lab_reaches laptop
expect "she reaches git (IPv6)" lab_wait 10 reaches6
lab_gate apply --confirm 1h "$LAB_DIR/closed.yaml" >/dev/null 2>&1 &
expect "another policy is applied, to be confirmed" lab_wait 10 fails lab_reaches laptop
expect "it is let go" lab_gate rollback
expect "the watchdog lets the former one return" lab_wait 10 lab_reaches laptop
has_returned() { lab_gate status --json | field "r['pending']" | grep -qx None; }
expect "and sallyportd follows" lab_wait 10 has_returned
expect "without a refused call" fails grep -qi 'not permitted' "$LAB_DIR/watchdog.log"
expect "another policy is applied" lab_gate apply "$LAB_DIR/closed.yaml"
expect "she does not (IPv4)" fails lab_reaches laptop
expect "she does not (IPv6)" fails reaches6
expect "the first one is, again" lab_gate apply "$LAB_DIR/policy.yaml"
expect "she does" lab_wait 10 lab_reaches laptop
revision() { lab_gate status --json | field "r['revision']"; }
before=$(revision)
ip -n "$LAB-gateway" route add 10.99.0.0/16 via 10.30.2.9
expect "a route of the inside is taken up" lab_wait 20 eval '[ "$(revision)" -gt "$before" ]'
lab_kill "$lab_engine_pid"
lab_start_engine
expect "the engine is back, and ana through" lab_wait 30 lab_reaches laptop
expect "its rights are given up again" lab_wait 10 eval '[ "$(status_of "$lab_engine_pid" Seccomp)" = 2 ]'
check_process sallyport-vpnd "$lab_engine_pid"
expect "another device is enrolled" lab_gate peer add --name tablet --user ana --idp local --pubkey "$(wg genkey | wg pubkey)"
expect "a session is revoked" lab_gate session revoke ana
expect "and she is out" lab_wait 10 eval '! lab_reaches laptop'
lab_kill "$lab_daemon_pid"
lab_start_daemon || exit 1
daemon[1]=$lab_daemon_pid
check_process "${daemon[@]}"
expect "after a restart it serves as before" eval 'lab_gate session list >/dev/null'
expect "no call of sallyportd's was refused" fails grep -q "not permitted" "$LAB_DIR/sallyportd.log"

expect_done
