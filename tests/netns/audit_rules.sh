#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Rules with mode: audit decide nothing, on new connections and on those under way; what they would have said is in
# the records, in explain and in their counters. A ticket is in what its rule decided. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

hello() { lab_get laptop "http://$1:${2:-80}/" | grep -q hello; }
pings() { lab_in "$1" ping -c 2 -i 0.2 -W 2 "$2" >/dev/null; }
each() { /usr/bin/python3 -c "import json, sys
for line in sys.stdin:
    r = json.loads(line)
    $1"; } # each CODE : runs it for each JSON line, which is r
records() { lab_gate audit --json --event "$1" | each "a = r.get('audit'); a and print(r['rule'], a['rule'], a['would'])"; }
has_record() { records "$1" | grep -qx "$2"; }
hits() { lab_gate status --json --rules | each "print(*(c['packets'] for c in r['rule_counters'] if c['rule'] == '$1'))"; }
counts_more() { [ "$(hits "$1")" -gt "$2" ]; }
explained() {
	lab_gate explain --from ana --to "$1" --json |
		each "print(r['verdict'], r['rule'], r.get('ticket'), r['audit']['rule'], r['audit']['would'])"
}
has_ticket() { lab_gate audit --json --event allow | each "print(r['rule'], r.get('ticket'))" | grep -qx "$1"; }
replied() { grep -c 'bytes from' "$LAB_DIR/pinging"; }
has_replied() { [ "$(replied)" -gt "$1" ]; }

lab_up
lab_ready '{ name: quiet, allow: {from: engineer, to: git, services: tcp/8080}, log: none, ticket: NET-7 }' || exit 1
lab_start_web office 10.30.2.9 80 hello
lab_start_web office 10.30.2.9 8080 hello
lab_start_web office 2001:db8:30::2:9 80 hello
lab_run laptop pinging ping -i 0.1 10.30.2.9
pinging_pid=$lab_pid
expect "ana's ping is under way" lab_wait 20 has_replied 3

lab_policy '{ name: quiet, allow: {from: engineer, to: git, services: tcp/8080}, log: none, ticket: NET-7 }' \
	'{ name: no-web, deny: {from: engineer, to: git, services: [tcp/80, tcp/8080]}, mode: audit }' \
	'{ name: no-ping, deny: {from: engineer, to: git, services: ping}, mode: audit }' \
	'{ name: vendors, allow: {from: contractor, to: git, services: ping}, mode: audit }' \
	'{ name: unheard, deny: {from: contractor, to: git}, mode: audit, log: none }' >"$LAB_DIR/audited.yaml"
expect "rules in audit are applied" lab_gate apply "$LAB_DIR/audited.yaml"

expect "what they would deny is let in" hello 10.30.2.9
expect "and on record as what it would be" lab_wait 20 has_record allow "eng-git no-web deny"
expect "so is what asks for no record" hello 10.30.2.9 8080
expect "with the rule that let it in" lab_wait 20 has_record allow "quiet no-web deny"
expect "and its ticket" lab_wait 20 has_ticket "quiet NET-7"
expect "the rule in audit counts" lab_wait 20 counts_more no-web 0
before=$(hits no-web)
expect "IPv6 is let in too" hello '[2001:db8:30::2:9]'
expect "and counts" lab_wait 20 counts_more no-web "$before"

before=$(replied)
expect "what was under way goes on" lab_wait 20 has_replied $((before + 5))
expect "and counts for the rule in audit" lab_wait 20 counts_more no-ping 5
now=$(hits no-ping)
expect "packet by packet" lab_wait 20 counts_more no-ping $((now + 3))
lab_kill "$pinging_pid"
expect "its end says so too" lab_wait 60 has_record flow-end "eng-git no-ping deny"

expect "what they would allow is denied" fails pings phone 10.30.2.9
expect "a deny in audit comes before an allow in audit" lab_wait 20 counts_more unheard 0
expect "the allow is not counted then" same "$(hits vendors)" 0

expect "explain names both" same "$(explained 10.30.2.9:80)" "allow eng-git None no-web deny"
expect "and the ticket" same "$(explained 10.30.2.9:8080)" "allow quiet NET-7 no-web deny"
expect "in words" grep -q 'audit  rule no-web would deny' <(lab_gate explain --from ana --to 10.30.2.9:80)

lab_policy '{ name: vendors, allow: {from: contractor, to: git, services: ping}, mode: audit }' >"$LAB_DIR/allowed.yaml"
expect "an allow in audit alone" lab_gate apply "$LAB_DIR/allowed.yaml"
expect "lets nothing in" fails pings phone 10.30.2.9
expect "IPv6 neither" fails pings phone 2001:db8:30::2:9
expect "and says that it would" lab_wait 20 has_record deny "default vendors allow"
lab_policy '{ name: vendors, allow: {from: contractor, to: git, services: ping}, mode: enforce }' >"$LAB_DIR/enforced.yaml"
expect "enforced" lab_gate apply "$LAB_DIR/enforced.yaml"
expect "it lets in" lab_wait 20 pings phone 10.30.2.9
expect "IPv6 too" lab_wait 20 pings phone 2001:db8:30::2:9
expect_done
