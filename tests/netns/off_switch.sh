#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The way out: `sallyport detach` and `sallyportd --unload` leave the machine as they found it, and a start puts
# everything back. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

forwarding() { lab_in gateway sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding | tr '\n' ' '; }
has_lock() { lab_in gateway nft list table inet sallyport >/dev/null 2>&1; }
hooks() { lab_in gateway bpftool net show 2>/dev/null | grep -cE 'wan0|lan0|vpn0'; }
pins() { find "$LAB_ROOT/sys/fs/bpf" -mindepth 1 ! -name '*.debug' 2>/dev/null | wc -l; }
kernel() { # what somebody could see of Sallyport in the kernel, but for the switches of forwarding
	for what in link address rule "-4 route show table all" "-6 route show table all"; do
		echo "== $what" && ip -n "$LAB-gateway" -o $what | sed -E 's/^[0-9]+: //; s/ (valid_lft|expires|qlen) .*//'
	done
	echo "== nft" && lab_in gateway nft list ruleset
}
leaves_nothing() { kernel >"$LAB_DIR/after" && diff "$LAB_DIR/before" "$LAB_DIR/after" >&2; }
start_waiting_engine() { # there is no interface for it yet
	lab_run gateway engine.log sallyport-vpnd -f --managed --root "$LAB_ROOT" --user "$LAB_ENGINE_USER" vpn0
	lab_engine_pid=$lab_pid
}
engine_stopped() { ! lab_lives "$lab_engine_pid"; }
reaches() { lab_get laptop "http://10.30.2.9:8080/"; }
stopped() { ! lab_lives "$lab_daemon_pid"; }
unload() { lab_in gateway sallyportd --root "$LAB_ROOT" --unload "$@" >"$LAB_DIR/unload" 2>&1; }
gone() { # gone : nothing of ours is left in the kernel
	same "$(hooks) $(pins)" "0 0" && leaves_nothing && [ ! -e "$LAB_ROOT/sys/fs/bpf/sallyport" ]
}

lab_up
cat >"$LAB_DIR/policy.yaml" <<'YAML'
sallyport: 1
roles: { engineer: { match: [ {idp: corp, group: eng} ] } }
networks: { office: 10.30.0.0/16 }
edge: { expose: [ {name: tunnel, to: self, service: udp/51820} ] }
protect: [ {name: admin, from: 10.30.0.0/16, to: self} ]
rules: [ { name: eng-office, allow: {from: engineer, to: office} } ]
YAML
lab_in gateway sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=1
kernel >"$LAB_DIR/before"
lab_start_daemon || exit 1
lab_start_engine || exit 1
lab_start_web office 10.30.2.9 8080 git
lab_gate apply "$LAB_DIR/policy.yaml" >/dev/null || exit 1
lab_sign_in laptop ana corp eng || exit 1
expect "ana is through" lab_wait 10 reaches

# ---- sallyport detach ----
lab_gate detach 2>"$LAB_DIR/plan"
expect "without --yes it exits 2" same $? 2
expect "says what it would do" grep -q 'IPv4 *forwarding switched off' "$LAB_DIR/plan"
expect "and that IPv6 was on before" grep -q 'IPv6 *forwarding goes on, unjudged' "$LAB_DIR/plan"
expect "and does nothing" eval 'reaches && has_lock && [ "$(forwarding)" = "1 1 " ]'
expect "detach --yes" lab_gate detach --yes --why "a test" 2>"$LAB_DIR/said"
expect "the daemon stops" lab_wait 10 stopped
wait "$lab_daemon_pid"
expect "with the exit code its unit is not restarted by" same $? 4
expect "nothing of it is left" gone
expect "forwarding is as it was found" same "$(forwarding)" "0 1 "
expect "the engine ends with its interface" lab_wait 10 engine_stopped
expect "it is on record, with the reason" eval '
	grep "\"event\":\"detach\"" "$LAB_ROOT/var/log/sallyport/audit.jsonl" | grep -q "a test"'
start_waiting_engine
expect "started again, it puts everything back, the session of ana too" eval 'lab_start_daemon && lab_wait 20 reaches'
expect "forwarding as well" same "$(forwarding)" "1 1 "

