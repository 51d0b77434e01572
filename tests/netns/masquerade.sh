#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The administrator's own nftables translate what leaves wan0. Rules see real endpoints, edge-in knows the
# translated flow, and a revocation ends it all the same. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

lab_up
lab_start_web stranger 192.0.2.66 8080 outside
lab_ready '{ name: eng-outside, allow: {from: engineer, to: 192.0.2.66, services: [tcp/8080, ping]} }' || exit 1
lab_in gateway nft -f - <<-'NFT'
	table ip admin {
		chain post { type nat hook postrouting priority srcnat; oifname "wan0" masquerade; }
	}
NFT
# the laptop and the stranger share a street: only the tunnel may lead there
ip -n "$LAB-laptop" route replace 192.0.2.66/32 dev wg0
lab_in laptop "$lab_top/tests/support/with-sockets" "$LAB_DIR/laptop-sockets" wg set wg0 \
	peer "$(sed -n 's/^PublicKey *= *//p' "$LAB_DIR/laptop.conf")" allowed-ips \
	100.64.0.0/16,10.30.0.0/16,192.0.2.66/32,fd00:64::/64

expect "ana reaches the outside through the gateway" same "$(lab_get laptop http://192.0.2.66:8080/)" outside
expect "a ping comes back too" lab_in laptop ping -c 2 -W 1 192.0.2.66
record=$(lab_gate audit --event allow --user ana --json --limit 20 | grep '"dst":"192.0.2.66"' | head -1)
expect "the record has her real address" same "$(field "r['src']" <<<"$record")" "$(lab_address_of laptop 4)"

lab_watch_data laptop wg0
lab_run laptop download.log curl -s --noproxy '*' --limit-rate 5M -o /dev/null http://192.0.2.66:8080/big
download=$lab_pid
received() { lab_data_bytes laptop; }
before=$(received)
expect "a download runs" lab_wait 5 eval '[ $(received) -gt $((before + 2000000)) ]'
expect "revoking ana" lab_gate session revoke ana
before=$(lab_data_last laptop)
expect "ends it: she is told so" lab_wait 5 eval '! lab_lives "$download"'
expect "and not one byte of it comes back through the translation" same "$(received)" "$before"
expect_done
