#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Attack: to be somebody else by what everybody may know of them. Eve has a machine's public key (policies are read by
# many), ana's public key, ana's name at another provider, names nobody can tell apart, and a gateway that takes devices.
# Claim (docs/threat-model.md): a machine's rights go to the machine alone; who has a private key gets the key, and until
# it is shown to be theirs a claim to it gives nothing and blocks nobody; a rule for one ana is no rule for another; one
# person's devices leave room for everybody's. (Topology: tests/support/portal.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/portal.sh"
trap lab_down EXIT

key() { wg genkey | wg pubkey; }
# attempt HOST USER KEY NAME : a sign-in without proof, as a browser or a stock app does it
attempt() {
	lab_api "$1" POST login \
		"{\"idp\":\"local\",\"user\":\"$2\",\"password\":\"$2's secret\",\"device\":{\"public_key\":\"$3\",\"name\":\"$4\"}}" >/dev/null
}
refused_as() { echo "$(lab_status "$1") $(field "r['error']['code']" <"$LAB_DIR/$1.answer")"; }
recorded() { lab_record login-refused "$1" | field "r['reason']"; }
# Whose device has that key, with + when proven.
holder() { lab_gate peer list --json | grep -F "\"$1\"" | field "r['user'] + ('+' if r['proven'] else '-')" 2>/dev/null; }
devices() { lab_gate peer list --user "$1" --json | grep -c public_key; }
kept_key() { wg pubkey <"$(echo "$LAB_DIR/$1-state"/*/key)"; }
# A session as the portal opens one for whom a provider of that name vouches: opens HOST IDP USER GROUP
opens() {
	lab_control session.open idp="$2" subject="\"$3-at-$2\"" user="$3" groups="[\"$4\"]" \
		device="{\"public_key\":\"$(key)\",\"name\":\"$1-$2\"}"
}
lab_control() { /usr/bin/python3 "$lab_top/tests/support/control.py" "$LAB_ROOT/run/sallyport/control.sock" "$@"; }
may() { lab_gate explain "$@" --to 10.30.2.9:22/tcp --json | field "r['verdict']"; }

