#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Our own client: somebody without rights signs in, root brings the tunnel up, a packet reaches the office; what changes
# is taken over, what is not ours is left alone, and nothing stays behind. (Topology: tests/support/portal.sh; the client
# is on the laptop, as user nobody and as root.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/portal.sh"
trap lab_down EXIT

STATE=$LAB_DIR/laptop-state
MACHINE=$LAB_DIR/laptop-machine # what / is to the laptop's root
KEPT=$STATE/192.0.2.1

# a person on the laptop, and its root with engines' sockets of the laptop's own
person() { lab_in laptop setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/nonexistent "$@"; }
root() {
	lab_in laptop "$lab_top/tests/support/with-sockets" "$MACHINE/var/run/wireguard" "$@"
}
login() {
	person sallyport login "$LAB_PORTAL" --fingerprint "$lab_fingerprint" --state "$STATE" --idp local --user ana \
		--password-fd 3 "$@" 3<<<"ana's secret" >"$LAB_DIR/login.out" 2>&1
}
up() { root sallyport up --root "$MACHINE" --state "$STATE" "$@" >"$LAB_DIR/up.out" 2>&1; }
down() { root sallyport down --root "$MACHINE" >"$LAB_DIR/down.out" 2>&1; }
status() { root sallyport status --root "$MACHINE" --state "$STATE" --json >"$LAB_DIR/status.json" 2>"$LAB_DIR/status.err"; }
told() { field "$1" <"$LAB_DIR/status.json"; }
said() { grep -q -- "$2" "$LAB_DIR/$1.out" || { cat "$LAB_DIR/$1.out"; return 1; }; }
pings() { lab_in laptop ping -q -c 1 -W 1 10.30.2.9 >/dev/null; }
is_up() { ip -n "$LAB-laptop" link show sallyport >/dev/null 2>&1; }
exits() { # exits CODE COMMAND…
	local code=$1
	shift
	"$@"
	same $? "$code"
}
change() { person sh -c 'sed -i "$1" "$2"' sh "$1" "$KEPT/tunnel.conf"; }

lab_up_with_portal
sed -i 's/endpoint: 192.0.2.1 /&, dns: [10.30.2.9] /' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
mkdir -p "$STATE" "$MACHINE/var/run/wireguard"
chmod 755 "$LAB_DIR" && chown 65534:65534 "$STATE" && chmod 700 "$STATE"
lab_portal_ready || exit 1

expect "nobody in particular signs in" login
expect "and is told what next" said login "next: sudo sallyport up"
expect "what is kept is theirs alone" same "$(stat -c '%u %a' "$KEPT"/{key,session.json,tunnel.conf} | sort -u)" "65534 600"
expect "the tunnel is root's business" exits 7 eval 'person sallyport up --state "$STATE" >"$LAB_DIR/up.out" 2>&1'

expect "the tunnel comes up" up
expect "without resolvers, since nothing here can set them, and that is said" said up "this machine has no resolvconf"
expect "the office answers" lab_wait 5 pings
expect "the git server too" lab_reaches laptop
expect "status" status
expect "the session lives" same "$(told "r['state']")" live
expect "the tunnel is up, with a handshake" same "$(told "r['tunnel']['up'] and r['tunnel']['last_handshake'] is not None")" True
expect "what it was brought up with is root's alone" same "$(stat -c '%u %a' "$MACHINE/run/sallyport/client" "$MACHINE/run/sallyport/client/sallyport.conf" | tr '\n' ' ')" "0 700 0 600 "

expect "up again" up
expect "says that it is" said up "up already"
expect "and that the gateway answers" said up "the gateway answers"
index=$(ip -n "$LAB-laptop" -o link show sallyport | cut -d: -f1)
routes() { ip -n "$LAB-laptop" -4 route show dev sallyport | wc -l; }
own=$(routes)
awk '{print} /^  git:/ {printf "  long: ["; for (i = 0; i < 30000; i++) printf "%s%d.%d.%d.0/25", i ? ", " : "", 20 + int(i / 65536), int(i / 256) % 256, i % 256; print "]\n  closed: 192.0.2.0/24"}
	/^rules:/ {print "  - { name: long, allow: {from: engineer, to: long, services: tcp/25} }\n  - { name: no, deny: {from: closed, to: long} }"}' \
	"$LAB_DIR/policy.yaml" >"$LAB_DIR/long.yaml"
