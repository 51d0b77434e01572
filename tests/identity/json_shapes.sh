#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What programs read as JSON has the shape of tests/golden/json/shapes: every reply of the control socket and every verb
# with --json, on a gateway with a portal, of which people sign in. (Topology: tests/support/portal.sh.)
#
#   tests/identity/json_shapes.sh            compare
#   tests/identity/json_shapes.sh --write    make the file anew; review it as a diff
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/portal.sh"
trap lab_down EXIT

SEEN=$LAB_DIR/seen
STATE=$LAB_DIR/laptop-state
MACHINE=$LAB_DIR/laptop-machine
socket=$LAB_ROOT/run/sallyport/control.sock

note() { sed "s/^/$1\t/" >>"$SEEN"; } # note SECTION : the lines of stdin
# reply OP [KEY=VALUE…] : asked as root; portal OP …: as the portal's user. The reply is kept in $LAB_DIR/reply too.
ask() { /usr/bin/python3 "$lab_top/tests/support/control.py" "$socket" "${@:2}" | tee "$LAB_DIR/reply" | note "$1"; }
reply() { ask "op $1" "$@"; }
portal() { ask "op $1" --uid "$LAB_PORTAL_USER" "$@"; }
refused() { ask "error $1" "${@:2}"; } # refused CODE OP …
told() { field "$1" <"$LAB_DIR/reply"; }
gate() { lab_gate "${@:2}" --json 2>/dev/null | note "sallyport $1"; } # gate SECTION VERB… : the gateway's command
elsewhere() { lab_in gateway sallyport "${@:3}" --json --root "$LAB_DIR/$2" 2>/dev/null | note "sallyport $1"; } # … SECTION ROOT VERB…
# on the laptop: a person, and its root
person() { lab_in laptop env HOME=/nonexistent sallyport "${@:2}" --json --state "$STATE" 2>/dev/null | note "sallyport $1"; }
root() {
	lab_in laptop "$lab_top/tests/support/with-sockets" "$MACHINE/var/run/wireguard" sallyport "${@:2}" --json \
		--root "$MACHINE" 2>/dev/null | note "sallyport $1"
}
key() { wg genkey | wg pubkey; }
device() { printf 'device={"public_key":"%s","name":"%s"}' "$(key)" "$1"; }
person_of() { printf '%s\n' idp=corp "subject=$1" "user=$1"; }