lab_up_with_portal
sed -i 's#pool: \[[^]]*\]#pool: [100.64.0.0/27, "fd00:64::/64"]#' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
BOT=$(wg genkey) BOT_KEY=
BOT_KEY=$(wg pubkey <<<"$BOT")
cat >>"$lab_providers/local.yaml" <<-YAML
	  eve: { password: "$(lab_hash "eve's secret")", groups: [visitors] }
YAML
lab_portal_ready || exit 1
people() { # people [ROLE…] : the policy, with these roles more
	lab_people_policy partner | awk -v more="$1" '/^networks:/ { print more } { print }'
	cat <<-YAML
		  - { name: bot-git, allow: {from: bot, to: git, services: tcp/22} }
		  - { name: ana-ssh, allow: {from: {user: ana, idp: corp}, to: git, services: tcp/22} }
	YAML
}

# ---- a machine's key ----
machine="  bot: { match: {peer-key: \"$BOT_KEY\"} }"
attempt stranger eve "$BOT_KEY" early
expect "eve, without a role, has no session" same "$(refused_as stranger)" "403 no-role"
attempt phone bob "$BOT_KEY" early
expect "bob enrols a key before a policy says whose it is" same "$(holder "$BOT_KEY")" bob-
people "$machine" >"$LAB_DIR/policy.yaml"
lab_gate apply "$LAB_DIR/policy.yaml" >>"$LAB_DIR/apply.log"
expect "the policy that names it as a machine's takes it from him" same "$(holder "$BOT_KEY")" ""
expect "with his session" same "$(lab_sessions bob)" 0
expect "on record" same "$(recorded bob)" machine-key
attempt stranger eve "$BOT_KEY" bot
expect "eve does not become the machine by its public key" same "$(refused_as stranger)" "403 device-taken"
expect "on record, by name" same "$(recorded eve)" machine-key
attempt phone bob "$BOT_KEY" bot
expect "nor does bob, who has a role" same "$(refused_as phone)" "403 device-taken"
expect "nor by an administrator's hand" fails lab_gate peer add --pubkey "$BOT_KEY" --name bot --user bob --idp local
expect "the machine itself is enrolled" lab_gate peer add --pubkey "$BOT_KEY" --name bot
expect "and has its role" same "$(lab_gate session list --json | grep '"bot"' | field "r['roles'], r['idp']")" "['bot'] None"

# ---- ana's key ----
printf '%s\n' "$(wg genkey)" >"$LAB_DIR/ana.key"
ANA=$(wg pubkey <"$LAB_DIR/ana.key")
attempt phone bob "$ANA" hers
expect "bob claims ana's public key" same "$(holder "$ANA")" bob-
attempt laptop ana "$ANA" laptop
expect "ana, who shows nothing, is refused" same "$(refused_as laptop)" "403 device-taken"
lab_api stranger POST login "{\"idp\":\"local\",\"user\":\"ana\",\"password\":\"ana's secret\",\"device\":{\"public_key\":\"$ANA\",\"name\":\"laptop\",\"challenge\":\"$(lab_api stranger GET challenge | field "r['challenge']")\",\"proof\":\"$(key)\"}}" >/dev/null
expect "a proof that is none is refused" same "$(refused_as stranger)" "403 key-proof"
lab_login_local laptop ana --config "$LAB_DIR/laptop.conf" >/dev/null # makes the folder; then her own key
mkdir -p "$LAB_DIR/laptop-state"
cp "$LAB_DIR/ana.key" "$(echo "$LAB_DIR/laptop-state"/*/)key"
sallyport logout --state "$LAB_DIR/laptop-state" >/dev/null 2>&1
rm "$(echo "$LAB_DIR/laptop-state"/*/)session.json"
expect "ana, who has the private key, signs in" lab_login_local laptop ana --device mine --config "$LAB_DIR/laptop.conf" --force
expect "the key is hers, and proven" same "$(holder "$ANA")" ana+
expect "bob has lost it, with his session" same "$(lab_sessions bob)" 0
expect "on record" same "$(recorded bob)" key-proven
lab_tunnel_up laptop
expect "her packets are hers" lab_wait 10 lab_reaches laptop
attempt phone bob "$ANA" hers
expect "bob cannot claim it any more" same "$(refused_as phone)" "403 device-taken"

# ---- a stock app: nothing is shown but a handshake ----
wg genkey >"$LAB_DIR/app.key"
APP=$(wg pubkey <"$LAB_DIR/app.key")
lab_api phone POST login "{\"idp\":\"local\",\"user\":\"ana\",\"password\":\"ana's secret\",\"device\":{\"public_key\":\"$APP\",\"name\":\"app\"}}" |
	field "r['tunnel']['config'].replace('PrivateKey =', 'PrivateKey = ' + open('$LAB_DIR/app.key').read().strip() + ' ')" >"$LAB_DIR/phone.conf"
expect "an app's key is not proven by its sign-in" same "$(holder "$APP")" ana-
lab_tunnel_up phone
expect "it works" lab_wait 10 lab_reaches phone
expect "and the handshake proved it" lab_wait 20 eval '[ "$(holder "$APP")" = ana+ ]'

# ---- keys that are none ----
GATEWAY=$(lab_gate status --json | field "r['tunnel_key']")
other_form() { base64 -d <<<"$1" | /usr/bin/python3 -c 'import base64, sys; k = bytearray(sys.stdin.buffer.read()); k[31] |= 128; print(base64.b64encode(k).decode())'; }
for none in AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
	"$(other_form "$ANA")" "$(other_form "$BOT_KEY")" "$GATEWAY"; do
	attempt phone bob "$none" none
	expect "no device has the key $none" fails [ "$(lab_status phone)" = 200 ]
done

# ---- two of a name ----
expect "ana of corp is let in" grep -q '"ok":true' <(opens laptop corp ana eng)
expect "ana of partner too" grep -q '"ok":true' <(opens phone partner ana vendors)
expect "a bare name means nobody" fails lab_gate explain --from ana --to 10.30.2.9:22/tcp
expect "corp's ana has the rule written for her" same "$(may --from ana --idp corp)" allow
expect "partner's ana has not" same "$(may --from ana --idp partner)" deny
expect "revoking a bare name revokes nobody" fails lab_gate session revoke ana
expect "partner's ana is revoked" lab_gate session revoke ana --idp partner
expect "and no other" same "$(lab_gate session list --user ana --idp corp --json | grep -c '"live"') $(lab_gate session list --user ana --idp partner --json | grep -c '"live"')" "1 0"
expect "the record says whose ana it was" same "$(lab_gate audit --json --event session-close --user ana --idp partner --limit 1 | field "r['idp'], r['user']")" "partner ana"
sed 's/{user: ana, idp: corp}/{user: ana}/' "$LAB_DIR/policy.yaml" >"$LAB_DIR/bare.yaml"
expect "a policy that says only ana is refused" same "$(sallyport check "$LAB_DIR/bare.yaml" >"$LAB_DIR/bare.out" 2>&1; echo $?)" 3
expect "by place, with both" grep -q 'bare.yaml:[0-9]*:[0-9]*: .*corp.*partner\|bare.yaml:[0-9]*:[0-9]*: .*local.*partner' "$LAB_DIR/bare.out"

# ---- names nobody can tell apart ----
for name in 'ana\u200b' 'ana\u202e' 'an\u00ada' 'ana\u2028' 'ana\u00a0' ' ana' 'a/na' 'ana\u009b' 'ana\ue000'; do
	expect "nobody is called $name" grep -q bad-request <(lab_control session.open idp=corp subject='"x"' user="\"$name\"" groups='["eng"]' \
		device="{\"public_key\":\"$(key)\",\"name\":\"odd\"}")
	expect "no device is" grep -q bad-request <(lab_control session.open idp=corp subject='"x"' user=x groups='["eng"]' \
		device="{\"public_key\":\"$(key)\",\"name\":\"$name\"}")
done

# ---- as many devices as there are addresses ----
for i in $(seq 1 20); do attempt stranger bob "$(key)" "dev$i"; done
expect "bob has no more devices than a person may" same "$(devices bob)" 16
expect "and is told what to do" grep -q "remove one" "$LAB_DIR/stranger.answer"
expect "by name" same "$(refused_as stranger) $(recorded bob)" "403 too-many-devices too-many-devices"
expect "ana still enrols one" eval 'attempt phone ana "$(key)" another; [ "$(lab_status phone)" = 200 ]'
for i in $(seq 1 12); do
	lab_gate peer add --pubkey "$(key)" --name "host$i" --user carl --idp corp >"$LAB_DIR/add.out" 2>&1 || break
done
expect "the last address is given" grep -q "no IPv4 address is left" "$LAB_DIR/add.out"
expect "status had it coming" lab_wait 15 eval 'lab_gate status --json | grep -q pool-nearly-empty'
attempt phone ana "$(key)" late
expect "who comes now is not told that the gateway is busy" same "$(refused_as phone)" "503 pool-empty"
expect_done
