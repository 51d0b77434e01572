#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# wg-quick(8) with our engine behind it, and configurations as they are found in the wild: up, in use, down; and
# nothing is left. (Topology: tests/support/pair.sh; b is wireguard-go and answers for the whole world.)
set -u
source "$(dirname "$0")/../support/pair.sh"
trap lab_down EXIT

# wg-quick in a's namespace, with sockets, resolv.conf and processes of its own to look at
quick() {
	pair_with a env WG_QUICK_USERSPACE_IMPLEMENTATION="$OURS" PATH="$LAB_DIR/stubs:$PATH" LAB_DIR="$LAB_DIR" \
		wg-quick "$@" >>"$LAB_DIR/quick.log" 2>&1
}
engines() { # of ours in a's namespace
	local pid
	for pid in $(ip netns pids "$LAB-a"); do
		case $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) in *"$OURS "*) echo "$pid" ;; esac
	done
}
routes() {
	local family
	for family in -4 -6; do
		ip -n "$LAB-a" $family rule
		ip -n "$LAB-a" $family route show table all
	done
	lab_in a nft list ruleset
}
ping_to() { lab_in a ping -q -c 1 -W 1 "$1" >/dev/null; }

# try NAME ADDRESS… <CONFIGURATION : up, pings to each ADDRESS, down, nothing left. $also holds while it is up.
try() {
	local name=$1 before conf=$LAB_DIR/wg0.conf address engine
	shift
	{ echo "[Interface]"; echo "PrivateKey = $(cat "$LAB_DIR/a.key")"; cat; } >"$conf"
	chmod 600 "$conf"
	before=$(routes)
	expect "$name: up" quick up "$conf"
	engine=$(engines)
	expect "$name: our engine runs" [ -n "$engine" ]
	for address in "$@"; do expect "$name: reaches $address" lab_wait 3 ping_to "$address"; done
	[ -z "${also:-}" ] || expect "$name: ${also%%:*}" eval "${also#*:}"
	expect "$name: down" quick down "$conf"
	expect "$name: the engine is gone" lab_wait 3 eval '[ -z "$(engines)" ]'
	expect "$name: its socket too" fails test -e "$LAB_DIR/a-sockets/wg0.sock"
	expect "$name: rules, routes and tables are what they were" same "$(routes)" "$before"
}

pair_up
mkdir -p "$LAB_DIR/stubs"
cat >"$LAB_DIR/stubs/resolvconf" <<-'SH'
	#!/bin/sh
	{ echo "$@"; [ "$1" != -a ] || cat; } >>"$LAB_DIR/resolvconf.log"
SH
chmod +x "$LAB_DIR/stubs/resolvconf"
(umask 077 && wg genpsk >"$LAB_DIR/psk")
b_begins() {
	pair_start b "$THEIRS"
	pair_wg b set wg0 listen-port 51822 private-key "$LAB_DIR/b.key" peer "$(pair_key a)" \
		preshared-key "$LAB_DIR/psk" allowed-ips 10.77.0.1/32,fd77::1/128
	lab_address b wg0 10.77.0.2/24 fd77::2/64
}
b_begins
for address in 203.0.113.9/32 2001:db8:ffff::9/128; do ip -n "$LAB-b" address add "$address" dev lo; done
ip -n "$LAB-a" route add default via 192.0.2.2
ip -n "$LAB-a" route add default via 2001:db8:2::2
peer="[Peer]
PublicKey = $(pair_key b)
PresharedKey = $(cat "$LAB_DIR/psk")
Endpoint = 192.0.2.2:51822"

also='resolvconf and the mark are set:grep -q "nameserver 10.77.0.2" "$LAB_DIR/resolvconf.log" && [ "$(pair_wg a show wg0 fwmark)" = 0xca6c ]' \
	try "everything through the tunnel" 10.77.0.2 fd77::2 203.0.113.9 2001:db8:ffff::9 <<-CONF
	Address = 10.77.0.1/24, fd77::1/64
	DNS = 10.77.0.2, example.org
	$peer
	AllowedIPs = 0.0.0.0/0, ::/0
	PersistentKeepalive = 25
CONF
expect "resolvconf was told at the end too" grep -q "^-d" "$LAB_DIR/resolvconf.log"

also='its hook ran, its MTU is set, it made no address of its own:[ -e "$LAB_DIR/posted" ] && ip -n "$LAB-a" link show wg0 | grep -q "mtu 1280" && ! ip -n "$LAB-a" address show dev wg0 | grep -q fe80' \
	try "hooks, an MTU, a port" 10.77.0.2 <<-CONF
	Address = 10.77.0.1/24
	ListenPort = 51821
	MTU = 1280
	PreUp = echo about to
	PostUp = touch '$LAB_DIR/posted'; ip address show dev %i
	PreDown = rm '$LAB_DIR/posted'
	PostDown = echo %i is gone
	$peer
	AllowedIPs = 10.77.0.0/24
CONF
expect "PreDown ran" fails test -e "$LAB_DIR/posted"

also='and no routes:[ -z "$(ip -n "$LAB-a" route show table all | grep 198.51.100)" ]' \
	try "Table = off, three peers" 10.77.0.2 <<-CONF
	Address = 10.77.0.1/24
	Table = off
	$peer
	AllowedIPs = 10.77.0.2/32, 203.0.113.0/24
	[Peer]
	PublicKey = $(head -c 32 /dev/urandom | base64)
	AllowedIPs = 198.51.100.0/24
	Endpoint = [2001:db8:2::77]:51820
	[Peer]
	PublicKey = $(head -c 32 /dev/urandom | base64)
	AllowedIPs = 10.77.0.3/32
CONF

# wireguard-go's first answer over IPv6 after some over IPv4 does not leave it ("network is unreachable")
pair_stop b
b_begins
peer=${peer/192.0.2.2:51822/[2001:db8:2::2]:51822}
try "IPv6 alone, a table of its own" fd77::2 <<-CONF
	Address = fd77::1/64
	Table = 4711
	FwMark = 0x77
	PostUp = ip -6 rule add to fd77::2 lookup 4711
	PreDown = ip -6 rule delete to fd77::2 lookup 4711
	$peer
	AllowedIPs = ::/0
CONF
expect_done