lab_up_with_portal
mkdir -p "$STATE" "$MACHINE/var/run/wireguard"
ip -n "$LAB-gateway" link add guest0 type bridge
ip -n "$LAB-gateway" link add other0 type bridge
sed -i 's/tunnel: vpn0/&, unmanaged: [guest0, guest1]/' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
lab_provider_file corp "$LAB_IDP" # nobody is there
bot=$(key)
{
	lab_people_policy | sed "s|^networks:|  bot: { match: [ {peer-key: \"$bot\"} ] }\n  idle: { match: [ {idp: corp, group: idle} ] }\n&\n  listed: { file: listed.netset }\n  named: { dns: named.corp.example }|
		s|^edge:|&\n  drop: listed|"
	cat <<-'YAML'
		  - { name: unused, deny: {from: contractor, to: git} }
		  - { name: unreachable, deny: {from: contractor, to: git} }
		nat: [ {name: farm, forward: {to: "192.0.2.1:tcp/9000", target: ["10.30.2.11:9000", "10.30.2.12:9000"]}} ]
		tests:
		  - { from: {role: engineer}, to: git, service: tcp/80, expect: allow, rule: eng-git }
		  - { from: {role: contractor}, to: git, service: tcp/80, expect: deny, rule: unused }
	YAML
} >"$LAB_DIR/policy.yaml"
sed '/^  git: /d' "$LAB_DIR/policy.yaml" >"$LAB_DIR/bad.yaml"
sed 's/expect: allow, rule: eng-git/expect: deny/' "$LAB_DIR/policy.yaml" >"$LAB_DIR/failing.yaml"
sed '/name: unused/d; s/, rule: unused//; /^  idle:/d' "$LAB_DIR/policy.yaml" >"$LAB_DIR/second.yaml"
sed 's/tcp.80, icmp/tcp\/81, tcp\/80, icmp/; s/^sallyport: 1/&\nsettings: { reject: icmp }/' "$LAB_DIR/policy.yaml" >"$LAB_DIR/other.yaml"
sed 's/expect: allow, rule: eng-git/only: none/; s/, service: tcp.80, only/, only/' "$LAB_DIR/policy.yaml" >"$LAB_DIR/only.yaml"
mkdir -p "$LAB_ROOT/etc/sallyport/feeds"
echo 198.51.100.0/24 >"$LAB_ROOT/etc/sallyport/feeds/listed.netset"
mkdir -p "$LAB_ROOT/var/lib/sallyport/dns" # known, and good for so long that nobody is asked
printf 'sallyport-dns 1\nasked %s ttl 86400\n10.30.7.7 %s\n' "$(date +%s)" "$(date +%s)" >"$LAB_ROOT/var/lib/sallyport/dns/named.corp.example"
touch "$SEEN"
# a capture, and a saved token with its keys: those of the command line's tests
/usr/bin/python3 - "$LAB_DIR" "$lab_top/tests/unit/cli" <<-'PY'
	import sys
	_, folder, tests = sys.argv
	sys.dont_write_bytecode, sys.path, sys.argv = True, [tests, *sys.path], ["", folder, folder]
	import test_idp, test_options
	for name, content in (("pcap", test_options.capture()), ("token", test_idp.GOOD.encode()), ("jwks", test_idp.KEYS.encode())):
	    with open(f"{folder}/{name}", "wb") as file:
	        file.write(content)
PY
printf 'type: oidc\nissuer: https://op.example.test\nclient-id: gate\n' >"$lab_providers/saved.yaml"

lab_start_daemon || exit 1
gate status status
refused no-policy explain from=anonymous to=10.30.2.9:80
gate apply apply "$LAB_DIR/policy.yaml"
lab_start_engine && lab_start_portal || exit 1
lab_start_web office 10.30.2.9 80 "the git server"

# policies
for file in policy failing only; do gate check check "$LAB_DIR/$file.yaml"; done
gate "check, invalid" check "$LAB_DIR/bad.yaml"
gate "explain FILE" explain "$LAB_DIR/policy.yaml" --from role:engineer --to 10.30.2.9:80
gate "explain FILE" explain "$LAB_DIR/policy.yaml" --from anonymous --to 10.30.2.9
gate "explain FILE" explain "$LAB_DIR/policy.yaml" --from role:contractor --to 10.30.2.9:80 # another rule behind the first
gate replay replay "$LAB_DIR/policy.yaml" --pcap "$LAB_DIR/pcap"
reply check "path=policy.yaml" "text=$(cat "$LAB_DIR/policy.yaml")"
reply plan "path=second.yaml" "text=$(cat "$LAB_DIR/second.yaml")"
reply plan "path=other.yaml" "text=$(cat "$LAB_DIR/other.yaml")"
gate plan plan "$LAB_DIR/other.yaml"
gate "plan --against" plan "$LAB_DIR/other.yaml" --against "$LAB_DIR/policy.yaml"
refused policy-invalid check "path=policy.yaml" "text=$(cat "$LAB_DIR/bad.yaml")"
refused tests-failed apply "path=policy.yaml" "text=$(cat "$LAB_DIR/failing.yaml")"
reply apply "path=policy.yaml" "text=$(cat "$LAB_DIR/policy.yaml")"

