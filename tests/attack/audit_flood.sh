#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Attack: bob, whom no rule allows anything, floods denials through his tunnel, and an inner host floods
# denials and new flows, over IPv4 and IPv6, to push out of the audit log what others did.
# Claim: what people and administrators did stays on record; everybody else's denials have records of their
# own meanwhile; what has none is counted to the last packet; when rotation takes away younger records than
# asked for, status says so.
# (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

logs="$LAB_ROOT/var/log/sallyport"
send() { lab_in "$1" timeout 60 /usr/bin/python3 "$lab_top/tests/support/stream.py" send "$2" "$3" "$4" "$5" >/dev/null; }

# flows HOST ADDRESS FROM TO : one datagram to each port, which opens a flow each
flows() {
	lab_in "$1" /usr/bin/python3 - "$2" "$3" "$4" <<-'PY'
	import socket, sys
	family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
	for port in range(int(sys.argv[2]), int(sys.argv[3])):
	    with socket.socket(family, socket.SOCK_DGRAM) as sock:
	        sock.sendto(b'x', (sys.argv[1], port))
	PY
}

# said EXPRESSION : of what the follower was sent, called rs
said() { /usr/bin/python3 -c "import json,sys; rs = [json.loads(line) for line in open('$LAB_DIR/follower')]; print($1)"; }
denied_on_record() { said "sum(r['packets'] for r in rs if r['event'] == 'deny' and r['hook'] == '$1')"; }
denied() { lab_gate status --json | field "sum(h['deny']['packets'] for h in r['hooks'] if h['hook'] == '$1')"; }
on_record() { lab_gate audit --json --event "$1" --limit 1000 | grep -c "$2"; }
warns() { lab_gate status --json | grep -q "\"$1\""; }
in_step() { [ "$(denied_on_record vpn-in) $(denied_on_record inside-in)" = "$(denied vpn-in) $(denied inside-in)" ]; }

lab_up
echo 'audit: { rotate: 64KB, keep: 1, min-age: 1h }' >>"$LAB_ROOT/etc/sallyport/sallyport.yaml"
lab_ready '{ name: office-out, allow: {from: any, to: any, services: [udp/7000-7999]}, log: new }' || exit 1
lab_run gateway follower sallyport audit -f --json --limit 10000 --root "$LAB_ROOT"
lab_wait 10 grep -q session-open "$LAB_DIR/follower"
expect "control: nothing is short yet" fails warns audit-short

# ---- the floods, at once; ana and another inner address are refused a few times meanwhile ----
send phone 10.30.2.9 5001 5000 2 & floods=($!)
send phone 2001:db8:30::2:9 5001 5000 2 & floods+=($!)
send office 192.0.2.66 9 5000 2 & floods+=($!)
send office 2001:db8:1::66 9 5000 2 & floods+=($!)
flows office 192.0.2.66 7000 8000 & floods+=($!)
flows office 2001:db8:1::66 7000 8000 & floods+=($!)
lab_wait 10 eval '[ "$(denied vpn-in)" -gt 1000 ] && [ "$(denied inside-in)" -gt 1000 ]'
lab_in office /usr/bin/python3 -c '
import socket
for family, source, to in ((socket.AF_INET, "10.30.9.4", "192.0.2.66"), (socket.AF_INET6, "2001:db8:30::2:9", "2001:db8:1::66")):
    sock = socket.socket(family, socket.SOCK_DGRAM); sock.bind((source, 0))
    for _ in range(5): sock.sendto(b"x", (to, 9))'
of() { said "sum(1 for r in rs if r['event'] == 'deny' and not r.get('aggregated') and $1)"; }
refused() { send laptop "$1" 5001 1 1; [ "$(of "r['user'] == 'ana' and r['dst'] == '$1'")" -gt 0 ]; }
for address in 10.30.9.4 2001:db8:30::9:4; do # the tunnel may lose some now: till one comes through
	expect "ana's refusal has a record of its own: $address" lab_wait 10 refused $address
done
wait "${floods[@]}"
expect "what is on record and what is counted are the same, to the packet" lab_wait 15 in_step
echo "vpn-in: $(denied vpn-in) denied; inside-in: $(denied inside-in) denied; $(said "len(rs)") records"

