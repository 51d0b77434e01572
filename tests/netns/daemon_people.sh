#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What sallyportd keeps about people: devices and their addresses, machines, deadlines, whose key it is;
# the engine and the peers file in step with it; the tunnel interface made again; records explained by
# their own values. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

lab_up
socket=$LAB_ROOT/run/sallyport/control.sock

# op NAME [key=json…] : one request on the control socket, its reply on stdout
op() {
	/usr/bin/python3 - "$socket" "$@" <<-'PY'
	import json, socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.connect(sys.argv[1])
	request = {"v": 1, "id": 1, "op": sys.argv[2]}
	for pair in sys.argv[3:]:
	    key, value = pair.split("=", 1)
	    try:
	        request[key] = json.loads(value)
	    except ValueError:
	        request[key] = value
	s.sendall(json.dumps(request).encode() + b"\n")
	line = b""
	while not line.endswith(b"\n"):
	    line += s.recv(1 << 20)
	print(line.decode(), end="")
	PY
}
code() { op "$@" | field "r['error']['code'] if not r['ok'] else 'ok'"; }
is() { same "$("${@:2}")" "$1"; } # is WANTED COMMAND…
reaches() { lab_in "$1" ping -c 1 -W 1 "${2:-10.30.2.9}" >/dev/null; }
key_of() { wg pubkey <"$LAB_DIR/$1.key"; }
engine() { # engine COMMAND… : wg against the gateway's engine
	lab_in gateway "$lab_top/tests/support/with-sockets" "$LAB_ROOT/var/run/wireguard" "$@"
}
engine_peers() { engine wg show vpn0 peers | sort; }
status() { lab_gate status --json; }
revision() { status | field "r['revision']"; }

lab_start_daemon || exit 1
umask 077
wg genkey >"$LAB_DIR/bot.key"
bot=$(key_of bot)
expect "before a policy: nothing attached" is 0 eval 'status | field "len(r[\"hooks\"])"'
expect "before a policy: the tunnel is down" eval 'ip -n "$LAB-gateway" link show vpn0 | grep -q "state DOWN"'
expect "before a policy: nobody signs in" is no-policy code session.open idp=corp subject=x user=x "device={\"public_key\":\"$bot\"}"
lab_policy '{ name: bot-payroll, allow: {from: backup-bot, to: 10.30.2.9, services: ping} }' |
	sed "s|^networks:|  backup-bot: { match: [ {peer-key: \"$bot\"} ] }\n&|" >"$LAB_DIR/policy.yaml"
sed '/^protect/d' "$LAB_DIR/policy.yaml" >"$LAB_DIR/unprotected.yaml"
refused() { lab_gate apply "$LAB_DIR/unprotected.yaml" 2>&1 | grep -q -- --force; }
expect "a first policy without protect needs --force" refused
expect "the policy is applied" lab_gate apply "$LAB_DIR/policy.yaml"
expect "the tunnel is up" eval 'ip -n "$LAB-gateway" address show vpn0 | grep -q 100.64.0.1/32'
lab_start_engine
lab_sign_in laptop ana corp eng
lab_sign_in phone bob partner vendors
expect "ana reaches git" reaches laptop
expect "bob does not" fails reaches phone
expect "a mistyped device gets the nearest" grep -q 'did you mean "laptop"' <(lab_gate peer config lapotp 2>&1)

# whose key it is
laptop=$(key_of laptop)
expect "bob cannot sign in with ana's key" is login-refused \
	code session.open idp=partner subject=bob user=bob groups='["vendors"]' "device={\"public_key\":\"$laptop\",\"name\":\"mine\"}"
expect "no role, no session" is login-refused \
	code session.open idp=corp subject=eve user=eve groups='["sales"]' "device={\"public_key\":\"$(wg genkey | wg pubkey)\",\"name\":\"x\"}"
expect "and no device is left of it" is 2 eval 'op peer.list | field "len(r[\"peers\"])"'
expect "both refusals are recorded" is 2 eval 'op audit.query event=login-refused | field "len(r[\"records\"])"'

