#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Attack: somebody who is connected to the gateway itself loses the right to it by an apply, ignores every refusal, and goes
# on; so does the server, which knows nothing of it. Claim: from the next packet on nothing passes in either direction, over
# TCP and UDP, both families, from the edge (expose), the tunnel and the inside; and the same through masquerade, through a
# port forward to a host inside, and where groups change instead of the policy. Control: connections that stay allowed lose
# nothing. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$(dirname "$0")/../support/expect.sh"
trap lab_down EXIT

talk="/usr/bin/python3 $lab_top/tests/support/talk.py"
names=()
call() { # call HOST NAME ADDRESS PORT : over TCP and UDP
	local kind
	for kind in tcp udp; do
		lab_run "$1" "call-$2-$kind" $talk call "$kind" "$3" "$4" "$2-$kind"
		names+=("$2-$kind")
	done
}
sent() { grep -c "^$1 " "$LAB_DIR"/server-*.log | awk -F: '{n += $NF} END {print n}'; } # of a name, heard by a server
got() { grep -c . "$LAB_DIR/call-$1"; }
both() { echo "$(sent "$1") $(got "$1")"; }
grows() { # grows NAME : in both directions
	local s g
	s=$(sent "$1") g=$(got "$1")
	lab_wait 4 eval "[ \$(sent $1) -gt $((s + 2)) ] && [ \$(got $1) -gt $((g + 2)) ]"
}
stopped() { # stopped NAME… : nothing of theirs passes any more, either way
	lab_wait 5 lab_stays 3 counts "$@" || { counts "$@"; return 1; }
}
counts() { local name; for name; do echo "$name $(both "$name")"; done; }
op() { /usr/bin/python3 "$lab_top/tests/support/control.py" "$LAB_ROOT/run/sallyport/control.sock" "$@"; }
session=
groups() { # groups JSON : ana's session goes on with these
	local reply
	reply=$(op session.update "session=$session" "groups=$1")
	session=$(field "r['session'] if r['ok'] else 0" <<<"$reply")
	[ "$session" -gt 0 ] || { echo "     $reply"; return 1; }
}
policy() {
	lab_policy "$@" '{ name: lead-talk, allow: {from: lead, to: self, services: [tcp/7003, udp/7003]} }' \
		'{ name: kept, allow: {from: [engineer, office, inner6], to: self, services: [tcp/7001, udp/7001]} }' |
		sed 's|^  git:|  inner6: "2001:db8:30::/48"\n  git:|; s|^networks:|  lead:       { match: [ {idp: corp, group: lead} ] }\n&|'
}
exposed() {
	sed 's|expose: \[|expose: [ {name: talk-tcp, to: self, service: tcp/7000}, {name: talk-udp, to: self, service: udp/7000},\
            {name: forward-tcp, to: self, service: tcp/7002}, {name: forward-udp, to: self, service: udp/7002},|'
}

lab_up
lab_in gateway nft -f - <<-'NFT'
	table inet admin {
		chain post {
			type nat hook postrouting priority srcnat;
			oifname "wan0" ip saddr 10.30.0.0/16 masquerade
			oifname "wan0" ip6 saddr 2001:db8:30::/48 masquerade
		}
		chain pre {
			type nat hook prerouting priority dstnat;
			iifname "wan0" meta nfproto ipv4 meta l4proto { tcp, udp } th dport 7002 dnat ip to 10.30.2.9:7000
			iifname "wan0" meta nfproto ipv6 meta l4proto { tcp, udp } th dport 7002 dnat ip6 to [2001:db8:30::9:4]:7000
		}
	}
NFT
for host in laptop office stranger; do
	lab_in "$host" nft 'add table inet deaf; add chain inet deaf in { type filter hook input priority 0; };
		add rule inet deaf in tcp flags rst drop; add rule inet deaf in icmp type destination-unreachable drop;
		add rule inet deaf in icmpv6 type destination-unreachable drop'
done
lab_ready || exit 1
policy '{ name: talk, allow: {from: [engineer, office, inner6], to: any, services: [tcp/7000, udp/7000]} }' | exposed >"$LAB_DIR/open.yaml"
policy >"$LAB_DIR/closed.yaml"
expect "everybody may talk" lab_gate apply "$LAB_DIR/open.yaml"
lab_run gateway server-gate.log $talk serve 7000
lab_run gateway server-kept.log $talk serve 7001
lab_run gateway server-lead.log $talk serve 7003
lab_run office server-office.log $talk serve 7000
session=$(op session.list user=ana | field "r['sessions'][0]['session']")
expect "ana is in the group lead too" groups '["eng","lead"]'
lab_run stranger server-outside.log $talk serve 7000
sleep 1
call stranger edge4 192.0.2.1 7000
call stranger edge6 2001:db8:1::1 7000
call laptop tunnel4 100.64.0.1 7000
call laptop tunnel6 fd00:64::1 7000
call office inside4 10.30.0.1 7000
call office inside6 2001:db8:30::1 7000
call office out4 192.0.2.66 7000
call office out6 2001:db8:1::66 7000
call stranger forward4 192.0.2.1 7002
call stranger forward6 2001:db8:1::1 7002
ends=("${names[@]}")
names=()
call laptop kept4 100.64.0.1 7001
call office kept6 2001:db8:30::1 7001
call laptop lead4 100.64.0.1 7003
call laptop lead6 fd00:64::1 7003
for name in "${ends[@]}" "${names[@]}"; do expect "$name talks with its server" grows "$name"; done

expect "the apply that forbids it" lab_gate apply "$LAB_DIR/closed.yaml"
expect "nothing passes any more, either way" stopped "${ends[@]}"
for name in "${names[@]}"; do expect "$name goes on" grows "$name"; done
for hook in edge-in edge-out inside-in inside-out vpn-in vpn-out; do
	denied=$(($(counter $hook deny default) + $(counter $hook deny no-flow)))
	expect "$hook counted what it stopped" [ "$denied" -gt 0 ]
done

expect "the right given back" lab_gate apply "$LAB_DIR/open.yaml"
for name in edge4-udp tunnel6-udp inside4-udp out6-udp forward4-udp forward6-udp; do expect "$name goes on where it was" grows "$name"; done
expect "the group lead is taken from ana" groups '["eng"]'
expect "nothing that needs it passes any more, either way" stopped lead4-tcp lead4-udp lead6-tcp lead6-udp
for name in tunnel6-udp kept4-tcp kept4-udp; do expect "$name goes on" grows "$name"; done
expect "ana's session ends" lab_gate session revoke ana
expect "nothing of hers passes any more, either way" stopped tunnel4-tcp tunnel6-udp kept4-tcp kept4-udp
expect_done
