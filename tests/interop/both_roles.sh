#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# With wireguard-go, each side beginning once, over IPv4 and IPv6, with a pre-shared key; and nothing but
# WireGuard's own messages on the wire. (Topology: tests/support/pair.sh.)
set -u
source "$(dirname "$0")/../support/pair.sh"
trap lab_down EXIT

pair_up
pair_plain_wire
pair_psk[both]=$LAB_DIR/psk
(umask 077 && wg genpsk >"$LAB_DIR/psk")

for outer in 4 6; do
	for first in a b; do
		name="IPv$outer, $([ $first = a ] && echo we begin || echo they begin)"
		pair_capture a "$outer$first" udp
		expect "$name: both engines start" pair_begin "$OURS" "$THEIRS" $outer
		expect "$name: a ping inside" pair_ping $first 4 5
		expect "$name: and in IPv6" pair_ping $first 6 5
		expect "$name: back" pair_ping "$(pair_other $first)" 4 5
		expect "$name: and in IPv6" pair_ping "$(pair_other $first)" 6 5
		expect "$name: it was them who began" same "$(pair_wire types --print "$LAB_DIR/$outer$first.pcap" |
			awk '$2 == 1 {print $1; exit}')" "$(pair_address $first $outer)"
		expect "$name: both count the handshake" [ "$(pair_handshake a)" -gt 0 -a "$(pair_handshake b)" -gt 0 ]
		expect "$name: both count the same bytes" same "$(pair_wg a show wg0 transfer | cut -f2)" \
			"$(pair_wg b show wg0 transfer | cut -f3)"
		pair_captured "$outer$first"
		expect "$name: only messages 1, 2 and 4" pair_wire types "$LAB_DIR/$outer$first.pcap"
		pair_stop a && pair_stop b
	done
done

# a wrong key of the third kind, and then the right one
pair_begin "$OURS" "$THEIRS" 4
(umask 077 && wg genpsk >"$LAB_DIR/other-psk")
pair_peer a 4 preshared-key "$LAB_DIR/other-psk"
expect "another pre-shared key: nothing passes" pair_silent a
pair_wg a set wg0 peer "$(pair_key b)" remove
pair_peer a 4 preshared-key "$LAB_DIR/psk"
expect "the right one: at once" lab_wait 3 pair_answers a
expect_done
