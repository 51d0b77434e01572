#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The portal's part of the control socket: what its user may do and what not, sessions as long as the roles
# say, what a refused sign-in leaves in the log, what status says of a portal, and what survives a restart.
# (Topology: tests/support/lab.sh; nobody sends a packet.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

PORTAL=65534
lab_up
cat >>"$LAB_ROOT/etc/sallyport/sallyport.yaml" <<-YAML
	portal: { url: "https://gate.example.org", user: $PORTAL }
YAML
socket=$LAB_ROOT/run/sallyport/control.sock
control() { /usr/bin/python3 "$lab_top/tests/support/control.py" "$socket" "$@"; }
op() { control "$@"; }
portal() { control --uid "$PORTAL" "$@"; }
code() { "$@" | show "r['error']['code'] if not r['ok'] else 'ok'"; }
# show EXPRESSION : of the one JSON object on stdin, called r; a list with blanks between; t reads a time
show() {
	/usr/bin/python3 -c "import json, sys
from datetime import datetime
t = lambda text: datetime.fromisoformat(text.rstrip('Z'))
r = json.loads(sys.stdin.read())
v = $1
print(*(v if isinstance(v, (tuple, list)) else [v]))"
}
is() { same "$("${@:2}")" "$1"; } # is WANTED COMMAND…
status() { lab_gate status --json; }
warns() { status | show "'$1' in [w['code'] for w in r['warnings']]" | grep -q True; }
records() { op audit.query limit=2000 "$@" | show "len(r['records'])"; }
session() { op session.list "session=$1" all=true | show "r['sessions'][0]['$2']"; }
key() { wg genkey | wg pubkey; }
sign_in() { # sign_in USER KEY GROUPS [KEY=VALUE…] : the reply
	portal session.open idp=corp "subject=$1" "user=$1" "groups=$3" "device={\"public_key\":\"$2\",\"name\":\"laptop\"}" "${@:4}"
}
policy() { # policy MAX IDLE
	cat <<-YAML
		sallyport: 1
		roles:
		  engineer: { match: {idp: corp, group: eng}, session: {max: $1, idle: $2, warn: 1m} }
		  dba:      { match: {idp: corp, group: dba}, session: {max: 2h} }
		  oncall:   { match: {idp: corp, group: oncall} }
		protect: [ {name: ssh, from: 10.30.0.0/16, to: self, services: tcp/22} ]
		rules: [ {name: all, allow: {from: [engineer, dba, oncall], to: 10.30.2.9}} ]
	YAML
}
apply() { policy "$@" >"$LAB_DIR/policy.yaml" && lab_gate apply "$LAB_DIR/policy.yaml" >/dev/null; }

lab_start_daemon || exit 1
expect "the socket is the portal's to reach, and 0660" is "$PORTAL 660" stat -c '%u %a' "$socket"
expect "its folders are its own" is "$PORTAL 700 $PORTAL 700 " \
	stat --printf '%u %a ' "$LAB_ROOT/var/lib/sallyport/portal" "$LAB_ROOT/var/lib/sallyport/tls"
expect "before a policy nobody signs in" is no-policy code sign_in ana "$(key)" '["eng"]'
expect "the policy is applied" apply 4h 1h

# what its user may
for op in status check apply history explain peer.add peer.config audit.query replay doctor; do
	expect "the portal may not use $op" is not-permitted code portal "$op"
done
expect "it may not say how long" is not-permitted code sign_in ana "$(key)" '["eng"]' max_s=60
expect "nor how silent" is not-permitted code sign_in ana "$(key)" '["eng"]' idle_s=0
expect "another user may not connect at all" fails control --uid 12345 status 2>/dev/null
expect "an unknown show is a bad request still" is bad-request code sign_in ana "$(key)" '["eng"]' lenght=1

# a session as its roles say
laptop=$(key)
sign_in ana "$laptop" '["eng"]' refresh=sealed-one from=198.51.100.7 >"$LAB_DIR/ana"
ana=$(show "r['session']" <"$LAB_DIR/ana")
expect "ana's session lasts 4 h, 1 h of silence, warned a minute before" is "3600 60 sealed-one" \
	show "r['idle_s'], r['warn_s'], r['refresh']" <"$LAB_DIR/ana"
