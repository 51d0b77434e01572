#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Every lie a provider can tell (tests/idp/bends.json), each by a provider of its own, all at one portal: each is
# refused with its reason on record and no session; what is right in an unusual way is let in; neither the good
# provider nor local users notice; the portal's memory stays bounded. Then lies told when groups are asked for
# again. (Topology: tests/support/portal.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/portal.sh"
trap lab_down EXIT

bends=$lab_top/tests/idp/bends.json
portal_rss_kb() { sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$lab_portal_pid/status"; }
state_of_provider() { lab_api stranger GET providers | field "[p['state'] for p in r['providers'] if p['name'] == '$1'][0]"; }
requests() { grep -c "\"provider\":\"$1\",\"endpoint\":\"$2\"" "$LAB_DIR/evil.log"; } # requests PROVIDER ENDPOINT
live_at() { lab_gate session list --json | grep '"live"' | grep -c "\"idp\":\"$1\""; }
record_says() { lab_gate audit --json --limit 200 --user "$1" | grep -q "$2"; } # record_says USER WORD

# enrol NAME… : these are the providers now, with the good one and the local users
enrol() {
	local name
	find "$lab_providers" -name '*.yaml' ! -name local.yaml ! -name good.yaml -delete
	for name; do
		lab_provider_file "$name" "$(awk -v name="$name" '$1 == name {print $2}' "$LAB_DIR/list")" \
			"refresh: $([[ $name = refresh-* ]] && echo 1s || echo 1d)"
	done
	lab_wait 40 settled "$@"
}
# Whether each of them is known, and no one is still being looked at.
settled() {
	lab_api stranger GET providers | field "all(p['state'] != 'starting' for p in r['providers']) and set('$*'.split()) <= {p['name'] for p in r['providers']}" |
		grep -q True
}
useless() { # of those enrolled now: named in status as such, with why
	lab_gate status --json | field "len([p for p in r['portal']['providers'] if p['state'] in ('failed', 'unreachable') and p['error']])"
}

lab_up_with_portal
lab_start_evil "$bends" || exit 1
"${lab_evil[@]}" --list >"$LAB_DIR/list"
lab_provider_file good "$(awk '$1 == "good" {print $2}' "$LAB_DIR/list")" "refresh: 1d"
lab_portal_ready $(cut -d' ' -f1 "$LAB_DIR/list") || exit 1

# ---- signing in: as many at once as a portal knows ----
awk '$1 !~ /^(good|refresh-.*|slow-down|never|busy)$/ {print $1}' "$LAB_DIR/list" >"$LAB_DIR/names"
useless_count=0
while mapfile -t -n 50 names && [ ${#names[@]} -gt 0 ]; do
	expect "${#names[@]} providers, from ${names[0]} on, are looked at" enrol "${names[@]}"
	useless_count=$((useless_count + $(useless)))
	lab_run laptop results /usr/bin/python3 "$lab_top/tests/idp/attempt.py" --at-once 12 192.0.2.1 "${names[@]}"
	attempts=$lab_pid
	expect "ana signs in at the good one meanwhile" lab_login phone --idp good --json
	expect "and by password" lab_login_local stranger ana
	wait "$attempts"
done <"$LAB_DIR/names"
lab_gate audit --json --event login-refused --limit 5000 >"$LAB_DIR/refusals"
lab_gate session list --json >"$LAB_DIR/sessions"

# A line for each: what was to be, what was.
/usr/bin/python3 - "$LAB_DIR" <<'PY' >"$LAB_DIR/verdicts"
import json, sys
folder = sys.argv[1]
lines = lambda name: [json.loads(line) for line in open(f'{folder}/{name}') if line.startswith('{')]
wanted = {name: reason for name, _, reason in (line.split() for line in open(folder + '/list'))}
reasons, opened = {}, {}
for record in lines('refusals'):
    reasons.setdefault(record.get('idp'), set()).add(record['reason'])
for session in lines('sessions'):
    opened.setdefault(session['idp'], []).append(session['state'])
for result in lines('results'):
    name, want = result['idp'], wanted[result['idp']]
    found = reasons.get(name, set())
    if want == '-':
        ok = result['code'] == 'done' and opened.get(name) == ['live']
    else:
        ok = result['code'] not in ('done', 'no-answer', 'pending') and result['status'] >= 400 and \
            bool(found & set(want.split('|'))) and name not in opened and len(result['message']) > 20
    print('ok' if ok else 'NOT', name, 'wanted', want, 'answered', result['status'], result['code'],
          'on record', ','.join(sorted(found)) or '-', f"after {result['seconds']} s")
PY
while read -r word line; do
	expect "$line" [ "$word" = ok ]
done <"$LAB_DIR/verdicts"
expect "each of them was tried" same "$(wc -l <"$LAB_DIR/verdicts")" "$(wc -l <"$LAB_DIR/names")"
expect "nobody went where a token or an answer pointed" same "$(requests good stolen) $(requests good groups)" "0 0"
expect "an unknown key: the keys were fetched once more, no oftener" [ "$(requests kid-unknown jwks)" -le 2 ]
expect "the portal never needed much: $(portal_rss_kb) KB" [ "$(portal_rss_kb)" -lt 65536 ]
expect "512 groups reach the gateway" same "$(field "[len(s['groups']) for s in map(json.loads, open('$LAB_DIR/sessions')) if s['idp'] == 'good-512-groups']" <<<'{}')" "[512]"
expect "the useless ones were named in status, with why" [ "$useless_count" -ge 24 ]
longest=$(printf '山%.0s' {1..85}) # 255 bytes
expect "who has the longest name there can be is on record by it" record_says "$longest" session-open
expect "explain knows them" lab_gate explain --from "$longest" --to git:80
expect "and an administrator ends their session by it" lab_gate session revoke "$longest" --idp good-longest-name
expect "which is on record" record_says "$longest" session-close
good_ones=$(live_at good)
expect "the good one is well" same "$(state_of_provider good)" ok

# ---- as an administrator tries one ----
enrol token-client
expect "idp test finds a client that the token endpoint alone refuses" eval '
	! lab_gate idp test token-client >"$LAB_DIR/idp-test" && grep -q "^device *ok" "$LAB_DIR/idp-test" &&
	grep -q "^token *failed" "$LAB_DIR/idp-test" && grep -q "invalid_client" "$LAB_DIR/idp-test"'

# ---- waiting ----
enrol slow-down never
lab_run laptop slow /usr/bin/python3 "$lab_top/tests/idp/attempt.py" --at-once 2 192.0.2.1 slow-down never
from=$SECONDS
sleep 8
slowly=$(requests slow-down token) steadily=$(requests never token) took=$((SECONDS - from))
expect "told to slow down, the portal does: $slowly requests in $took s" [ "$slowly" -le $((took / 2)) ]
expect "told to wait, it asks each second, no oftener: $steadily" [ "$steadily" -le $((took + 4)) ]
expect "and both go on" lab_wait 5 eval '[ "$(requests slow-down token)" -ge 1 ]'
lab_kill "$lab_pid"

# ---- when groups are asked for again ----
enrol $(awk '$1 ~ /^refresh-/ {print $1}' "$LAB_DIR/list")
for name in refresh-other-person refresh-gone refresh-group-lost refresh-crash refresh-forged refresh-hang refresh-patient refresh-long; do
	expect "signed in at $name" lab_login phone --idp "$name" --new-key --json
done
for name in refresh-other-person:other-subject refresh-gone:provider-revoked refresh-group-lost:no-role refresh-forged:unconfirmed; do
	expect "${name%:*}: the session ends" lab_wait 40 eval "[ \"\$(live_at ${name%:*})\" = 0 ]"
	expect "${name%:*}: the record says ${name#*:}" lab_wait 5 record_says ana "${name#*:}"
done
expect "a refresh token of 16 KiB is given back whole, each time" lab_wait 40 eval '[ "$(requests refresh-long refresh)" -ge 3 ]'
expect "and the session goes on" same "$(live_at refresh-long) $(grep -c '"event":"reused","provider":"refresh-long"' "$LAB_DIR/evil.log")" "1 0"
expect "a provider that fails is asked again" lab_wait 40 eval '[ "$(requests refresh-crash refresh)" -ge 2 ]'
expect "one that asks to be left alone for an hour is, and its session goes on" \
	same "$(requests refresh-patient refresh) $(live_at refresh-patient)" "1 1"
expect "a provider that fails or hangs ends none" same "$(live_at refresh-crash) $(live_at refresh-hang)" "1 1"
expect "the good one's sessions are what they were" same "$(live_at good)" "$good_ones"
expect_done