expect "30 000 networks more" lab_gate apply "$LAB_DIR/long.yaml"
expect "are not in the tunnel yet: status says so" eval 'status && same "$(told "r['"'tunnel']['behind'"']")" True'
expect "are taken over" up
expect "which status knows" eval 'status && same "$(told "r['"'tunnel']['behind'"']")" False'
expect "by the tunnel that runs" same "$(ip -n "$LAB-laptop" -o link show sallyport | cut -d: -f1)" "$index"
expect "all of them" same "$(routes)" "$((own + 30000))"
expect "and no others" fails grep -q "^192" <<<"$(ip -n "$LAB-laptop" route show dev sallyport)"
expect "it still reaches" pings
expect "as a sign-in has them" eval 'login && same "$(sed -n "s/^AllowedIPs = //p" "$KEPT/tunnel.conf" | tr , "\n" | grep -c /25)" 30000'
expect "networks that are gone" lab_gate apply "$LAB_DIR/policy.yaml"
expect "leave" eval 'up && same "$(routes)" "$own"'
expect "the same tunnel" same "$(ip -n "$LAB-laptop" -o link show sallyport | cut -d: -f1)" "$index"
expect "which reaches" pings

change "s#^MTU.*#PostUp = touch $LAB_DIR/owned#"
expect "a command in the file is refused" exits 1 up
expect "by its name" said up "PostUp: nothing that is handed on"
expect "and not carried out" fails test -e "$LAB_DIR/owned"
expect "the tunnel that is up stays" pings

expect "a new key under the old name is refused" exits 7 login --new-key
expect "and what to do is said" said login "with --device NAME"
expect "a new device" login --new-key --device another
expect "takes the tunnel's place" up
expect "and reaches" lab_wait 5 pings

expect "signing out" eval 'person sallyport logout --state "$STATE" >"$LAB_DIR/logout.out"'
expect "is felt" fails pings
expect "and told" exits 8 status
expect "up says so too" exits 7 up
expect "and what next" said up "next: sallyport login $LAB_PORTAL"
expect "signing in again" login
expect "needs nothing else" lab_wait 20 pings

lab_kill "$lab_portal_pid"
expect "without the portal nobody signs in" exits 6 login
expect "what is open goes on" pings
expect "and the tunnel can be asked" exits 6 status
expect "up leaves it as it is" up
expect "and says why" said up "does not answer: the tunnel is as it was"

expect "down" down
expect "the interface is gone" fails is_up
lab_start_portal
expect "she signs in with another device and brings no tunnel up" login --new-key --device third
sed -i 's/endpoint: 192.0.2.1/&, unused: 1s/' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
lab_gate reload >>"$LAB_DIR/apply.log"
expect "that session ends before its time" lab_wait 10 exits 8 status
expect "for the reason that nobody came" same "$(lab_record session-close ana | field "r['reason']")" unused
expect "the device she showed to have stays hers" eval 'lab_gate peer list --json | grep -q third'
sed -i 's/, unused: 1s//' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
lab_gate reload >>"$LAB_DIR/apply.log"
expect "who signs in again has a session again" login
lab_kill "$lab_portal_pid"
expect "and what it was brought up with" fails test -e "$MACHINE/run/sallyport/client/sallyport.conf"
expect "down again" down
expect "says that it is" said down "down already"
lab_kill "$lab_engine_pid"
expect "to a gateway that is silent the tunnel comes up" up
expect "and that nothing comes back is said" said up "none yet: nothing comes back from 192.0.2.1:"
expect "down once more" down
ip -n "$LAB-laptop" link add sallyport type bridge
expect "what is not ours is not touched, up" exits 1 up
expect "nor down" exits 1 down
expect "so it is still there" is_up
expect_done