length() { op session.list "session=$1" | show "round((t(r['sessions'][0]['expires']) - t(r['sessions'][0]['opened'])).total_seconds())"; }
expect "to the second" is 14400 length "$ana"
expect "administrators do not see the refresh" is False eval 'op session.list | show "any(\"refresh\" in s for s in r[\"sessions\"])"'
expect "the record knows where she was" is "corp 198.51.100.7" \
	eval 'op audit.query event=session-open user=ana | show "r[\"records\"][0][\"idp\"], r[\"records\"][0][\"from\"]"'
expect "of two roles the shorter one counts" is 7200 \
	eval 'length "$(sign_in bob "$(key)" "[\"eng\",\"dba\"]" | show "r[\"session\"]")"'
expect "a role that says nothing: 10 h" is 36000 \
	eval 'length "$(sign_in carol "$(key)" "[\"oncall\"]" | show "r[\"session\"]")"'
expect "an administrator's word goes before the roles'" is 600 \
	eval 'length "$(op session.open idp=corp subject=dan user=dan groups="[\"eng\"]" max_s=600 "device={\"public_key\":\"$(key)\",\"name\":\"x\"}" | show "r[\"session\"]")"'
dan=$(op session.list user=dan | show "r['sessions'][0]['session']")

# whose it is
owner=(idp=corp subject=ana)
expect "close: whose, is asked" is bad-request code portal session.close "session=$ana"
expect "close: not somebody else's" is not-permitted code portal session.close "session=$ana" idp=corp subject=bob
expect "close: nor by the device" is not-permitted code portal session.close "device=$laptop" idp=other subject=ana
expect "close: by user only their own" is no-such-user code portal session.close user=ana idp=corp subject=bob
expect "extend: not somebody else's" is not-permitted code portal session.extend "session=$ana" idp=corp subject=bob
expect "update: not somebody else's" is not-permitted code portal session.update "session=$ana" idp=corp subject=bob 'groups=["eng"]'
expect "remove: not somebody else's" is not-permitted code portal peer.remove "device=$laptop" idp=corp subject=bob
expect "remove: whose, is asked" is bad-request code portal peer.remove "device=$laptop"
expect "ana's session has seen none of it" is live session "$ana" state
expect "the portal extends it, not for how long" is not-permitted code portal session.extend "session=$ana" "${owner[@]}" max_s=60

# a policy shortens, and does not lengthen
apply 2h 30m
expect "a shorter policy shortens it" is "7200 1800" eval 'echo "$(length "$ana") $(session "$ana" idle_s)"'
expect "which is recorded" is policy eval 'op audit.query event=session-extend user=ana | show "r[\"records\"][-1][\"reason\"]"'
expect "what an administrator gave stays" is 600 length "$dan"
apply 9h 1h
expect "a longer one does not lengthen it" is "7200 1800" eval 'echo "$(length "$ana") $(session "$ana" idle_s)"'
expect "extending gives the full time of today" is ok code portal session.extend "session=$ana" "${owner[@]}" 'groups=["eng"]' refresh=sealed-two
later() { op session.list "session=$ana" | show "(t(r['sessions'][0]['expires']) - t(r['sessions'][0]['opened'])).total_seconds() > 32399"; }
expect "from now on" is True later

# groups
expect "the same roles: the same session" is "$ana" eval 'portal session.update "session=$ana" "${owner[@]}" "groups=[\"eng\",\"new\"]" | show "r[\"session\"]"'
ends=$(session "$ana" expires)
portal session.update "session=$ana" "${owner[@]}" 'groups=["eng","dba"]' >"$LAB_DIR/updated"
new=$(show "r['session']" <"$LAB_DIR/updated")
expect "other roles: another session in its place" is "$ana sealed-two" show "r['replaces'], r['refresh']" <"$LAB_DIR/updated"
expect "with the same addresses" is "$(show "r['addresses']" <"$LAB_DIR/ana")" show "r['addresses']" <"$LAB_DIR/updated"
# Both deadlines are counted from the same moment, the extension: 9 h and 2 h.
expect "and the shorter deadline of the new role" is 25200 eval 'op session.list "session=$new" | show "round((t(\"$ends\") - t(r[\"sessions\"][0][\"expires\"])).total_seconds())"'
expect "the old one is closed for that" is groups-changed session "$ana" why
expect "both are recorded" is "groups-changed groups-changed" \
	eval 'op audit.query user=ana event=session-close,session-open | show "r[\"records\"][-2][\"reason\"], r[\"records\"][-1][\"reason\"]"'
