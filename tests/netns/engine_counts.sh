#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What our own engine counts is seen: a client that sends inner packets with an address that is not its
# own (status, peer list, an audit record with the person's name), one that moves to another outer
# address, and back between two looks (roam records), and what the engine says of itself (status,
# doctor). (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

reaches() { lab_in "$1" ping -c 1 -W 1 10.30.2.9 >/dev/null; }
engine() { lab_gate status --json | field "r['engine']['$1']"; }
# dropped_of USER : packets the engine dropped out of this person's tunnels for their source
dropped_of() {
	lab_gate peer list --json | /usr/bin/python3 -c 'import json, sys
peers = [json.loads(line) for line in sys.stdin]
print(sum(d["packets"] for p in peers if p["user"] == sys.argv[1] for d in p["drops"] or [] if d["reason"] == "allowed-ips"))' "$1"
}
spoofed_packets() { # of a user, as records say
	lab_gate audit --json --event deny --reason spoofed --user "$1" --limit 50 | /usr/bin/python3 -c 'import json, sys
print(sum(json.loads(line)["packets"] for line in sys.stdin))'
}
spoof() { # spoof HOST ADDRESS COUNT : inner packets with a source that is not the host's
	lab_in "$1" ip address add "$2/32" dev wg0
	lab_in "$1" ping -c "$3" -i 0.05 -W 1 -I "$2" 10.30.2.9 >/dev/null 2>&1
	lab_in "$1" ip address del "$2/32" dev wg0
}

lab_up
LAB_ENGINE=sallyport-vpnd
lab_ready || { expect "the lab stands" false; expect_done; }
expect "ana reaches git" lab_wait 10 reaches laptop
lab_in phone ping -c 1 -W 1 10.30.2.9 >/dev/null # refused by the policy, but it shakes hands
bob=$(lab_address_of phone 4)

# the engine says what it is
expect "status names the engine" same "$(engine name)" "sallyport-vpnd $(sallyport-vpnd --version | cut -d' ' -f2)"
expect "its cipher" fails same "$(engine aead)" None
expect "its queues" same "$(engine queues)" 1
if (ulimit -l unlimited) 2>/dev/null; then # as the engine asks: not every machine lets root
	locked=True memory=locked doctor=ok
else
	locked=False memory=pageable doctor=missing
fi
expect "that its memory is $memory here" same "$(engine memory_locked)" $locked
expect "and so does doctor" eval 'lab_gate doctor 2>/dev/null | grep -q "^$doctor .*engine-memory vpn0 .*$memory"'
expect "each offload on or off" same "$(lab_gate status --json | field "len([v for v in r['engine']['offloads'].values() if v in (True, False)])")" 6
# asked right behind a sign-in: not an answer of before it
expect "and both peers with their handshakes" same "$(engine peer_count) $(engine handshakes)" "2 2"
expect "nothing was dropped for its source" same "$(dropped_of ana)" 0
expect "status says the same in words" eval 'lab_gate status | grep -q "sallyport-vpnd .*aead .*1 queue, memory $memory"'
expect "doctor knows our own engine" eval 'lab_gate doctor 2>/dev/null | grep -q "^ok .*engine-kind vpn0 .*sallyport-vpnd"'

# somebody else's address inside ana's tunnel
spoof laptop "$bob" 5
expect "status counts it" lab_wait 3 eval '[ "$(lab_gate status --json | field "sum(d[\"packets\"] for d in r[\"engine\"][\"drops\"] if d[\"reason\"] == \"allowed-ips\")")" = 5 ]'
expect "peer list counts it at her laptop" same "$(dropped_of ana)" 5
expect "and not at bob's phone" same "$(dropped_of bob)" 0
expect "it is on record with her name" lab_wait 20 eval '[ "$(spoofed_packets ana)" = 5 ]'
expect "on the tunnel, of her device, as denied" same \
	"$(lab_gate audit --json --event deny --reason spoofed --user ana --limit 1 | field '" ".join([r["iface"], r["peer"], r["verdict"], str(r["aggregated"]), str(r["session"] is not None)])')" \
	"vpn0 laptop deny True True"
expect "bob has no such record" same "$(spoofed_packets bob)" 0
spoofed_record() { lab_gate audit --json --event deny --reason spoofed --user ana --limit 1; }
expect "explain gives the record's own verdict, as one that cannot be judged again" same \
	"$(lab_gate explain --json --record "$(spoofed_record)" | field 'r["verdict"], r["reason"], r["reproduced"]')" "deny spoofed False"
spoof laptop "$bob" 3
expect "the next look records what came since" lab_wait 20 eval '[ "$(spoofed_packets ana)" = 8 ]'

# another engine counts from zero
lab_kill "$lab_engine_pid"
expect "without an engine there are no counts" lab_wait 5 eval '[ "$(engine drops)" = None ]'
lab_start_engine
expect "ana is back" lab_wait 20 reaches laptop
spoof laptop "$bob" 2
expect "what the new engine counted is recorded as it is" lab_wait 20 eval '[ "$(spoofed_packets ana)" = 10 ]'

# another outer address
roams() { lab_gate audit --json --event roam --user ana | wc -l; }
newest_roam() { lab_gate audit --json --event roam --user ana --limit 1 | field 'r["src"], r["packets"]'; }
outer() { # outer ADDRESS : the laptop sends from this one
	ip -n "$LAB-laptop" address add "$1/24" dev eth0
	ip -n "$LAB-laptop" route replace 192.0.2.1/32 dev eth0 src "$1"
}
home() {
	ip -n "$LAB-laptop" route del 192.0.2.1/32 dev eth0
	ip -n "$LAB-laptop" address del "$1/24" dev eth0
}
expect "ana has not moved" same "$(roams)" 0
outer 192.0.2.77
reaches laptop
started=$SECONDS
# each 10 s, and 5 s more if the engine had no time to answer
expect "she moves: it is on record without anybody asking" lab_wait 16 eval 'grep -q "\"event\":\"roam\".*\"192.0.2.77\"" "$LAB_ROOT/var/log/sallyport/packets.jsonl"'
echo "it took $((SECONDS - started)) s"
expect "with her name and where she is" same "$(newest_roam)" "192.0.2.77 1"
before=$(roams)
lab_gate peer list >/dev/null # a look now: the next is 10 s away
home 192.0.2.77
reaches laptop
outer 192.0.2.77
reaches laptop
expect "away and back is recorded too, with its count" lab_wait 20 eval '[ "$(newest_roam)" = "192.0.2.77 2" ]'
expect "as one record" same "$(roams)" $((before + 1))
expect "peer list counts her moves" same "$(lab_gate peer list --user ana --json | field "r['roams']")" 3

# another engine in its place knows nothing of all this, and that is said
lab_kill "$lab_engine_pid"
LAB_ENGINE=wireguard-go
lab_start_engine
expect "of another engine nothing is made up" lab_wait 15 eval \
	'[ "$(engine reachable) $(engine name) $(engine memory_locked) $(engine offloads) $(engine drops)" = "True None None None None" ]'
expect "nor of its peers" same "$(lab_gate peer list --user ana --json | field 'r["in_engine"], r["drops"], r["roams"]')" "True None None"
expect "doctor finds nothing wrong with it" eval 'lab_gate doctor 2>/dev/null | grep -q "^ok .*engine-kind vpn0 .*not sallyport-vpnd, which is fine"'
expect "status in words does not either" eval 'lab_gate status | grep -q "engine .*userspace, answers" && ! lab_gate status | grep -q memory'
expect "the log is whole" lab_gate audit verify
expect_done
