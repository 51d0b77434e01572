#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A person's groups change at the provider, again and again, while a stream and a download run that stay
# allowed, and a stream that one of the groups allows: the first two lose nothing, the third goes and comes
# with its group. Then the last group goes. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

socket=$LAB_ROOT/run/sallyport/control.sock
op() { /usr/bin/python3 "$lab_top/tests/support/control.py" "$socket" "$@"; }
numbers() { awk '$1 > 0 {print $1}' "$LAB_DIR/$1" | sort -n | uniq; }
count() { grep -cv '^0 ' "$LAB_DIR/$1"; }
session=
groups() { # groups JSON : the session goes on with these
	local reply
	reply=$(op session.update "session=$session" "groups=$1")
	session=$(field "r['session'] if r['ok'] else 0" <<<"$reply")
	[ "$session" -gt 0 ] || { echo "     $reply"; return 1; }
}
# Denials that are not the policy's: what a packet between two sessions would get.
lost() {
	local hook reason sum=0
	for hook in vpn-in vpn-out; do
		for reason in expired revoked racing no-identity no-flow deadline; do
			sum=$((sum + $(counter "$hook" deny "$reason")))
		done
	done
	echo "$sum"
}
grows() { local before; before=$("$@"); sleep 0.6; [ "$("$@")" -gt "$before" ]; }
allowed_by() { op status rules=true | field "[c['packets'] for c in r['rule_counters'] if c['rule'] == '$1'][0]"; }
# judged_no_more RULE : from now on, however full the queues behind the programs are
judged_no_more() { local before; before=$(allowed_by "$1"); sleep 1; same "$(allowed_by "$1")" "$before"; }
loaded() { stat -c %s "$LAB_DIR/download" 2>/dev/null || echo 0; }

lab_up
lab_ready || exit 1
lab_policy '{ name: lead-stream, allow: {from: lead, to: git, services: udp/6001} }' |
	sed 's|^networks:|  lead:       { match: [ {idp: corp, group: lead} ] }\n&|' >"$LAB_DIR/policy.yaml"
expect "the policy is applied" lab_gate apply "$LAB_DIR/policy.yaml"
lab_start_web office 10.30.2.9 80 git
session=$(op session.list user=ana | field "r['sessions'][0]['session']")
first=$session
stream="/usr/bin/python3 $lab_top/tests/support/stream.py"
for port in 5000 6001; do
	lab_run office "arrived-$port" $stream receive 10.30.2.9 "$port"
	lab_run gateway "carried-$port" $stream tap vpn0 "$port"
done
for port in 5000 6001; do
	lab_wait 20 test -s "$LAB_DIR/arrived-$port"
	lab_wait 20 test -s "$LAB_DIR/carried-$port"
done
lab_run laptop sent-5000 $stream send 10.30.2.9 5000 500 150
lab_run laptop sent-6001 $stream send 10.30.2.9 6001 200 150
lab_run laptop curl.log curl -s --noproxy '*' --limit-rate 4M -o "$LAB_DIR/download" http://10.30.2.9/big
download=$lab_pid
expect "the stream runs" lab_wait 10 grows count arrived-5000
expect "the download runs" lab_wait 10 grows loaded
expect "the lead's stream does not: she is none" same "$(count arrived-6001)" 0
before=$(lost)

expect "a group more" groups '["eng","lead"]'
expect "is a session in the place of the old one" test "$session" -gt "$first"
expect "and lets the lead's stream in" lab_wait 5 grows count arrived-6001
expect "a group less" groups '["eng"]'
expect "cuts it: no packet more is allowed by its rule" judged_no_more lead-stream
expect "and none arrives" lab_wait 5 lab_stays 0.6 count arrived-6001
for _ in $(seq 25); do
	groups '["lead","eng"]' || expect "up" false
	groups '["eng"]' || expect "down" false
done
expect "after 50 more changes it is cut still: no packet more is allowed" judged_no_more lead-stream
expect "and none arrives" lab_wait 5 lab_stays 0.6 count arrived-6001
expect "and comes back at once" groups '["eng","lead"]'
expect "with its group" lab_wait 5 grows count arrived-6001
expect "the stream still runs" lab_wait 5 grows count arrived-5000
expect "the download still runs" lab_wait 5 grows loaded
expect "in one connection" lab_lives "$download"
expect "no packet fell between two sessions" same "$(lost)" "$before"
expect "one session is open, the others are over" same 1 "$(op session.list user=ana | field "len(r['sessions'])")"

expect "the last group goes: refused" same no-role "$(op session.update "session=$session" 'groups=["sales"]' | field "r['error']['reason']")"
expect "no packet more is allowed by the rule of the stream and the download" judged_no_more eng-git
expect "the stream is cut" lab_wait 5 lab_stays 0.6 count arrived-5000
expect "the lead's stream is cut" lab_wait 5 lab_stays 0.6 count arrived-6001
expect "the download is cut" lab_wait 5 lab_stays 0.6 loaded
missing() { comm -23 <(numbers carried-5000 | awk -v last="$1" '$1 <= last' | sort) <(numbers arrived-5000 | sort) | wc -l; }
last=$(numbers arrived-5000 | tail -n 1)
echo "$last of the stream arrived until it was cut"
expect "of the stream nothing is missing until then" same "$(missing "$last")" 0
expect "the log is whole" lab_gate audit verify
expect_done
