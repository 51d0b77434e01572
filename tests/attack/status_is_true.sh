#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The attack: somebody with root's rights changes behind sallyportd's back what it had set: hooks, the second lock,
# forwarding, the tunnel interface, its engine. The claim: `status` says what is so now; what can be put back is back
# within moments and on record, with whose process it was where the kernel says; what cannot be is named with a code,
# a sentence and a remedy, and exit 8. The control: nobody does anything, and nothing is recorded.
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

lab_up
lab_start_web office 10.30.2.9 80 "git" || exit 1
lab_ready || exit 1

pins=$LAB_ROOT/sys/fs/bpf/sallyport/v1
log=$LAB_ROOT/var/log/sallyport/audit.jsonl
gate() { lab_in gateway "$@"; }
status() { lab_gate status --json; }
is_quiet() { # exit 0, enforcing
	status >"$LAB_DIR/status.json" && same "$(field 'r["state"]' <"$LAB_DIR/status.json")" enforcing
}
warned() { # warned CODE : exit 8, degraded, and the warning has a sentence and a remedy
	status >"$LAB_DIR/status.json"
	[ $? -eq 8 ] && field "[w for w in r['warnings'] if w['code'] == '$1' and w['message'] and w['remedy'] and r['state'] == 'degraded'][0]" <"$LAB_DIR/status.json" >/dev/null
}
# Of the log itself: `status` looks before it answers, so asking it would not show that sallyportd looks by itself.
drifts() { grep -c "\"event\":\"drift\"${1:+.*$1}" "$log"; } # drifts [PATTERN] : records that have it
recorded() { drifts "\"reason\":\"$1\".*\"put_back\":${3:-true}.*$2" >/dev/null; } # recorded CODE TEXT [PUT_BACK]
all_attached() { # every hook runs a program of the running revision
	status | field "1/all(h['prog_id'] and h['revision'] == r['revision'] for h in r['hooks'])" >/dev/null
}
ana_works() { same "$(lab_get laptop http://10.30.2.9/)" git; }

# Is it so again, by the kernel's own word?
attached() { # attached LINK
	[ "$(gate bpftool -j link show pinned "$pins/link-$1" 2>/dev/null | field "r['prog_id'] and r.get('devname') == '${1##*-}'" 2>/dev/null)" = True ]
}
first() { # first HOOK INTERFACE : its program is asked before all others
	[ "$(gate bpftool -j net show dev "$2" | field "[t['prog_id'] for t in r[0]['tc'] if t['kind'].endswith('ingress')][0]")" = "$(bpftool -j link show pinned "$pins/link-$1-$2" | field 'r["prog_id"]')" ]
}
lock_text() { gate nft -s list table inet sallyport; }
locked() { same "$(lock_text)" "$lock_as_put"; }
sysctl_is() { same "$(gate sysctl -n "$1")" "$2"; }
up() { gate ip link show vpn0 | grep -q '[<,]UP[,>]'; }
mtu() { gate ip link show vpn0 | grep -q 'mtu 1420'; }
has_address() { gate ip address show dev vpn0 | grep -q " $1 "; }
goes_by() { gate ip route get "$1" | grep -q 'dev vpn0'; }
lock_chain() { gate nft -j list table inet sallyport | field "[x['rule']['chain'] for x in r['nftables'] if 'rule' in x][0]"; }
rule_handle() { gate nft -j list chain inet sallyport "$(lock_chain)" | field "[x['rule']['handle'] for x in r['nftables'] if 'rule' in x][0]"; }

# drift TEXT CODE WHAT CHECK… -- COMMAND… : done by hand, then so again, recorded, and status content
drift() {
	local text=$1 code=$2 what=$3 check=()
	shift 3
	while [ "$1" != -- ]; do check+=("$1"); shift; done
	shift
	expect "$text" "$@"
	expect "   is put back" lab_wait 5 "${check[@]}"
	expect "   and recorded ($code)" lab_wait 5 recorded "$code" "$what"
	expect "   and status is content" lab_wait 5 is_quiet
}

expect "ana reaches git" lab_wait 5 ana_works
expect "control: a quiet machine is enforcing, exit 0" is_quiet
before=$(drifts) # a slow start may have waited for the engine
sleep 3
expect "control: and nothing is on record" same "$(drifts)" "$before"

# ---- hooks ----
links=$(cd "$pins" && ls -d link-* | sed 's/^link-//')
expect "there are hooks" test "$(wc -w <<<"$links")" -ge 6
for link in $links; do
	drift "$link detached" hook-missing "${link%-*} was not attached to ${link##*-}" attached "$link" -- \
		gate bpftool link detach pinned "$pins/link-$link"
done
drift "a pin removed" hook-missing "inside-in was not attached to lan0" attached inside-in-lan0 -- rm "$pins/link-inside-in-lan0"
expect "every hook runs the revision's program" all_attached
expect "ana reaches git" lab_wait 5 ana_works

