#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Attack: keep what the provider took away, by making it answer what cannot be used; or have a session end, by letting
# the portal die, or fail, behind the answer that changed its refresh token (each token is good once here).
# Claim: a token is stored before anything else can fail; an answer that does not confirm ends the session after three
# tries; a portal that died between is told from a revoked grant, the person has a bounded while to sign in again, and
# the record says which it was. (Topology: tests/support/portal.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/portal.sh"
trap lab_down EXIT

ended="no-list forged clock-ahead no-userinfo" # three answers about a person that confirm nothing
seen() { grep -c "\"event\":\"$1\",\"provider\":\"$2\"" "$LAB_DIR/evil.log"; } # seen EVENT PROVIDER
refreshes() { grep "\"provider\":\"$1\"" "$LAB_DIR/evil.log" | grep -c '"endpoint":"refresh"'; }
of() { lab_gate session list --all --json | grep "\"idp\": *\"$1\"" | tail -1 | field "$2"; } # of PROVIDER FIELD
is_so() { [ "$(of "$1" "r['state'], r['why'], r['ending']" | tr -d "(),'")" = "$2" ]; } # is_so PROVIDER "STATE WHY ENDING"
enrol() { lab_provider_file "$1" "$(awk -v n="$1" '$1 == n {print $2}' "$LAB_DIR/list")" "refresh: 1s"; }
is_known() { lab_api stranger GET providers | grep -q "\"$1\""; }
sign_in() { lab_login phone --idp "$1" --json --device "d-$1" "${@:2}" >/dev/null; } # sign_in PROVIDER [OPTIONS…]
die_at() { # die_at STEP : a portal that dies there; the session's groups are asked for each second
	lab_kill "$lab_portal_pid"
	lab_run gateway portal.log sallyport-portal --root "$LAB_ROOT" --kill-at "$1"
	lab_portal_pid=$lab_pid
	lab_wait 20 eval '! lab_lives "$lab_portal_pid"'
}

lab_up_with_portal
cat >"$LAB_DIR/bends.json" <<'J'
{"bends": [ {"name": "well"},
  {"name": "no-list", "refresh": {"id_token": {"claims": {"groups": 7}}}},
  {"name": "forged", "refresh": {"id_token": {"key": "stranger"}}},
  {"name": "clock-ahead", "refresh": {"id_token": {"claims": {"iat": "now+90", "exp": "now+400"}}}},
  {"name": "no-userinfo", "refresh": {"id_token": {"claims": {"groups": null}}}, "userinfo": {"status": 404, "body": "{}"}},
  {"name": "busy-userinfo", "refresh": {"id_token": {"claims": {"groups": null}}}, "userinfo": {"status": 503, "body": "busy"}},
  {"name": "secret-expired", "refresh": {"status": 401, "json": {"error": "invalid_client"}}},
  {"name": "gone", "refresh": {"status": 400, "json": {"error": "invalid_grant"}}} ]}
J
lab_start_evil "$LAB_DIR/bends.json" || exit 1
"${lab_evil[@]}" --list >"$LAB_DIR/list"
enrol well
lab_portal_ready $(cut -d' ' -f1 "$LAB_DIR/list") || exit 1

# ---- the portal dies in the middle of a refresh ----
expect "signing in" eval 'lab_wait 20 is_known well && lab_wait 10 sign_in well --new-key'
for step in refresh-marked refresh-stored; do
	expect "the portal dies at $step" die_at $step
	before=$(seen tokens well)
	expect "$step: another takes over" lab_start_portal
	expect "$step: and asks on with the right token" lab_wait 20 eval '[ "$(seen tokens well)" -ge $((before + 2)) ]'
	expect "$step: the session goes on, in its own time" is_so well "live None None"
	expect "$step: no token was shown twice" same "$(seen reused well)" 0
done
expect "the portal dies at refresh-answered" die_at refresh-answered
expect "another takes over" lab_start_portal
expect "it does not take that for a revocation" lab_wait 20 is_so well "live None refresh-lost"
ends=$(of well "r['expires']")
for round in 1 2; do
	lab_kill "$lab_portal_pid"
	expect "restart $round" lab_start_portal
done
expect "restarts move no end" same "$(of well "r['expires']")" "$ends"
expect "the person's own status says it" eval 'lab_in phone sallyport status --state "$LAB_DIR/phone-state" | grep -q "before its time (refresh-lost)"'
lab_kill "$lab_daemon_pid"
lab_start_daemon || exit 1
expect "sallyportd anew: the end is what it was" same "$(of well "r['expires']")" "$ends"
expect "signing in again" lab_wait 20 sign_in well
expect "gives a session of full length" lab_wait 10 is_so well "live None None"

# ---- answers that confirm nothing ----
echo 'type: nonsense' >"$lab_providers/broken.yaml"
others=$(awk '$1 != "well" {print $1}' "$LAB_DIR/list")
for name in $others; do enrol "$name"; done
for name in $others; do
	expect "signing in at $name" eval "lab_wait 20 is_known $name && lab_wait 10 sign_in $name --new-key"
done
for name in $ended; do
	expect "$name: the session is parked" lab_wait 40 is_so "$name" "expired unconfirmed None"
	expect "$name: after three tries" same "$(refreshes "$name")" 3
	expect "$name: each with the token it was given" same "$(seen reused "$name")" 0
done
expect "gone: the provider said so, and so does the record" is_so gone "closed revoked None"
expect "silence behind a good answer ends it in time" is_so busy-userinfo "live None unconfirmed"
expect "and loses no token" same "$(seen reused busy-userinfo)" 0
expect "so does a client the provider does not take" is_so secret-expired "live None unconfirmed"
expect "which status tells" lab_wait 10 eval 'lab_gate status --json | field "[p[\"state\"] + p[\"code\"] for p in r[\"portal\"][\"providers\"] if p[\"name\"] == \"secret-expired\"]" | grep -q failedclient-refused'
expect "a provider whose file was never right hides none of that" lab_wait 10 eval 'lab_gate status --json | field "[p[\"state\"] for p in r[\"portal\"][\"providers\"] if p[\"name\"] == \"broken\"]" | grep -q failed'
expect "the good provider's session goes on" is_so well "live None None"
expect "the log names why" lab_wait 5 eval 'lab_gate audit --json --event session-close --limit 20 | grep -c "\"reason\":\"unconfirmed\"" | grep -qx 4'
expect_done
