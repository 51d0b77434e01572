#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Every command of docs/operations.md, as the page prints it, does what the page says: the commands are read from its
# fenced blocks, so that page and scenario cannot part. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
source "$lab_top/tests/support/page.sh"
trap lab_down EXIT

mapfile -t pages < <(page_commands "$lab_top/docs/operations.md" sallyport sallyportd nsenter)
known=(
	'sallyport detach'
	'sallyport detach --yes'
	'sallyportd --unload --yes'
	'sallyport plan policy.yaml'
	'sallyport plan policy.yaml --against former.yaml'
	'sallyport audit --since 7d --json >week.jsonl'
	'sallyport replay policy.yaml --from week.jsonl --gateway /etc/sallyport/sallyport.yaml'
	'sallyport reload'
	'sallyport backup /root/gateway.tar --with-audit'
	'sallyport restore /root/gateway.tar'
	'sallyport restore /root/gateway.tar --yes'
	'sallyport status --json >/dev/null'
	'sallyport apply --confirm 60s policy.yaml'
	'sallyport confirm'
	'sallyport apply --confirm 60s --probe tcp:10.30.2.9:443 --probe-confirms policy.yaml'
	'sallyport status'
	'sallyport history'
	'sallyport rollback'
	'sallyport rollback --confirm 60s 0123456789ab'
	'nsenter --net=/run/netns/gw sallyportd --root /srv/gw'
)
here() { # here COMMAND : with this lab's names for the page's places
	sed "s#/root/#$LAB_DIR/#; s#/run/netns/gw#/run/netns/$LAB-gateway#; s#/srv/gw#$LAB_ROOT#; s# policy.yaml# $LAB_DIR/next.yaml#
		s# former.yaml# $LAB_DIR/policy.yaml#; s#week.jsonl#$LAB_DIR/week.jsonl#; s#/etc/sallyport/#$LAB_ROOT&#
		s#0123456789ab#${first:-}#" <<<"$1"
}
gives() { # gives CODE COMMAND : one the page shows, as root on the gateway
	SALLYPORT_ROOT=$LAB_ROOT lab_in gateway bash -c "$(here "$2")" >"$LAB_DIR/said" 2>&1
	local code=$?
	[ $code -eq "$1" ] || { echo "     exit $code, not $1:" && sed 's/^/     /' "$LAB_DIR/said"; return 1; }
}
has_lock() { lab_in gateway nft list table inet sallyport >/dev/null 2>&1; }
stopped() { ! lab_lives "$1"; }
reaches() { # by both families
	lab_in laptop ping -c 1 -W 1 10.30.2.9 >/dev/null 2>&1 && lab_in laptop ping -c 1 -W 1 2001:db8:30::2:9 >/dev/null 2>&1
}
works() { gives 0 'sallyport status --json >/dev/null'; }
warned() { lab_gate status --json | field "'$1' in [w['code'] for w in r['warnings']]" | grep -qx True; }

expect "the page's commands are those tried here" same "$(printf '%s\n' "${pages[@]}")" "$(printf '%s\n' "${known[@]}")"

lab_up
lab_ready >/dev/null || exit 1
expect "ana is through" lab_wait 10 reaches
expect "status exits 0 when all is well" lab_wait 10 works
expect "a backup is made" gives 0 'sallyport backup /root/gateway.tar --with-audit'

# ---- sallyport.yaml: an interface is added ----
ip -n "$LAB-gateway" link add lan1 type veth peer name lan1-far && ip -n "$LAB-gateway" link set lan1 up && ip -n "$LAB-gateway" link set lan1-far up
sed -i 's/inside: \[lan0\]/inside: [lan0, lan1]/' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
expect "reload takes it, after the apply that the new interface began" gives 0 'sallyport reload'
expect "programs sit on it" lab_wait 10 eval 'lab_in gateway bpftool net show | grep -q "^lan1"'
sed -i 's/^vpn:.*/vpn: { listen: none }/' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
expect "a fault exits 3" lab_wait 10 gives 3 'sallyport reload'
expect "with file and line" grep -q 'sallyport.yaml:4' "$LAB_DIR/said"
expect "status exits 8" gives 8 'sallyport status --json >/dev/null'
expect "with the warning the page names" warned machine-file