# ---- sallyportd --unload ----
unload --yes
expect "--unload is refused while a daemon runs" same $? 1
expect "and names it and the other way" eval 'grep -q "pid $lab_daemon_pid" "$LAB_DIR/unload" && grep -q "sallyport detach" "$LAB_DIR/unload"'
lab_kill "$lab_daemon_pid"
expect "daemon dead: ana is through" reaches
unload
expect "--unload without --yes exits 2" same $? 2
expect "and changes nothing" eval 'reaches && has_lock'
# pins of another version: a map of another shape, and a hook that has no name here
pin_dir=$LAB_ROOT/sys/fs/bpf/sallyport/v1
mv "$pin_dir/sp_ident" "$pin_dir/sp_old" && mv "$pin_dir/sp_counter" "$pin_dir/sp_ident"
lab_in gateway sallyportd --root "$LAB_ROOT" --engine-user "$LAB_ENGINE_USER" 2>"$LAB_DIR/refused"
expect "pins of another shape are refused" same $? 1
expect "the message names the remedy" grep -q -- '--unload --yes' "$LAB_DIR/refused"
expect "refused, the programs go on" reaches
machine_file=$LAB_ROOT/etc/sallyport/sallyport.yaml
mv "$machine_file" "$LAB_DIR/machine" && echo '{' >"$machine_file"
expect "--unload --yes takes them away, whatever sallyport.yaml says" unload --yes
mv "$LAB_DIR/machine" "$machine_file"
expect "nothing of it is left" gone
expect "forwarding is as it was found" same "$(forwarding)" "0 1 "
expect "it is on record" grep -q '"event":"detach".*unload' "$LAB_ROOT/var/log/sallyport/audit.jsonl"
expect "a second time is no error" unload --yes
start_waiting_engine
expect "the daemon starts, and ana is through" eval 'lab_start_daemon && lab_wait 20 reaches'

# ---- the tunnel interface cannot be removed, and nobody carries packets on it; then it is one that was found there ----
lab_kill "$lab_daemon_pid"
cc -shared -fPIC -D_GNU_SOURCE -o "$LAB_DIR/no_dellink.so" "$lab_top/tests/support/no_dellink.c" || exit 1
LD_PRELOAD=$LAB_DIR/no_dellink.so lab_start_daemon || exit 1
lab_kill "$lab_engine_pid"
lab_gate detach --yes 2>"$LAB_DIR/said"
expect "detach exits 1 when the tunnel interface stays" same $? 1
expect "and says so, with the remedy" grep -q 'vpn0 could not be removed.*ip link delete vpn0' "$LAB_DIR/said"
expect "the rest is gone" eval 'same "$(hooks) $(pins)" "0 0" && ! has_lock'
expect "the daemon stops all the same" lab_wait 10 stopped
start_waiting_engine
expect "another takes the interface over, and ana is through" eval 'lab_start_daemon && lab_wait 20 reaches'
lab_kill "$lab_engine_pid"
find "$pin_dir" -type f -delete && lab_in gateway nft delete table inet sallyport
expect "pins and lock gone behind its back, the engine dead: detach --yes" lab_gate detach --yes 2>"$LAB_DIR/said"
expect "nothing of it is left" lab_wait 10 gone

# ---- an interface of the tunnel's name that is somebody else's ----
others() { # others KIND : made, and up
	case $1 in
	veth) ip -n "$LAB-gateway" link add vpn0 type veth peer name other ;;
	tun) lab_in gateway ip tuntap add vpn0 mode tun multi_queue ;;
	esac
	ip -n "$LAB-gateway" link set vpn0 up
}
stays_up() { ip -n "$LAB-gateway" -o link show up | grep -q ' vpn0[@:]'; }
for kind in veth tun; do
	others $kind
	unload
	expect "another's $kind of that name: --unload has no tunnel interface to take away" grep -q 'no tunnel interface: ' "$LAB_DIR/unload"
	expect "--unload --yes" unload --yes
	expect "leaves it as it is" stays_up
	ip -n "$LAB-gateway" link delete vpn0
done
start_waiting_engine
expect "the daemon starts again" eval 'lab_start_daemon && lab_wait 20 reaches'
lab_kill "$lab_engine_pid"
ip -n "$LAB-gateway" link delete vpn0
others veth
expect "somebody's took the place of ours: detach --yes" lab_gate detach --yes 2>"$LAB_DIR/said"
expect "says that there is none of ours" grep -q 'tunnel *there is none that sallyportd made or took up' "$LAB_DIR/said"
expect "and leaves it as it is" stays_up
ip -n "$LAB-gateway" link delete vpn0
expect "the record's chain is whole" lab_gate audit verify
expect_done
