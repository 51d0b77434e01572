#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Portal, sallyportd and engine are killed in turns: sessions go on, those who were signed in stay so, and what
# needs the dead one fails with a word. (Topology: tests/support/portal.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/portal.sh"
trap lab_down EXIT

refreshes() { grep -c '"grant":"refresh_token"' "$LAB_DIR/idp.log"; }
# Killed between a provider's answer and its store, a portal cannot know the next token: that is what is on record then,
# and ana signs in again.
again_if_lost() {
	lab_gate session list --user ana --json | grep '"live"' | grep -q '"ending": *"refresh-lost"' || return 1
	lab_login_at laptop corp ana --config "$LAB_DIR/again.conf" && session=$(live)
}
asks_again() { [ "$(refreshes)" -ge $((before + 2)) ] || { again_if_lost && false; }; }
live() { lab_gate session list --user ana --json | grep '"live"' | field "r['session']"; }
state_seen() { lab_api "$1" GET session "" "$(lab_token "$1")" | field "r['session']['state']"; }

lab_up_with_portal
lab_provider_file corp "$LAB_IDP" "refresh: 1s"
lab_start_idp && lab_portal_ready || exit 1
lab_wait 15 eval 'lab_api stranger GET providers | grep -q "\"corp\".*\"ok\""'
expect "ana signs in at corp" lab_login_at laptop corp ana --config "$LAB_DIR/laptop.conf"
lab_tunnel_up laptop
expect "and is through" lab_wait 10 lab_reaches laptop
expect "bob signs in by password" lab_login_local phone bob --config "$LAB_DIR/phone.conf"
session=$(live)

# ---- the portal ----
lab_kill "$lab_portal_pid"
expect "portal killed: the session goes on" lab_reaches laptop
expect "status says that there is none" eval '[ "$(lab_gate status --json | field "r.get(\"portal\")")" = None ]'
expect "nobody new: the client says what it is" eval '
	! lab_login_local stranger bob 2>"$LAB_DIR/dead.log" && [ -s "$LAB_DIR/dead.log" ]'
fingerprint=$lab_fingerprint
before=$(refreshes)
expect "portal back" lab_start_portal
expect "with the certificate it had" same "$lab_fingerprint" "$fingerprint"
expect "ana's client is still known" same "$(state_seen laptop)" live
expect "it finds its refresh tokens again" lab_wait 20 asks_again
expect "the session is the one it was" same "$(live)" "$session"
expect "bob signs in anew" lab_login_local phone bob

# ---- sallyportd ----
lab_kill "$lab_daemon_pid"
expect "sallyportd killed: the session goes on" lab_reaches laptop
lab_api stranger POST login '{"idp":"local","user":"bob","password":"bob'"'"'s secret","device":{"public_key":"'"$(wg genkey | wg pubkey)"'","name":"other"}}' >"$LAB_DIR/refused"
expect "nobody new" same "$(lab_status stranger)" 503
expect "the answer says what to do" eval 'field "r[\"error\"][\"message\"]" <"$LAB_DIR/refused" | grep -q "try again"'
lab_start_daemon || exit 1
expect "sallyportd back: the session is the one it was" same "$(live)" "$session"
expect "the portal finds it without a restart" lab_wait 20 lab_login_local phone bob
before=$(refreshes)
expect "and goes on asking the provider" lab_wait 20 asks_again
expect "ana still reaches git" lab_reaches laptop

# ---- the engine ----
lab_kill "$lab_engine_pid"
lab_start_engine
expect "engine killed and back: the session goes on" lab_wait 20 lab_reaches laptop
expect "as the one it was" same "$(live)" "$session"

# ---- all of them, in another order ----
lab_kill "$lab_portal_pid"
lab_kill "$lab_daemon_pid"
lab_kill "$lab_engine_pid"
lab_start_engine
lab_run gateway portal.log sallyport-portal --root "$LAB_ROOT"
lab_portal_pid=$lab_pid
lab_start_daemon || exit 1
expect "all killed; engine, portal, sallyportd started: ana is through" lab_wait 20 lab_reaches laptop
expect "the session is the one it was" same "$(live)" "$session"
expect "bob signs in" lab_wait 20 lab_login_local phone bob
before=$(refreshes)
expect "the provider is asked again" lab_wait 20 asks_again
lab_idp groups ana vendors
expect "and the provider's word still counts" lab_wait 20 lab_refused laptop
expect_done