# ---- somebody else's program ----
cat >"$LAB_DIR/foreign.bpf.c" <<'C'
__attribute__((section("xdp"), used)) int foreign_xdp(void *ctx) { return 2; }
__attribute__((section("tcx/ingress"), used)) int foreign_tcx(void *ctx) { return 0; }
__attribute__((section("tcx/ingress"), used)) int foreign_link(void *ctx) { return 0; }
C
foreign=$LAB_ROOT/sys/fs/bpf/foreign
clang -O2 -target bpf -c "$LAB_DIR/foreign.bpf.c" -o "$LAB_DIR/foreign.o" || exit 1
expect "foreign programs are loaded" gate bpftool prog loadall "$LAB_DIR/foreign.o" "$foreign"
foreign_xdp_id=$(bpftool -j prog show pinned "$foreign/foreign_xdp" | field 'r["id"]')
put_foreign_xdp() {
	gate bpftool link detach pinned "$pins/link-edge-in-wan0" 2>/dev/null
	gate ip link set dev wan0 "$1" pinned "$foreign/foreign_xdp" 2>/dev/null
}
for mode in xdpdrv xdpgeneric; do
	expect "somebody's XDP program ($mode) in the place of ours" lab_wait 5 put_foreign_xdp $mode
	expect "   is named, exit 8" lab_wait 5 warned hook-missing
	expect "   by its number" grep -q "XDP program $foreign_xdp_id is there" "$LAB_DIR/status.json"
	expect "   ana's outer packets stay out" fails lab_get stranger http://10.30.2.9/
	expect "   removed" gate ip link set dev wan0 $mode off
	expect "   ours is attached again" lab_wait 5 is_quiet
	expect "   and that is on record" recorded hook-missing "edge-in was not attached to wan0" false
done
for link in $(grep -- '-in-\|-tc-' <<<"$links" | grep -v edge-in); do
	drift "a program before ${link%-*} of ${link##*-}" hook-behind "another program was asked before ${link%-*} of ${link##*-}" \
		first "${link%-*}" "${link##*-}" -- \
		gate /usr/bin/python3 "$lab_top/tests/support/foreign_program.py" before "$foreign/foreign_tcx" "${link##*-}"
done
drift "vpn-in's link runs another program" hook-replaced "vpn-in of vpn0 ran another program" all_attached -- \
	gate /usr/bin/python3 "$lab_top/tests/support/foreign_program.py" update "$pins/link-vpn-in-vpn0" "$foreign/foreign_link"
expect "ana reaches git" lab_wait 5 ana_works

# ---- the second lock ----
lock_as_put=$(lock_text)
drift "nft flush ruleset" lock-changed "table inet sallyport was removed" locked -- gate nft flush ruleset
expect "   by whom is on record" recorded lock-changed "table inet sallyport was removed by process [0-9]* (nft)"
drift "a rule that accepts, in front" lock-changed "table inet sallyport was changed" locked -- \
	gate nft insert rule inet sallyport "$(lock_chain)" accept
drift "a rule deleted" lock-changed "table inet sallyport was changed" locked -- \
	gate nft delete rule inet sallyport "$(lock_chain)" handle "$(rule_handle)"
drift "the table dormant" lock-changed "table inet sallyport was changed" locked -- \
	gate nft 'add table inet sallyport { flags dormant; }'
drift "a chain of the table's removed" lock-changed "table inet sallyport was changed" locked -- \
	gate nft "flush chain inet sallyport $(lock_chain); delete chain inet sallyport $(lock_chain)"
before=$(drifts)
expect "control: somebody's own table" gate nft 'add table ip other; add chain ip other c { type filter hook input priority 5; }; add rule ip other c counter'
sleep 2
expect "   is no drift" same "$(drifts)" "$before"
expect "   and stays" gate nft list table ip other

# ---- forwarding and the tunnel ----
for sysctl in net.ipv4.ip_forward net.ipv6.conf.all.forwarding net.ipv4.conf.lan0.forwarding net.ipv4.conf.wan0.forwarding \
	net.ipv6.conf.lan0.forwarding; do
	drift "$sysctl=0" forwarding-off "${sysctl//.//} was not 1" sysctl_is $sysctl 1 -- gate sysctl -qw $sysctl=0
done
drift "vpn0 down" tunnel-changed "it was set down" up -- gate ip link set vpn0 down
drift "its MTU" tunnel-changed "vpn0 had another MTU" mtu -- gate ip link set vpn0 mtu 1300
drift "its IPv4 address removed" tunnel-changed "vpn0 had lost its address 100.64.0.1" has_address 100.64.0.1/32 -- \
	gate ip address del 100.64.0.1/32 dev vpn0
drift "its IPv6 address removed" tunnel-changed "vpn0 had lost its address fd00:64::1" has_address fd00:64::1/128 -- \
	gate ip address del fd00:64::1/128 dev vpn0
drift "IPv6 switched off on it" tunnel-changed "disable_ipv6 was not 0" has_address fd00:64::1/128 -- \
	gate sysctl -qw net.ipv6.conf.vpn0.disable_ipv6=1