expect "those of the other inner addresses too" same "$(of "r['src'] == '10.30.9.4'") $(of "r['src'] == '2001:db8:30::2:9'")" "5 5"
expect "bob's have few" [ "$(of "r['user'] == 'bob'")" -lt $(($(denied vpn-in) / 4)) ]
expect "nothing of ana's was only counted" same "$(said "sum(1 for r in rs if r.get('aggregated') and r['user'] == 'ana')")" 0
many() { said "sum(r['packets'] for r in rs if r.get('aggregated') and $1)"; }
expect "the others are told with his name" [ "$(many "r['user'] == 'bob' and r['event'] == 'deny'")" -gt $(($(denied vpn-in) / 2)) ]
expect "the inner host's with its address, IPv4" [ "$(many "r['src'] == '10.30.2.9' and r['event'] == 'deny'")" -gt 5000 ]
expect "and IPv6" [ "$(many "r['src'] == '2001:db8:30::9:4' and r['event'] == 'deny'")" -gt 5000 ]
opened() { said "sum(r.get('flows', 1) for r in rs if r['event'] == 'allow' and r['hook'] == 'inside-in' and r['reason'] == 'policy')"; }
all_opened() { [ "$(opened)" = "$(counter inside-in allow policy)" ]; }
expect "each new flow is on record or counted" lab_wait 10 all_opened
expect "there were 2000" same "$(opened)" 2000
expect "most without a record of their own" [ "$(said "sum(r['flows'] for r in rs if r['event'] == 'allow' and r.get('aggregated'))")" -gt 1000 ]

# ---- until rotation has taken away packets of this very hour ----
burst() { flows office 192.0.2.66 7000 7200; sleep 0.5; warns audit-short; }
expect "that rotation takes too much is said" lab_wait 60 burst
expect "status is degraded" same "$(lab_gate status --json >/dev/null; echo $?)" 8
expect "and it is on record, with how many" lab_wait 5 eval '[ "$(lab_gate audit --json --event gap | field "r[\"packets\"] if r[\"reason\"] == \"rotation\" else 0")" -gt 0 ]'
expect "who signed in is on record still" same "$(on_record session-open ana) $(on_record session-open bob)" "1 1"
expect "and what was applied" test "$(on_record apply '"apply"')" -ge 1 # again, if the network changed
expect "and the start" same "$(on_record start '"start"')" 1
expect "the logs are whole" lab_gate audit verify
expect "control: ana works" lab_in laptop ping -c1 -W2 10.30.2.9 -q
expect "packets are a log apart" fails grep -q '"event":"\(deny\|allow\|flow-end\)"' "$logs/audit.jsonl"

# ---- a daemon that is killed, and logs of an earlier version, where all were one ----
lab_kill "$lab_daemon_pid"
lab_start_daemon
expect "after a restart it is still said" lab_wait 5 warns audit-short
expect "the chains go on" lab_gate audit verify
missed() { lab_gate audit verify >"$LAB_DIR/verified" 2>&1; [ $? -eq 1 ] && grep -q "$1" "$LAB_DIR/verified"; }
noted=$(lab_gate audit --json --event start | tail -1 | field "r['head']['seq']")
lab_kill "$lab_daemon_pid"
mkdir "$LAB_DIR/aside"
mv "$logs"/packets.jsonl* "$LAB_DIR/aside"
expect "with all of packets.jsonl deleted verify says how many are gone" missed "it should have $noted records"
lab_start_daemon
flows office 192.0.2.66 7000 7200
expect "and when a new one has begun" missed "too early"
lab_kill "$lab_daemon_pid"
rm -f "$logs"/packets.jsonl* "$logs"/audit.jsonl*
mv "$LAB_DIR"/aside/* "$logs"
for file in "$logs"/packets.jsonl*; do mv "$file" "${file/packets/audit}"; done
lab_start_daemon
expect "one log of both is read on" [ "$(lab_gate audit --json --event allow,deny --limit 10 | wc -l)" -eq 10 ]
expect "and is whole" lab_gate audit verify
expect_done
