#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Signing in at a provider (oidc-provider): device flow, refresh tokens that change at each use, groups given
# and taken, keys made anew, the provider gone for a while, a grant revoked. (Topology: tests/support/portal.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/portal.sh"
trap lab_down EXIT

rx_bytes() { lab_data_bytes laptop; }
session_of() { lab_gate session list --user "$1" --json | grep '"live"' | tail -n 1; }
roles_of() { session_of "$1" | field "','.join(r['roles'])"; }
refreshes() { grep -c '"grant":"refresh_token"' "$LAB_DIR/idp.log"; }
more_refreshes() { [ "$(refreshes)" -ge $(($1 + $2)) ]; }
portal_noticed() { [ "$(grep -c "provider corp: provider-unreachable" "$LAB_DIR/portal.log")" -ge 2 ]; }
provider_is() { lab_api stranger GET providers | field "[p['state'] for p in r['providers'] if p['name'] == '$1'][0]" | grep -q "$2"; }
ends() { [ "$(lab_sessions "$1")" = 0 ]; }
in_status() { lab_gate status --json | field "[f\"{p['state']} {p['code']}\" for p in r['portal']['providers'] if p['name'] == '$1'][0]" | grep -qx "$2"; }

lab_up_with_portal
lab_provider_file corp "$LAB_IDP" "refresh: 1s"
for algorithm in es256 ps256 eddsa; do
	lab_provider_file "corp-$algorithm" "$LAB_IDP" "refresh: 1s"
	sed -i "s/client-id: sallyport/&-$algorithm/" "$lab_providers/corp-$algorithm.yaml"
done
lab_provider_file corp-secret "$LAB_IDP" "refresh: 1d"
sed -i "s/client-id: sallyport/&-secret\nclient-secret-file: corp.secret/" "$lab_providers/corp-secret.yaml"
echo a-secret-of-the-lab-0123456789abcdef >"$lab_providers/corp.secret"
LAB_IDP_OPTIONS+=(--secret another-secret-of-the-lab-0123456789)
lab_start_idp || exit 1
lab_portal_ready corp-es256 corp-ps256 corp-eddsa corp-secret || exit 1
expect "the portal knows the provider" lab_wait 15 provider_is corp ok

# ---- in ----
expect "ana signs in at corp, with a code she enters there" lab_login_at laptop corp ana --config "$LAB_DIR/laptop.conf"
expect "the client shows where to go, never the provider's own secret" fails grep -q device_code "$LAB_DIR/laptop-login.log"
lab_tunnel_up laptop
expect "her first packet passes" lab_wait 10 lab_reaches laptop
expect "who she is, from the token" same "$(session_of ana | field "r['user'], r['idp'], r['roles']")" \
	"ana corp ['engineer']"
for algorithm in es256 ps256 eddsa; do
	expect "bob signs in, his token signed by $algorithm" lab_login_at phone "corp-$algorithm" bob --new-key
done
expect "another provider's bob is another person: not with this one's device" eval '
	! lab_login_at phone corp-es256 bob && grep -q "somebody else" "$LAB_DIR/phone-login.log"'

# ---- declined ----
expect "declined at the provider: the client says so and fails" eval '
	: >"$LAB_DIR/no.log"
	lab_login stranger --idp corp --json >/dev/null 2>"$LAB_DIR/no.log" & pid=$!
	lab_wait 20 lab_is_asked "$LAB_DIR/no.log" $pid
	lab_approve stranger ana "$LAB_DIR/no.log" --deny --expect abort
	! wait $pid'
expect "as the record says" lab_wait 5 eval 'lab_gate audit --json --event login-refused --limit 5 | grep -q "\"denied\""'
expect "no session was made" same "$(lab_sessions ana)" 1

# ---- a secret the provider does not take ----
expect "with a wrong secret nobody signs in" fails lab_login stranger --idp corp-secret --json
expect "as status says" lab_wait 10 in_status corp-secret "failed client-refused"

