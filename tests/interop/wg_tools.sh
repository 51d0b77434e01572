#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# wg(8) at our engine while a download runs: show, dump, showconf, syncconf, more peers and fewer; the download
# never stops. (Topology: tests/support/pair.sh.)
set -u
source "$(dirname "$0")/../support/pair.sh"
trap lab_down EXIT

received() { ip -n "$LAB-a" -s -j link show wg0 | field "r[0]['stats64']['rx']['bytes']"; }
# runs_on NAME : half a megabyte more, on the connection it began with
runs_on() {
	local before
	before=$(received)
	expect "the download runs on after $1" lab_wait 2 eval '[ $(received) -gt $((before + 500000)) ]'
	expect "as the one it was" lab_lives "$download"
}

pair_up
pair_psk[both]=$LAB_DIR/psk
(umask 077 && wg genpsk >"$LAB_DIR/psk")
pair_begin "$OURS" "$THEIRS" 6
expect "a ping" pair_ping a 6
lab_start_web b "$(pair_inner b 4)" 7000 there
lab_run a get.log curl -s --noproxy '*' --limit-rate 5M -o /dev/null "http://$(pair_inner b 4):7000/big"
download=$lab_pid
runs_on "its start"
handshake=$(pair_handshake a)

dump=$(pair_wg a show all dump)
expect "dump: one line of us, one of the peer" same "$(wc -l <<<"$dump")" 2
expect "dump: our key and port" grep -qF "$(cat "$LAB_DIR/a.key")	$(pair_key a)	51821	off" <<<"$dump"
expect "dump: the peer's keys, endpoint and addresses" grep -qF \
	"$(pair_key b)	$(cat "$LAB_DIR/psk")	[2001:db8:2::2]:51822	10.77.0.2/32,fd77::2/128	$handshake" <<<"$dump"
runs_on "show all dump"
for round in 1 2 3 4 5; do pair_wg a show >/dev/null && pair_wg a showconf wg0 >"$LAB_DIR/a.conf"; done
runs_on "five of show and showconf"
expect "syncconf of what it has" pair_wg a syncconf wg0 "$LAB_DIR/a.conf"
expect "the same session" same "$(pair_handshake a)" "$handshake"
runs_on "syncconf"

cp "$LAB_DIR/a.conf" "$LAB_DIR/more.conf"
for number in $(seq 1 200); do
	printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.78.%d.0/24, fd78:%x::/32\n' \
		"$(head -c 32 /dev/urandom | base64)" "$number" "$number"
done >>"$LAB_DIR/more.conf"
expect "syncconf with 200 peers more" pair_wg a syncconf wg0 "$LAB_DIR/more.conf"
expect "they are there" same "$(pair_wg a show wg0 peers | wc -l)" 201
runs_on "200 peers more"
expect "and back" pair_wg a syncconf wg0 "$LAB_DIR/a.conf"
expect "they are gone" same "$(pair_wg a show wg0 peers)" "$(pair_key b)"
expect "the configuration is what it was" same "$(pair_wg a showconf wg0)" "$(cat "$LAB_DIR/a.conf")"
runs_on "200 peers fewer"
expect "a keepalive for the peer" pair_wg a set wg0 peer "$(pair_key b)" persistent-keepalive 25
expect "a mark, and none" eval 'pair_wg a set wg0 fwmark 51 && [ "$(pair_wg a show wg0 fwmark)" = 0x33 ] &&
	pair_wg a set wg0 fwmark 0'
expect "another port" pair_wg a set wg0 listen-port 40002
expect "which the peer hears of with the next thing we say" pair_ping a 6 2
runs_on "marks and another port"
expect "the same session to the end" same "$(pair_handshake a)" "$handshake"
expect_done