# a machine signs in by its key
expect "a machine's session opens with its device" is True eval 'op peer.add name=bot "public_key=$bot" | field "r[\"machine\"] and r[\"session\"] is not None"'
expect "and never ends" is None eval 'op session.list user=bot | field "r[\"sessions\"][0][\"expires\"]"'
expect "a key without a role is none" is login-refused code peer.add name=nobody "public_key=$(wg genkey | wg pubkey)"

# in step with the engine
wanted=$(printf '%s\n' "$laptop" "$(key_of phone)" "$bot" | sort)
in_step() { [ "$(engine_peers)" = "$wanted" ]; }
expect "the engine has exactly these peers" lab_wait 5 in_step
expect "so has the peers file" lab_wait 5 is 3 grep -c '^public_key=' "$LAB_ROOT/var/lib/sallyport/peers.conf"
engine wg set vpn0 peer "$(wg genkey | wg pubkey)" allowed-ips 100.64.9.9/32
expect "a peer of somebody else's making is removed" lab_wait 15 in_step
lab_kill "$lab_engine_pid"
expect "without an engine status says so" lab_wait 5 eval 'status | grep -q engine-unreachable'
lab_start_engine
expect "an engine that comes back is told everything" lab_wait 5 in_step
expect "ana reaches git again" lab_wait 20 reaches laptop

# a session replaced, extended, expired
first=$(op session.list user=ana | field "r['sessions'][0]['session']")
lab_sign_in laptop ana corp eng
second=$(op session.list user=ana | field "r['sessions'][0]['session']")
expect "signing in again replaces the session" test "$second" -gt "$first"
expect "ana keeps her address and her connection" reaches laptop
expect "the old one is closed" is no-such-session code session.close "session=$first"
op session.extend "session=$second" max_s=2 >/dev/null
sleep 2.2
expect "a deadline ends it" fails reaches laptop
denied_why() { op audit.query event=deny user=ana limit=1 | field "r['records'][0]['reason']"; }
expect "her packets are recorded with her name as expired" lab_wait 3 is expired denied_why
expect "the close is recorded" lab_wait 3 is expired eval 'op audit.query event=session-close user=ana limit=1 | field "r[\"records\"][0][\"reason\"]"'
expect "its peer is parked" in_step
lab_sign_in laptop ana corp eng
expect "she signs in again and reaches git" reaches laptop