expect "the old number is gone" is no-such-session code portal session.extend "session=$ana" "${owner[@]}"
portal session.update "session=$new" "${owner[@]}" 'groups=["sales"]' >"$LAB_DIR/refused"
expect "no role left: refused, with the word" is "login-refused no-role" show "r['error']['code'], r['error']['reason']" <"$LAB_DIR/refused"
expect "and closed" is no-role session "$new" why

# parked, and back
sign_in ana "$laptop" '["eng"]' >"$LAB_DIR/ana"
ana=$(show "r['session']" <"$LAB_DIR/ana")
op session.extend "session=$ana" max_s=1 >/dev/null
sleep 1
expect "past its end it cannot be extended" is no-such-session code portal session.extend "session=$ana" "${owner[@]}"
expect "it is parked" lab_wait 3 is expired session "$ana" state
expect "nor when parked" is no-such-session code portal session.extend "session=$ana" "${owner[@]}"
expect "nor updated" is no-such-session code portal session.update "session=$ana" "${owner[@]}" 'groups=["eng"]'
expect "signing in brings it back" is ok code sign_in ana "$laptop" '["eng"]' refresh=sealed-three
expect "the parked one is over" is closed session "$ana" state
ana=$(op session.list user=ana | show "r['sessions'][0]['session']")

# what survives
lab_kill "$lab_daemon_pid"
lab_start_daemon || exit 1
expect "a restart keeps the refresh" is sealed-three eval 'portal session.list "session=$ana" | show "r[\"sessions\"][0][\"refresh\"]"'
expect "and the lengths" is "1m 1h" eval 'portal session.list "device=$laptop" | show "\"%dm %dh\" % (r[\"sessions\"][0][\"warn_s\"] / 60, r[\"sessions\"][0][\"idle_s\"] / 3600)"'
expect "and its number, whatever the provider says of the same roles" is "$ana $ana" eval \
	'for groups in "[\"eng\"]" "[\"eng\",\"new\"]"; do portal session.update "session=$ana" "${owner[@]}" "groups=$groups" | show "r[\"session\"]"; done | paste -sd " "'
expect "its person closes it" is "$ana closed revoked" eval 'portal session.close "session=$ana" "${owner[@]}" why=signed-out | show "[r[\"closed\"][0][k] for k in (\"session\", \"state\", \"why\")]"'
expect "and the record says who and why" is "revoked portal signed-out" \
	eval 'op audit.query event=session-close user=ana | show "r[\"records\"][-1][\"reason\"], r[\"records\"][-1][\"by\"], r[\"records\"][-1][\"message\"]"'
kept() { sqlite3 "$LAB_ROOT/var/lib/sallyport/sallyport.db" "SELECT count(*) FROM session WHERE refresh IS NOT NULL AND user = 'ana'"; }
if command -v sqlite3 >/dev/null; then expect "no refresh outlives its session" is 0 kept; fi
expect "and forgets the device" is ok code portal peer.remove "device=$laptop" "${owner[@]}"

# names as long as they may be: 255 bytes, here 85 characters of three
name() { /usr/bin/python3 -c "print('名' * $1 + 'x' * $2)"; } # name THREES ONES
long=$(name 85 0)
known_as() { # known_as USER GROUP : the reply's code
	code portal session.open idp=corp subject=long "user=$1" "groups=[\"eng\", \"$2\"]" "device={\"public_key\":\"$(key)\",\"name\":\"$(name 20 $((RANDOM % 4)))\"}"
}
expect "255 bytes name a person, and a group" is ok known_as "$long" "$(name 0 255)"
expect "256 do not name a person" is bad-request known_as "$(name 85 1)" eng
expect "nor a group" is bad-request known_as "$long" "$(name 85 1)"
expect "the record has all of it" is "$long" eval 'op audit.query event=session-open "user=$long" | show "r[\"records\"][-1][\"user\"]"'
lab_kill "$lab_daemon_pid"
lab_start_daemon || exit 1
expect "so has a list, after a restart" eval 'lab_gate session list | grep -q "$long"'
expect "explain knows them" eval 'lab_gate explain --from "$long" --to 10.30.2.9 | grep -q ALLOW'
expect "and the file the engine starts from" lab_wait 5 grep -q "name=$long/" "$LAB_ROOT/var/lib/sallyport/peers.conf"
expect "and a revocation" lab_gate session revoke "$long"