# people
# shellcheck disable=SC2046
portal session.open $(person_of ana) 'groups=["eng"]' "$(device laptop)" refresh=sealed from=192.0.2.11
ana=$(told "r['session']")
# shellcheck disable=SC2046
reply session.open $(person_of carl) 'groups=["idle"]' "$(device x)"
gate "session open" session open --user bob --idp corp --groups eng,vendors --pubkey "$(key)" --device phone
lab_gate plan "$LAB_DIR/other.yaml" >"$LAB_DIR/plan"
expect "1 as the policy differs" test $? -eq 1
expect "a plan counts who is signed in" grep -q "^+ engineer gain tcp/81 to .* ([1-9] signed in)$" "$LAB_DIR/plan"
reply session.extend "session=$ana"
gate "session extend" session extend "$ana"
portal session.update "session=$ana" idp=corp subject=ana ends_s=600 ending=unconfirmed
portal session.update "session=$ana" idp=corp subject=ana ends_s=-1
portal session.update "session=$ana" idp=corp subject=ana 'groups=["eng","vendors"]'
portal device.challenge
portal portal.certificate
portal login.refused reason=no-role idp=corp user=eve
reply peer.add name=bot "public_key=$bot"
gate "peer add" peer add --name desk --user ana --idp corp --subject ana --pubkey "$(key)"
reply peer.config device=ana/laptop
gate "peer config" peer config ana/laptop
reply apply "path=policy.yaml" "text=$(cat "$LAB_DIR/second.yaml")" # carl's role is gone

# an apply that waits to be confirmed
second="text=$(cat "$LAB_DIR/second.yaml")"
waits() { lab_gate status --json | field "(lambda p: $1)(r['pending'])" 2>/dev/null | grep -qx True; } # waits CONDITION
refused no-watchdog apply path=policy.yaml "$second" 'confirm={"seconds":600}'
lab_start_watchdog
gate apply apply --confirm 10m --probe tcp:10.30.2.9:80 --probe tcp:10.30.2.9:81 "$LAB_DIR/second.yaml" &
waiting=$!
expect "it waits, and has been probed" lab_wait 20 waits "p['probes'][0]['reached'] > 0 and p['probes'][1]['failed'] > 0"
reply pending
reply status rules=true
refused busy-confirming apply path=policy.yaml "$second"
reply confirm
wait $waiting
refused not-pending confirm
reply apply path=policy.yaml "$second" 'confirm={"seconds":600}'
gate confirm confirm
reply apply path=policy.yaml "$second" 'confirm={"seconds":600}'
revision=$(told "r['revision']")
ask "op rollback, returning" rollback
expect "it returns" lab_wait 20 waits "not p"
reply pending "revision=$revision"
reply rollback
gate rollback rollback
lab_kill "$lab_watchdog_pid"
reply history
gate history history

# ana at her laptop
person login login "$LAB_PORTAL" --fingerprint "$lab_fingerprint" --idp local --user ana --password-fd 3 3<<<"ana's secret"
root up up --state "$STATE"
lab_wait 10 lab_get laptop http://10.30.2.9/ >/dev/null
lab_in laptop ip address add 100.64.200.1/32 dev sallyport
lab_in laptop ping -c 1 -W 1 -I 100.64.200.1 10.30.2.9 >/dev/null # nobody's address: the engine drops it
lab_in laptop ip address del 100.64.200.1/32 dev sallyport
lab_get laptop http://10.30.2.9:81/ # no rule allows it
denied() { lab_gate audit --json --event deny --user ana --rule default | grep -q .; }
expect "a denial of ana's is on record" lab_wait 10 denied
root "status URL" status --state "$STATE"
portal session.list all=true user=ana idp=local
reply session.list all=true tunnel=true "device=$(wg pubkey <"$STATE/192.0.2.1/key")"
gate "session list" session list --all
portal peer.list
gate "peer list" peer list
for to in 10.30.2.9:80 10.30.9.4/icmp; do
	reply explain from=ana idp=local "to=$to"
	gate explain explain --from ana --idp local --to "$to"
done
reply explain from=role:engineer to=10.30.2.9
reply explain from=192.0.2.11 on=guest0 to=10.30.2.9:80
reply explain from=anonymous to=192.0.2.1:443
reply explain from=198.51.100.9 to=192.0.2.1:9000

