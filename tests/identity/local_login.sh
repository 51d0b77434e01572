#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Signing in with a local password: the first packet passes; who guesses learns nothing and is slowed, and
# locks nobody out; who is removed from the file is out. (Topology: tests/support/portal.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/portal.sh"
trap lab_down EXIT

key() { wg genkey | wg pubkey; }
# attempt HOST USER PASSWORD [KEY] : the answer's body
attempt() {
	lab_api "$1" POST login "{\"idp\":\"local\",\"user\":\"$2\",\"password\":\"$3\",\"device\":{\"public_key\":\"${4:-$(key)}\",\"name\":\"$1\"}}"
}
refused_as() { field "r['error']['code']" <"$LAB_DIR/$1.answer"; }
# The newest refusal on record, less what must differ: who, why, when, and its place in the chain.
refusal_of() {
	lab_gate audit --json --event login-refused --user "$1" --limit 1 |
		field "{k: str(v).replace('$1', 'USER') for k, v in r.items() if k not in ('seq', 'time', 'prev', 'reason', 'revision')}"
}
slowed() { attempt "$1" "$2" wrong >/dev/null; [ "$(lab_status "$1")" = 429 ]; }

lab_up_with_portal
lab_portal_ready || exit 1

# ---- in ----
expect "ana signs in" lab_login_local laptop ana --config "$LAB_DIR/laptop.conf"
expect "the file is hers alone" same "$(stat -c %a "$LAB_DIR/laptop.conf")" 600
expect "it is whole: a stock client takes it" lab_tunnel_up laptop
expect "her first packet passes" lab_wait 10 lab_reaches laptop
expect "the record has her name and her role" same \
	"$(lab_record session-open ana | field "r['user'], r['roles']")" "ana ['engineer']"
expect "bob signs in" lab_login_local phone bob --config "$LAB_DIR/phone.conf"
lab_tunnel_up phone
expect "and reaches what his role may: the portal, from inside" lab_wait 10 lab_api phone GET providers
expect "not git" lab_refused phone
expect "his own status says what he was refused, and that no rule allows it" lab_wait 10 eval \
	'lab_in phone sallyport status --state "$LAB_DIR/phone-state" | grep -q "refused *to 10.30.2.9 tcp/80, .* ago: no rule allows it"'
expect "hers says nothing of it" eval '! lab_in laptop sallyport status --state "$LAB_DIR/laptop-state" | grep -q refused'

# ---- guessing ----
attempt stranger ana "not her secret" >"$LAB_DIR/wrong"
wrong_status=$(lab_status stranger)
attempt stranger nobody "not her secret" >"$LAB_DIR/unknown"
expect "a wrong password is refused" same "$wrong_status" 401
expect "an unknown user alike" same "$(lab_status stranger)" 401
expect "byte for byte" cmp "$LAB_DIR/wrong" "$LAB_DIR/unknown"
expect "the message says what to do" grep -q "check both" "$LAB_DIR/wrong"
expect "the record knows: a wrong password" same "$(lab_record login-refused ana | field "r['reason']")" wrong-password
expect "the record knows: no such user" same "$(lab_record login-refused nobody | field "r['reason']")" unknown-user
expect "and is the same otherwise" same "$(refusal_of ana)" "$(refusal_of nobody)"
expect "no session was made" same "$(lab_sessions ana) $(lab_sessions nobody)" "1 0"
expect "a stranger who goes on is slowed" lab_wait 30 slowed stranger ana
expect "and told how long" eval "[ \$(field \"r['error']['retry_after_s']\" <'$LAB_DIR/stranger.answer') -ge 1 ]"
expect "as the record says" same "$(lab_record login-refused ana | field "r['reason']")" slow-down
attempt laptop ana "ana's secret" "$(lab_key laptop)" >"$LAB_DIR/again"
expect "ana herself signs in meanwhile" same "$(lab_status laptop)" 200
expect "with the same device and addresses" same "$(field "r['session']['addresses'][0]" <"$LAB_DIR/again")" \
	"$(lab_address_of laptop 4)"
expect "and reaches git" lab_wait 10 lab_reaches laptop

# ---- somebody else's device ----
attempt phone bob "bob's secret" "$(lab_key laptop)" >/dev/null
expect "bob does not sign in with ana's key" same "$(lab_status phone) $(refused_as phone)" "403 device-taken"
expect "as the record says" same "$(lab_record login-refused bob | field "r['reason']")" device-taken
expect "ana is where she was" lab_reaches laptop

# ---- in place, out, removed ----
before=$(lab_gate session list --user ana --json | grep '"live"' | field "r['expires']")
expect "ana extends her session" lab_login_local laptop ana
expect "it lasts longer" [ "$(lab_gate session list --user ana --json | grep '"live"' | field "r['expires']")" \> "$before" ]
sed -i '/^  ana:/d' "$lab_providers/local.yaml"
expect "removed from the file, ana is out: her session ends" lab_wait 20 eval '[ "$(lab_sessions ana)" = 0 ]'
expect "with the next packet" lab_refused laptop
attempt laptop ana "ana's secret" "$(lab_key laptop)" >"$LAB_DIR/removed"
expect "and signs in no more" same "$(lab_status laptop)" 401
expect "answered as anybody unknown" cmp "$LAB_DIR/removed" "$LAB_DIR/unknown"
expect "bob's session is what it was" same "$(lab_sessions bob)" 1

# ---- a broken file ----
cp "$lab_providers/local.yaml" "$LAB_DIR/local.good"
echo '  carl: { passwort: x }' >>"$lab_providers/local.yaml"
expect "a wrong line is named in status, with its place" lab_wait 20 eval \
	"lab_gate status --json | grep -q 'local.yaml:[0-9]*:'"
cp "$LAB_DIR/local.good" "$lab_providers/local.yaml"
expect_done
