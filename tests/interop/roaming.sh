#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Peers that move: another address, another port, the other family, a NAT that forgets and gives another port;
# and keepalives that hold a NAT open. Each engine in each role. (Topology: tests/support/pair.sh, and
# for the NAT a third host between, as drawn below.)
set -u
source "$(dirname "$0")/../support/pair.sh"
trap lab_down EXIT


# moves NAME : a moves, b is to follow
moves() {
	local data
	ip -n "$LAB-a" address add 192.0.2.7/24 dev eth0
	ip -n "$LAB-a" address del 192.0.2.1/24 dev eth0
	expect "$1: another address" lab_wait 3 pair_answers a
	expect "$1: b knows" same "$(pair_saw b)" 192.0.2.7:51821
	pair_wg a set wg0 listen-port 40001
	expect "$1: another port" lab_wait 3 pair_answers a
	expect "$1: b knows" same "$(pair_saw b)" 192.0.2.7:40001
	expect "$1: b speaks to where a is now" pair_ping b 6
	pair_wg a set wg0 peer "$(pair_key b)" endpoint "$(pair_endpoint b 6)"
	# wireguard-go's first answers over IPv6 after some over IPv4 do not leave it ("network is unreachable")
	expect "$1: the other family" lab_wait 10 pair_answers a
	expect "$1: b knows" same "$(pair_saw b)" "[2001:db8:2::1]:40001"
	expect "$1: one handshake was enough" same "$(pair_handshake b)" "$2"
	ip -n "$LAB-a" address add 192.0.2.1/24 dev eth0
	ip -n "$LAB-a" address del 192.0.2.7/24 dev eth0
}

pair_up
for engines in "$OURS $THEIRS" "$THEIRS $OURS"; do
	read -r first second <<<"$engines"
	pair_begin "$first" "$second" 4
	pair_answers a
	# both families' addresses of ours are promoted at once: no second handshake is to hide a loss
	moves "$first moves, $second follows" "$(pair_handshake b)"
	pair_stop a && pair_stop b
done

# ---- a NAT between: a ── 10.9.0.0/24 ── street ── 192.0.2.0/24 ── b ----
LAB_HOSTS+=(street)
ip netns add "$LAB-street"
ip -n "$LAB-a" link delete eth0
ip link add eth0 netns "$LAB-a" type veth peer name in0 netns "$LAB-street"
ip link add eth0 netns "$LAB-b" type veth peer name out0 netns "$LAB-street"
lab_address a eth0 10.9.0.2/24 2001:db8:9::2/64
lab_address street in0 10.9.0.1/24 2001:db8:9::1/64
lab_address street out0 192.0.2.9/24 2001:db8:2::9/64
lab_address b eth0 192.0.2.2/24 2001:db8:2::2/64
ip -n "$LAB-a" route add default via 10.9.0.1
lab_in street sysctl -qw net.ipv4.ip_forward=1
# the NAT forgets what was silent for two seconds, and gives the port that stands in this rule
nat() { # nat PORT
	lab_in street nft -f - <<-NFT
		table ip nat
		delete table ip nat
		table ip nat {
			chain post { type nat hook postrouting priority srcnat; oifname "out0" ip protocol udp snat to 192.0.2.9:$1; }
		}
	NFT
}
nat 61000
lab_in street sysctl -qw net.netfilter.nf_conntrack_udp_timeout=2 net.netfilter.nf_conntrack_udp_timeout_stream=2

for engines in "$OURS $THEIRS" "$THEIRS $OURS"; do
	read -r first second <<<"$engines"
	name="$first behind a NAT"
	nat 61000
	pair_start a "$first" && pair_start b "$second" && pair_configure a 4 && pair_configure b 4
	expect "$name: reaches b" lab_wait 3 pair_answers a
	expect "$name: b answers the NAT" same "$(pair_saw b)" 192.0.2.9:61000
	nat 61001 # another port; the old entry is to die of silence
	sleep 3
	expect "$name: forgotten, b cannot reach it" pair_silent b
	expect "$name: it speaks, from another port now" lab_wait 3 pair_answers a
	expect "$name: b follows" same "$(pair_saw b)" 192.0.2.9:61001
	pair_wg a set wg0 peer "$(pair_key b)" persistent-keepalive 1
	sleep 3.5
	expect "$name: with a keepalive each second b reaches it" lab_wait 5 pair_answers b
	pair_stop a && pair_stop b
	sleep 2.5 # the NAT is to forget them both
done
expect_done