# revoked while sallyportd is away for a moment: it stays revoked
lab_run gateway followed sallyport audit -f --json --limit 10000 --root "$LAB_ROOT"
follower=$lab_pid
events() { grep -c "\"event\":\"$1\"" "$LAB_DIR/followed"; }
expect "who follows the log has what is in it" lab_wait 5 test -s "$LAB_DIR/followed"
op session.close user=ana why="laptop lost" >/dev/null
lab_kill "$lab_daemon_pid"
expect "without a daemon the revoked stay out" fails reaches laptop
lab_start_daemon
expect "and after its return" fails reaches laptop
started=$(op audit.query event=start | field 'len(r["records"])')
expect "and goes on with it past the restart" lab_wait 10 eval '[ "$(events start)" = "$started" ]'
# and over a rotation that it slept through, with sallyportd started again in between
lab_signal "$follower" STOP
lab_kill "$lab_daemon_pid"
echo 'audit: { people: { rotate: 64KB, keep: 50 } }' >>"$LAB_ROOT/etc/sallyport/sallyport.yaml"
lab_start_daemon
churn() { # records of people: 100 machines that come and go
	/usr/bin/python3 - "$socket" "$bot" <<-'PY'
	import json, socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.connect(sys.argv[1])
	lines = s.makefile("r")
	for _ in range(100):
	    for fields in ({"op": "peer.remove", "device": sys.argv[2]},
	                   {"op": "peer.add", "name": "bot", "public_key": sys.argv[2]}):
	        s.sendall(json.dumps({"v": 1, "id": 1, **fields}).encode() + b"\n")
	        assert json.loads(lines.readline())["ok"]
	PY
}
expect "a machine comes and goes" churn
expect "the log was rotated" test -e "$LAB_ROOT/var/log/sallyport/audit.jsonl.1"
lab_signal "$follower" CONT
head_seq=$(status | field "r['audit']['seq']")
expect "who slept through a rotation reads what it missed" lab_wait 10 grep -q "\"seq\":$head_seq,.*\"event\":\"session-open\"" "$LAB_DIR/followed"
filtered() { # filtered COUNT-OF-WHICH FILTER… : every record printed is of it, and there are some
	lab_gate audit --json --limit 0 "${@:2}" | lab_in gateway /usr/bin/python3 -c 'if True:
		import json, sys
		records = [json.loads(line) for line in sys.stdin]
		sys.exit(not records or not all(eval(sys.argv[1], {"r": r}) for r in records))' "$1"
}
expect "audit --hook, without -f" filtered 'r["hook"] == "vpn-in"' --hook vpn-in
expect "audit --src" filtered 'r["src"].startswith("100.64.")' --src 100.64.0.0/16
expect "audit --dst" filtered 'r["dst"] == "10.30.2.9"' --dst 10.30.2.9
expect "explain by the reference alone" is reference eval 'lab_gate explain --from ana --to 10.30.2.9:80 --plane reference --json | field "r[\"plane\"]"'
expect "or by the programs" is ebpf eval 'lab_gate explain --from ana --to 10.30.2.9:80 --plane ebpf --json | field "r[\"plane\"]"'
lab_kill "$follower" INT
resumed() { # three records at a time, by the numbers alone: all that stood in both logs, once and in order
	lab_gate audit --json --limit 0 >"$LAB_DIR/at_once"
	lab_in gateway /usr/bin/python3 - "$LAB_ROOT" "$LAB_DIR/at_once" <<-'PY'
	import json, subprocess, sys
	traffic = ("deny", "allow", "flow-end", "limit", "roam")
	def numbers(text): return [(r["event"] in traffic, r["seq"]) for r in map(json.loads, text.splitlines())]
	wanted = numbers(open(sys.argv[2]).read())
	last, got = {False: 0, True: 0}, []
	while len(got) < len(wanted):
	    text = subprocess.run(["sallyport", "audit", "--json", "--limit", "3", "--after", str(last[False]), "--after-packets",
	                           str(last[True]), "--root", sys.argv[1]], stdout=subprocess.PIPE, text=True, check=True).stdout
	    page = numbers(text)
	    assert page, "no further record"
	    got += page
	    last.update(page)
	for log in (False, True):
	    mine = [seq for which, seq in got if which == log]
	    assert mine[:3] == [1, 2, 3] and mine == list(range(1, len(mine) + 1)), mine
	assert {True, False} == {which for which, seq in got}
	PY
}
expect "a reader that remembers numbers goes on over the restart" resumed
expect "nothing is missing and nothing twice" eval '/usr/bin/python3 - "$LAB_DIR/followed" <<-"PY"
	import json, sys
	from collections import Counter
	lines = [line for line in open(sys.argv[1]) if line.startswith("{")]
	people = Counter(r["seq"] for r in map(json.loads, lines) if r["event"] not in ("deny", "allow", "flow-end", "limit", "roam"))
	sys.exit(set(people.values()) != {1} or sorted(people) != list(range(min(people), max(people) + 1)))
	PY'
expect "an administrator's words stand apart from who it was" is "laptop lost, root (uid 0)" \
	eval 'op audit.query event=session-close user=ana limit=1 | field "r[\"records\"][0][\"message\"] + \", \" + r[\"records\"][0][\"by\"]"'
expect "bob and the machine are still known" is 2 eval 'op session.list | field "len(r[\"sessions\"])"'
lab_sign_in laptop ana corp eng
expect "ana is let in again" lab_wait 20 reaches laptop

# the machine around it
before=$(revision)
ip -n "$LAB-gateway" address add 10.31.0.1/16 dev lan0
moved_on() { [ "$(revision)" -gt "$before" ]; }
expect "a new address makes a new revision" lab_wait 5 moved_on
before=$(revision)
ip -n "$LAB-gateway" link delete vpn0
lab_kill "$lab_engine_pid"
expect "vpn0 is made again, with its programs" lab_wait 10 eval 'status | field "[h for h in r[\"hooks\"] if h[\"hook\"] == \"vpn-in\" and h[\"revision\"] == r[\"revision\"]]" | grep -q vpn0'
lab_wait 5 eval 'ip -n "$LAB-gateway" address show vpn0 | grep -q 100.64.0.1/32'
lab_start_engine
expect "and ana comes back over it" lab_wait 30 reaches laptop