# as many groups as there may be, each as long as one argument of a command can carry them
groups() { /usr/bin/python3 -c "print('[' + ', '.join('\"g%03d%s\"' % (i, 'é' * 118) for i in range($1 - 1)) + ', \"eng\"]')"; } # groups COUNT
in_many() { code portal session.open idp=corp subject=many user=many "groups=$(groups "$1")" "device={\"public_key\":\"$(key)\",\"name\":\"d$1\"}"; }
expect "512 groups are a person's" is ok in_many 512
expect "513 are not, and the portal is told how many may be" is bad-request in_many 513
expect "a list has all of them" is 512 eval 'op session.list user=many | show "len(r[\"sessions\"][0][\"groups\"])"'
expect "the portal is still served" is ok code portal session.list user=many

# refused sign-ins
before=$(records event=login-refused)
expect "the portal's refusals are recorded" is ok code portal login.refused idp=corp reason=bad-signature user=eve detail='kid "x" of no key' from=203.0.113.9 device=tablet
expect "with all it said" is "bad-signature corp eve tablet 203.0.113.9 portal" \
	eval 'op audit.query event=login-refused src=203.0.113.9 | show "[r[\"records\"][-1][k] for k in (\"reason\", \"idp\", \"user\", \"peer\", \"src\", \"by\")]"'
expect "an unknown word is none" is bad-request code portal login.refused reason=because
taken=$(op peer.list user=bob | show "r['peers'][0]['public_key']")
sign_in eve "$taken" '["eng"]' from=203.0.113.9 >"$LAB_DIR/refused"
expect "another's key: device-taken" is "login-refused device-taken" show "r['error']['code'], r['error']['reason']" <"$LAB_DIR/refused"
sign_in bob "$(key)" '["eng"]' >"$LAB_DIR/refused"
expect "another key of the same name: device-name" is "login-refused device-name" show "r['error']['code'], r['error']['reason']" <"$LAB_DIR/refused"
expect "in the same words in the log" is "bad-signature device-taken device-name" \
	eval 'op audit.query event=login-refused | show "[x[\"reason\"] for x in r[\"records\"][-3:]]"'
expect "each once" is 3 expr "$(records event=login-refused)" - "$before"
flood() {
	/usr/bin/python3 - "$socket" <<-'PY'
	import os, socket, sys
	os.setgroups([]); os.setgid(65534); os.setuid(65534)
	client = socket.socket(socket.AF_UNIX)
	client.connect(sys.argv[1])
	lines = client.makefile()
	for i in range(1000):
	    client.sendall(b'{"v":1,"id":1,"op":"login.refused","reason":"wrong-password","user":"flood"}\n')
	    lines.readline()
	PY
	sleep 1.5
}
flood
counted() { op audit.query event=login-refused limit=2000 | show "sum(x['packets'] or 1 for x in r['records'] if x['reason'] == 'wrong-password' or x.get('aggregated'))"; }
expect "of a flood every one is counted" is 1000 counted
expect "but half of them are not written" test "$(records event=login-refused)" -lt 600

# what status says
expect "a portal is missing" lab_wait 8 warns portal-missing
expect "and not shown" is None eval 'status | show "r[\"portal\"]"'
mkfifo "$LAB_DIR/hold"
portal --hold portal.report url=https://gate.example.org fingerprint=ab \
	'providers=[{"name":"local","type":"local","state":"ok"},{"name":"corp","type":"oidc","state":"unreachable","error":"no route"}]' \
	<"$LAB_DIR/hold" >/dev/null &
LAB_PIDS+=($!)
exec 9>"$LAB_DIR/hold"
expect "it reports" lab_wait 3 eval 'status | show "r[\"portal\"][\"url\"]" | grep -q gate.example.org'
expect "none is missing" fails warns portal-missing
expect "a provider that fails is a warning" warns provider-failed
says() { lab_gate status | grep -q "$1"; }
expect "status shows it" says 'portal  *https://gate.example.org'
expect "and its provider" says 'corp (oidc) unreachable: no route'
exec 9>&-
expect "it is gone with its connection" lab_wait 3 eval 'status | show "r[\"portal\"]" | grep -q None'
expect "and so is what it said of providers" fails warns provider-failed
expect "the log is whole" lab_gate audit verify
expect_done
