#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Networks by file: a list that changes is one revision, under traffic, in both families; one that is gone, emptied or
# garbage changes nothing, after a restart too, and its line is named. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

feeds=$LAB_ROOT/etc/sallyport/feeds
put() { printf "%s\n" "${@:2}" >"$feeds/.new" && mv "$feeds/.new" "$feeds/$1"; }
gets4() { lab_get stranger http://192.0.2.1:8080/ >/dev/null; }
gets6() { lab_get stranger 'http://[2001:db8:1::1]:8080/' >/dev/null; }
warns() { lab_gate status --json | field "[x['message'] for x in r['warnings'] if x['code'] == '$1']" | grep -qF -- "$2"; }
warns_not() { lab_gate status --json | field "any(x['code'] == '$1' for x in r['warnings'])" | grep -qx False; }
feed() { lab_gate status --json | field "[x for x in r['feeds'] if x['network'] == '$1'][0]['$2']"; }
is() { same "$(feed "$1" "$2")" "$3" >/dev/null; }
pings() { lab_in laptop ping -c 1 -W 2 "$1" >/dev/null; }
policy() { # policy ON-STALE
	lab_policy | sed -e 's|expose: \[ |&{name: web, to: self, service: tcp/8080}, |' -e 's|\[bogons\]|[bogons, drop]|' \
		-e "s|^networks:|&\n  drop: { file: drop.netset }\n  cloud: { file: lists/cloud.txt, max-age: 1d, on-stale: $1 }|" \
		-e 's|to: git,|to: cloud,|'
}

lab_up
lab_start_daemon && lab_start_engine || exit 1
policy empty >"$LAB_DIR/policy.yaml"
expect "a list that never was refuses the policy" fails lab_gate apply "$LAB_DIR/policy.yaml" 2>"$LAB_DIR/refused"
expect "which is told with its place" grep -q 'policy.yaml:6:3: feed drop.netset: ' "$LAB_DIR/refused"
mkdir -p "$feeds/lists"
put drop.netset '# nobody of ours' 198.51.100.0/24
put lists/cloud.txt 10.30.2.9 2001:db8:30::2:9
expect "with the lists it is applied" lab_gate apply "$LAB_DIR/policy.yaml"
lab_sign_in laptop ana corp eng || exit 1
lab_start_web gateway 192.0.2.1 8080 hello
lab_start_web gateway 2001:db8:1::1 8080 hello
expect "the stranger is let in" gets4
expect "IPv6 too" gets6
expect "ana reaches what the list holds" pings 10.30.2.9
expect "IPv6 too" pings 2001:db8:30::2:9

lab_run laptop pinging ping -i 0.05 10.30.2.9
pinging_pid=$lab_pid
lab_run laptop pinging6 ping -i 0.05 2001:db8:30::2:9
pinging6_pid=$lab_pid
put drop.netset '192.0.2.66 ; trial' 2001:db8:1::66/128
expect "who is listed now is dropped" lab_wait 10 fails gets4
expect "IPv6 too" lab_wait 10 fails gets6
expect "for that reason" [ "$(counter edge-in deny blocklist)" -gt 0 ]
changes() { lab_gate audit --json --event apply | grep -c 'a feed changed'; }
for _ in 1 2; do
	before=$(changes)
	put lists/cloud.txt 10.30.2.9 2001:db8:30::2:9 10.30.5.0/24 10.30.7.0/24
	expect "a longer list is taken" lab_wait 10 is cloud prefixes 4
	expect "by a revision" lab_wait 10 eval '[ "$(changes)" -gt "$before" ]'
	put lists/cloud.txt 2001:db8:30::2:9 10.30.2.9
	expect "and a shorter one" lab_wait 10 is cloud prefixes 2
	expect "by another" lab_wait 10 eval '[ "$(changes)" -gt "$((before + 1))" ]'
done
lab_wait 5 eval '[ "$(grep -c "bytes from" "$LAB_DIR/pinging6")" -gt 20 ]'
lab_kill "$pinging_pid" INT
lab_kill "$pinging6_pid" INT
expect "what went on meanwhile lost nothing" grep -q ' 0% packet loss' "$LAB_DIR/pinging"
expect "IPv6 neither" grep -q ' 0% packet loss' "$LAB_DIR/pinging6"

put drop.netset 'Too many requests, try again later' 192.0.2.99
expect "garbage is named by its line" lab_wait 10 warns feed-failed 'line 1: "Too many requests'
expect "it is not taken" is drop prefixes 2
expect "who was listed is dropped" fails gets4
put drop.netset '# cut short'
expect "an emptied list is told" lab_wait 10 is drop state emptied
expect "and not taken" fails gets4
rm "$feeds/drop.netset"
expect "so is one that is gone" lab_wait 10 is drop state gone
expect "who was listed is dropped, IPv6" fails gets6
lab_kill "$lab_daemon_pid"
lab_start_daemon || exit 1
expect "after a restart too" fails gets4
expect "IPv6 too" fails gets6
expect "by the last good list" is drop prefixes 2
put drop.netset 192.0.2.67/32 192.0.2.1/24 $(seq -f '198.51.100.%g' 2 2 24)
expect "of a few bad lines the good ones are taken" lab_wait 10 gets4
expect "and the bad one is told" warns feed-failed 'line 2: "192.0.2.1/24" has host bits set'
put drop.netset 192.0.2.67
expect "until it is put right" lab_wait 10 warns_not feed-failed

touch -d '2 days ago' "$feeds/lists/cloud.txt"
expect "a stale list that is to be empty" lab_wait 10 warns feed-stale 'holds nothing now'
expect "lets nobody through" lab_wait 10 fails pings 10.30.2.9
policy refuse >"$LAB_DIR/refuse.yaml"
expect "one that is to refuse" fails lab_gate apply "$LAB_DIR/refuse.yaml" 2>"$LAB_DIR/refused"
expect "says so" grep -q 'is older than its max-age' "$LAB_DIR/refused"
touch "$feeds/lists/cloud.txt"
expect "fresh again it holds what it held" lab_wait 10 pings 10.30.2.9
expect "which is no warning any more" lab_wait 10 warns_not feed-stale
expect_done