# sessions by which nobody came
signs_in() { code session.open idp=corp "subject=$1" "user=$1" groups='["eng"]' "device={\"public_key\":\"$(wg genkey | wg pubkey)\",\"name\":\"new\"}" "${@:2}"; }
live() { op session.list "user=$1" | field 'sum(s["state"] == "live" for s in r["sessions"])'; }
expect "carl signs in, and no client of his comes" is ok signs_in carl
expect "dora does, for as long as an administrator says" is ok signs_in dora max_s=3600
lab_kill "$lab_daemon_pid"
lab_kill "$lab_engine_pid" # its successor knows of no handshake
lab_start_daemon
sed -i 's/endpoint: 192.0.2.1/&, unused: 1s/' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
expect "a second is all they have" lab_gate reload
expect "without an engine nobody can come, and none is ended" eval 'sleep 2; is 1 live carl'
lab_start_engine
expect "carl's session ends with one" lab_wait 10 is 0 live carl
expect "which is recorded" is unused eval 'op audit.query event=session-close user=carl limit=1 | field "r[\"records\"][0][\"reason\"]"'
expect "his device, whose key nobody showed to have, is gone" is 0 eval 'op peer.list user=carl | field "len(r[\"peers\"])"'
expect "dora's stays, ana's who came, bob's and the machine's" is "1 1 1 1" eval 'echo $(live dora) $(live ana) $(live bob) $(live bot)'
sed -i 's/, unused: 1s//' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
expect "the time is as before" lab_gate reload
expect "ana is there" lab_wait 20 reaches laptop

# a role expires, for who has it as for who signs in: at the second, sallyportd stopped or not
from=$SECONDS
lab_gate apply "$LAB_DIR/policy.yaml" && lab_sign_in laptop ana corp eng
until=$(date -u -d "+$((12 + 3 * (SECONDS - from))) seconds" +%Y-%m-%dT%H:%M:%SZ) # by what that takes here
sed "s|^networks:|  temp: { match: [ {idp: corp, group: temp}, {peer-key: \"$bot\"} ], expires: $until, max-devices: 1 }\n&|" "$LAB_DIR/policy.yaml" >"$LAB_DIR/temp.yaml"
expect "a role for a few seconds" lab_gate apply "$LAB_DIR/temp.yaml"
lab_sign_in laptop ana corp eng,temp
expires_of() { op session.list "user=$1" | field '(r["sessions"][0]["expires"] or "never")[:19]'; }
expect "ana's session ends with it" is "${until%Z}" expires_of ana
expect "so does the machine's" is "${until%Z}" expires_of bot
bot_was=$(op session.list user=bot | field 'r["sessions"][0]["session"]')
expect "nor can she enrol a second device" is "too-many-devices by max-devices" eval 'op session.open idp=corp subject=ana user=ana groups="[\"eng\",\"temp\"]" "device={\"public_key\":\"$(wg genkey | wg pubkey)\",\"name\":\"second\"}" | field "r[\"error\"][\"reason\"] + \" by max-devices\" * (\"by max-devices\" in r[\"error\"][\"message\"])"'
expect "until then she reaches git" lab_wait 5 reaches laptop
expect "an administrator cannot let it last longer" is "${until%Z}" eval 'op session.extend "session=$(op session.list user=ana | field "r[\"sessions\"][0][\"session\"]")" max_s=3600 >/dev/null; expires_of ana'
lab_signal "$lab_daemon_pid" STOP
sleep "$(($(date -d "$until" +%s) - $(date +%s) + 1))"
expect "with sallyportd stopped she does not reach it any more" fails reaches laptop
lab_signal "$lab_daemon_pid" CONT
expect "who has no other role is refused" is login-refused code session.open idp=corp subject=frank user=frank groups='["temp"]' "device={\"public_key\":\"$(wg genkey | wg pubkey)\",\"name\":\"x\"}"
expect "and the record says since when" lab_wait 3 eval 'op audit.query event=login-refused user=frank | field "r[\"records\"][0][\"message\"]" | grep -q "role temp expired at $until"'
lab_sign_in laptop ana corp eng,temp
expect "ana signs in again, with the role she has left" is engineer eval 'op session.list user=ana | field "\",\".join(r[\"sessions\"][0][\"roles\"])"'
expect "and reaches git" lab_wait 5 reaches laptop
new_bot() { [ "$(op session.list user=bot | field 'max(s["session"] for s in r["sessions"] if s["state"] == "live")')" -gt "$bot_was" ]; }
expect "the machine has a session again, by its other role" lab_wait 10 new_bot
expect "which does not end" is never expires_of bot