# what runs
lab_in gateway nft delete table inet sallyport
lab_in gateway ip link set lan0 down
drifted() { lab_gate status --json | field "sorted({d['code'] for d in r['drift']})" | grep -q "interface-down.*lock-changed"; }
lab_wait 10 drifted
reply status rules=true
gate status status --rules
lab_in gateway ip link set lan0 up
gate doctor doctor
reply audit.query limit=1000
gate audit audit
gate "audit verify" audit verify
lab_gate audit --json >"$LAB_DIR/records"
sed 's/tcp.80/tcp\/79/' "$LAB_DIR/policy.yaml" >"$LAB_DIR/changed.yaml"
gate "replay --from" replay "$LAB_DIR/changed.yaml" --from "$LAB_DIR/records" --gateway "$LAB_ROOT/etc/sallyport/sallyport.yaml"
record=$(lab_gate audit --json --event deny --user ana --rule default --limit 1)
reply explain "record=$record"
gate explain explain --record "$record"
sed 's/^/event audit.query\t/' < <(/usr/bin/python3 - "$socket" <<-'PY'
	import json, socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.connect(sys.argv[1])
	lines = s.makefile("r")
	for request in ({"op": "audit.query", "follow": True}, {"op": "login.refused", "reason": "no-role", "user": "eve"}):
	    other = s if "follow" in request else socket.socket(socket.AF_UNIX)
	    if other is not s:
	        other.connect(sys.argv[1])
	    other.sendall(json.dumps({"v": 1, "id": 1, **request}).encode() + b"\n")
	    if other is s:
	        lines.readline()
	print(lines.readline(), end="")
PY
) >>"$SEEN"

# files
elsewhere init new init --yes --edge wan0 --inside lan0 --pool 100.64.0.0/16 --portal-name gate.example.org
gate "idp list" idp list
gate "idp test" idp test corp
verify=(idp verify saved --id-token "$LAB_DIR/token" --jwks "$LAB_DIR/jwks" --at 1700000010)
gate "idp verify" "${verify[@]}"
gate "idp verify, refused" "${verify[@]}" --nonce n2
gate "user list" user list
gate "user add" user add dora --idp local --groups eng --password-fd 3 3<<<"dora's secret"
gate "user passwd" user passwd dora --idp local --password-fd 3 3<<<"another secret"
gate "user groups" user groups dora eng ops --idp local
gate "user remove" user remove dora --idp local
gate backup backup "$LAB_DIR/gateway.tar"
elsewhere restore restored restore "$LAB_DIR/gateway.tar" --yes

# the end
root down down
person logout logout
refused no-such-session session.close session=99999
refused unknown-op nothing
refused not-permitted --uid "$LAB_PORTAL_USER" apply
refused login-refused session.open idp=corp subject=eve user=eve 'groups=["sales"]' "$(device x)"
gate "VERB, refused" session extend 99999
reply session.close user=bob
gate "session revoke" session revoke ana --idp corp
reply ban prefix=203.0.113.7 for_s=3600 reason=trial
gate ban ban 2001:db8:bad::/48
reply bans
gate bans bans
reply rules
gate 'report unused' report unused
reply unban prefix=2001:db8:bad::/48
gate unban unban 203.0.113.7
refused no-such-ban unban prefix=203.0.113.7
gate "peer remove" peer remove bot
reply peer.remove device=ana/desk
reply portal.report url=https://gate.example.org fingerprint=null 'providers=[]' every=60
reloaded() { lab_gate reload --json >"$LAB_DIR/reload" 2>/dev/null; }
lab_wait 10 reloaded # once no revision is under way
note "sallyport reload" <"$LAB_DIR/reload"
reply reload
gate detach detach
reply detach

mode=compare # or write
[ "${1:-}" != --write ] || mode="write"
expect "all that programs read has the shape that was reviewed" \
	/usr/bin/python3 "$lab_top/tests/golden/json/shapes.py" $mode "$SEEN"
expect_done