# ---- applies that wait to be confirmed ----
running() { lab_gate status --json | field "r['generation']"; }
is_pending() { lab_gate status --json | field "r['pending'] is not None" | grep -qx True; }
begins() { # begins COMMAND : one that waits, beside the test
	(gives 0 "$1" >"$LAB_DIR/waits" 2>&1) &
	waiting=$!
	lab_wait 20 is_pending
}
has_ended() { wait "$waiting"; }
sed -i '/^vpn: {/d' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
expect "the fault is mended" lab_wait 10 gives 0 'sallyport reload'
lab_start_watchdog || exit 1
first=$(running)
{ cat "$LAB_DIR/policy.yaml"; echo '# another'; } >"$LAB_DIR/next.yaml"
expect "a plan says that it changes nothing" gives 0 'sallyport plan policy.yaml'
expect "beside another file too" gives 0 'sallyport plan policy.yaml --against former.yaml'
expect "what happened is written down" gives 0 'sallyport audit --since 7d --json >week.jsonl'
expect "and decided as it was" gives 0 'sallyport replay policy.yaml --from week.jsonl --gateway /etc/sallyport/sallyport.yaml'
expect "ana's packets among it" eval '! grep -q " 0 judged" "$LAB_DIR/said"'
sed 's/allow: {from: engineer/deny: {from: engineer/' "$LAB_DIR/policy.yaml" >"$LAB_DIR/shut.yaml"
expect "a policy that denies them differs" gives 1 "sallyport replay $LAB_DIR/shut.yaml --from week.jsonl --gateway /etc/sallyport/sallyport.yaml"
expect "and says whose packets" grep -q '^- ana (corp) to .* now deny by ' "$LAB_DIR/said"
expect "an apply waits" begins 'sallyport apply --confirm 60s policy.yaml'
expect "status says so" gives 0 'sallyport status'
expect "confirmed, it stays" lab_wait 10 gives 0 'sallyport confirm' # it may not be in force yet
expect "and the apply exits 0" has_ended
expect "history is there" gives 0 'sallyport history'
expect "the former policy comes back" gives 0 'sallyport rollback'
expect "that is the first one" lab_wait 10 eval '[ "$(running)" = "$first" ]'
expect "back to a generation, waiting" begins 'sallyport rollback --confirm 60s 0123456789ab'
expect "which is confirmed too" lab_wait 10 gives 0 'sallyport confirm'
expect "and exits 0" has_ended
expect "a probe that nobody answers" begins 'sallyport apply --confirm 60s --probe tcp:10.30.2.9:443 --probe-confirms policy.yaml'
expect "is rolled back" gives 0 'sallyport rollback'
expect "the first one runs again" lab_wait 20 eval '[ "$(running)" = "$first" ]'

# ---- the off switch, and a backup that comes back ----
expect "detach alone exits 2" gives 2 'sallyport detach'
expect "and changes nothing" eval 'has_lock && reaches'
expect "restore is refused while the kernel judges" gives 1 'sallyport restore /root/gateway.tar --yes'
expect "detach --yes" gives 0 'sallyport detach --yes'
expect "sallyportd stops" lab_wait 10 stopped "$lab_daemon_pid"
expect "the engine ends with its interface" lab_wait 10 stopped "$lab_engine_pid"
expect "nothing filters any more" fails has_lock
expect "status exits 6" gives 6 'sallyport status --json >/dev/null'
expect "restore exits 2 where a gateway is" gives 2 'sallyport restore /root/gateway.tar'
expect "restore --yes" gives 0 'sallyport restore /root/gateway.tar --yes'
expect "what was there is put aside" eval 'ls -d "$LAB_ROOT"/etc/sallyport.before-* >/dev/null'

# ---- in a network namespace, as the page starts it ----
read -ra command <<<"$(here 'nsenter --net=/run/netns/gw sallyportd --root /srv/gw')"
"${command[@]}" --engine-user "$LAB_ENGINE_USER" >>"$LAB_DIR/sallyportd.log" 2>&1 &
daemon=$!
LAB_PIDS+=("$daemon")
expect "sallyportd starts by the backup" lab_wait 15 lab_answers
lab_start_engine || exit 1
lab_client_set laptop
expect "ana is through, without signing in" lab_wait 20 reaches
lab_kill "$daemon"
expect "--unload --yes where no sallyportd runs" gives 0 'sallyportd --unload --yes'
expect "nothing filters any more" fails has_lock
expect_done