# whom the policy refuses is told, or not, and recorded, or not
try() { lab_in laptop curl -s --max-time "$1" --noproxy "*" http://10.30.2.9:2222/ >/dev/null; echo $?; } # try SECONDS
by_default() { counter vpn-in deny default; }
records() { op audit.query event=deny rule=default user=ana | field 'len(r["records"])'; }
expect "a connection is reset" is 7 try 20
sed '2i settings: { log-deny: none, reject: drop }' "$LAB_DIR/policy.yaml" >"$LAB_DIR/silent.yaml"
expect "a policy by which nobody is told" lab_gate apply "$LAB_DIR/silent.yaml"
lab_wait 5 lab_stays 1.2 records # what was denied before is on record by now
before=$(by_default) recorded=$(records)
expect "a connection waits in vain" is 28 try 2
expect "it was counted" test "$(by_default)" -gt "$before"
expect "and is not on record" eval 'sleep 1.2; is "$recorded" records'
expect "the policy is as before" lab_gate apply "$LAB_DIR/policy.yaml"

# removed: gone at once, and the address is nobody else's
bob4=$(op peer.list user=bob | field "r['peers'][0]['addresses'][0]")
expect "bob's device is removed" is ok code peer.remove device=bob/phone
expect "his peer is gone" lab_wait 5 eval '! engine_peers | grep -q "$(key_of phone)"'
carol=$(op session.open idp=corp subject=carol user=carol groups='["eng"]' "device={\"public_key\":\"$(wg genkey | wg pubkey)\",\"name\":\"new\"}" | field "r['addresses'][0]")
expect "carol does not get bob's address ($bob4)" fails test "$carol" = "$bob4"

# every record about a packet, asked again by its own values
reaches laptop 10.30.9.4
reaches laptop 10.30.0.1
lab_in laptop curl -s --max-time 1 --noproxy '*' http://10.30.2.9:22/ >/dev/null
lab_in laptop curl -s --max-time 1 --noproxy '*' http://10.30.2.9:443/ >/dev/null
lab_in stranger curl -s --max-time 1 --noproxy '*' http://192.0.2.1/ >/dev/null
sleep 1.2
explained() {
	/usr/bin/python3 - "$socket" <<-'PY'
	import json, socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.connect(sys.argv[1])
	lines = s.makefile("r")
	def ask(**request):
	    s.sendall(json.dumps({"v": 1, "id": 1, **request}).encode() + b"\n")
	    return json.loads(lines.readline())
	records = ask(op="audit.query", event="deny,allow,flow-end", limit=2000)["records"]
	bad = asked = 0
	# the session named judged it, whatever another clock says of when that was opened or closed
	named = [r for r in records if r["event"] == "allow" and r["session"]]
	early = [{**r, "time": "2000-01-01T00:00:00.000000000Z"} for r in named[-20:]]
	for record in records[-150:] + early:
	    reply = ask(op="explain", record=record)
	    asked += reply.get("reproduced", False)
	    if not reply["ok"] or not reply["same"]:
	        bad += 1
	        print("    ", json.dumps(record), json.dumps(reply))
	print(f"     {len(records)} records, {asked} judged again, {bad} otherwise")
	sys.exit(bad != 0 or asked < 10 or not early)
	PY
}
expect "explain gives every record's own rule and reason" explained
expect "the log is whole" lab_gate audit verify
expect_done