drift "the pool's IPv4 route removed" tunnel-changed "100.64.0.0/16 did not go to vpn0" goes_by 100.64.9.9 -- gate ip route del 100.64.0.0/16
drift "the pool's IPv6 route removed" tunnel-changed "fd00:64::/64 did not go to vpn0" goes_by fd00:64::99 -- \
	gate ip -6 route del fd00:64::/64 dev vpn0
drift "the pool's route led elsewhere" tunnel-changed "100.64.0.0/16 did not go to vpn0" goes_by 100.64.9.9 -- \
	gate ip route replace 100.64.0.0/16 dev lan0
expect "a rule that leads the pool elsewhere" gate ip rule add to 100.64.0.0/16 blackhole
expect "   is named, exit 8" lab_wait 5 warned tunnel-changed
expect "   removed" gate ip rule del to 100.64.0.0/16 blackhole
expect "   and all is well" lab_wait 5 is_quiet
expect "ana reaches git" lab_wait 5 ana_works

# ---- interfaces ----
expect "lan0 down" gate ip link set lan0 down
expect "   is named, exit 8" lab_wait 5 warned interface-down
expect "   up again" gate ip link set lan0 up
expect "   status is content" lab_wait 10 is_quiet
expect "the other end of wan0 down" ip -n "$LAB-internet" link set gateway down
expect "   is named, exit 8" lab_wait 5 warned interface-down
expect "   up again" ip -n "$LAB-internet" link set gateway up
expect "   status is content" lab_wait 10 is_quiet
expect "lan0 removed" gate ip link del lan0
expect "   is named, exit 8" lab_wait 5 warned interface-missing
expect "   made anew" ip -n "$LAB-gateway" link add lan0 type veth peer name eth0 netns "$LAB-office"
lab_address gateway lan0 10.30.0.1/16 2001:db8:30::1/48
lab_address office eth0 10.30.2.9/16 2001:db8:30::2:9/48
ip -n "$LAB-office" route add default via 10.30.0.1
expect "   status is content" lab_wait 15 is_quiet
expect "   with every hook" all_attached
expect "lan0 renamed" gate sh -c 'ip link set lan0 down; ip link set lan0 name x0; ip link set x0 up'
expect "   is named, exit 8" lab_wait 5 warned interface-missing
expect "   and back" gate sh -c 'ip link set x0 down; ip link set x0 name lan0; ip link set lan0 up'
ip -n "$LAB-gateway" address add 2001:db8:30::1/48 dev lan0 nodad 2>/dev/null # went with the link
expect "   status is content" lab_wait 15 is_quiet
lab_signal "$lab_engine_pid" STOP
expect "the engine stands still: named, exit 8" lab_wait 10 warned engine-unreachable
lab_signal "$lab_engine_pid" CONT
expect "   status is content when it goes on" lab_wait 10 is_quiet
put_another_vpn0() { gate ip link del vpn0 2>/dev/null; gate ip link add vpn0 type veth peer name vpn0peer 2>/dev/null; }
expect "vpn0 removed, another interface in its place" lab_wait 5 put_another_vpn0
expect "   is named, exit 8" lab_wait 5 warned tunnel-changed
gate ip link del vpn0
lab_kill "$lab_engine_pid" TERM
expect "the engine gone: named, exit 8" lab_wait 10 warned engine-unreachable
lab_start_engine
expect "vpn0 and its engine are back" lab_wait 15 is_quiet
expect "ana reaches git" lab_wait 20 ana_works

# ---- whoever undoes us again and again ----
undo_ten_times() { # each time it has been put back
	for _ in {1..10}; do
		gate sysctl -qw net.ipv4.ip_forward=0
		lab_wait 5 sysctl_is net.ipv4.ip_forward 1 || return
	done
}
expect "somebody who does it ten times" undo_ten_times
expect "   is named, exit 8" lab_wait 5 warned drift-again
expect "   and has few records" test "$(drifts '"forwarding-off".*ip_forward')" -le 3

# ---- a second gateway ----
mkdir -p "$LAB_DIR/second/etc/sallyport"
cp "$LAB_ROOT/etc/sallyport/sallyport.yaml" "$LAB_DIR/second/etc/sallyport/"
gate timeout 20 sallyportd --root "$LAB_DIR/second" >"$LAB_DIR/second.out" 2>&1
expect "a second gateway here, with another root, ends" same $? 1
expect "   and says who the first is" grep -q "pid $lab_daemon_pid" "$LAB_DIR/second.out"
expect "   which goes on" lab_wait 5 ana_works

# ---- while no sallyportd runs ----
lab_kill "$lab_daemon_pid"
gate nft flush ruleset
gate bpftool link detach pinned "$pins/link-inside-out-lan0"
lab_start_daemon
expect "what was changed while none ran is put back" lab_wait 10 is_quiet
expect "   hooks too" attached inside-out-lan0
expect "   and recorded" recorded lock-changed "removed while no sallyportd ran"

expect_done