# ---- groups, while it lasts ----
before=$(refreshes)
expect "her groups are asked for again and again, each time with a new refresh token" lab_wait 15 more_refreshes "$before" 3
expect "and nothing changes" same "$(lab_sessions ana) $(roles_of ana)" "1 engineer"
lab_watch_data laptop wg0
lab_run laptop download.log curl -s --noproxy '*' --limit-rate 2M -o /dev/null http://10.30.2.9/big
download=$lab_pid
start=$(rx_bytes)
lab_wait 5 eval '[ $(rx_bytes) -gt $((start + 500000)) ]'
lab_idp groups ana vendors
expect "another group: another role" lab_wait 15 eval '[ "$(roles_of ana)" = contractor ]'
at_change=$(lab_data_last laptop)
sleep 1
expect "the download that was running is cut: nothing more arrives" same "$(rx_bytes)" "$at_change"
lab_kill "$download"
lab_idp groups ana vendors,eng
expect "a group given works at once, with the same device" lab_wait 15 lab_reaches laptop
expect "both roles" same "$(roles_of ana)" "engineer,contractor"
lab_idp groups ana nothing-known
expect "no role left: the session ends" lab_wait 15 ends ana
expect "and the record says why" lab_wait 5 eval 'lab_gate audit --json --user ana --event session-close --limit 5 | grep -q no-role'
expect "the next packet is refused" lab_refused laptop

# ---- new keys ----
lab_idp groups ana eng
expect "in again" lab_login_at laptop corp ana --config "$LAB_DIR/laptop.conf"
lab_client_set laptop
expect "and through" lab_wait 15 lab_reaches laptop
lab_kill "$lab_idp_pid" TERM
unset "LAB_IDP_OPTIONS[-1]" "LAB_IDP_OPTIONS[-1]" # from here on with the secret that the gateway has
lab_start_idp || exit 1
expect "the provider restarted with new keys: the session goes on" lab_wait 15 more_refreshes "$(refreshes)" 2
expect "with its role" same "$(lab_sessions ana) $(roles_of ana)" "1 engineer"
expect "a token of the new keys is taken: the key set is fetched once more" lab_login_at phone corp bob --new-key

# ---- the provider gone ----
lab_kill "$lab_idp_pid"
expect "the provider is gone: the portal notices when it asks" lab_wait 30 portal_noticed
expect "sessions live on" same "$(lab_sessions ana) $(roles_of ana)" "1 engineer"
expect "and pass" lab_reaches laptop
expect "signing in there is refused, with what to do" eval '
	! lab_login stranger --idp corp 2>"$LAB_DIR/gone.log" </dev/null && grep -qi "again" "$LAB_DIR/gone.log"'
expect "local users sign in as ever" lab_login_local stranger bob
lab_start_idp || exit 1
expect "it is back: the portal finds it" lab_wait 60 provider_is corp ok
expect "and asks for groups again" lab_wait 60 more_refreshes "$(refreshes)" 1

# ---- the grant revoked ----
lab_idp revoke ana
expect "her grant revoked at the provider: the session ends" lab_wait 30 ends ana
expect "with the next packet" lab_refused laptop
expect "the record says why" lab_wait 5 eval 'lab_gate audit --json --user ana --event session-close --limit 5 | grep -q provider-revoked'
# ---- and the secret it takes again ----
expect "the provider is asked a minute after its refusal, and each two minutes at most: it takes the gateway again" \
	lab_wait 40 in_status corp-secret "ok None"
expect "though nobody signed in there" same "$(lab_gate session list --all --json | grep -c '"idp":"corp-secret"')" 0
expect "which the log says" grep -q "provider corp-secret takes this gateway as its client again" "$LAB_DIR/portal.log"
expect "and they can" lab_login_at stranger corp-secret ana --new-key

expect "a refresh token is nowhere in clear" eval '! grep -rqE "$(field "[v[\"jti\"] for k, v in r if k.startswith(\"RefreshToken:\")][-1]" <"$LAB_DIR/idp/state.json")" "$LAB_ROOT/var"'
expect_done
