#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The attack: texts that a terminal acts on (escape sequences, a bell, C1, a carriage return) or that a reader cannot
# see (bidi controls, zero-width characters), put into every field that whoever has taken the portal over can fill on
# the control socket, that a stranger can fill at the portal, and that a file can hold. The claim: what is taken is
# shown, never acted on: no command's output, no log and no record holds one of them as it is. The control: names of
# other scripts are taken, and shown as they are. What a malicious portal does to the client: tests/unit/cli/
# test_hostile.py. (Topology: tests/support/portal.sh; no packet matters here.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/portal.sh"
trap lab_down EXIT

hostile() { /usr/bin/python3 "$lab_top/tests/support/hostile.py" "$@"; }
# shows VERB… : the command's words, both as text and as JSON, are clean; they hold something
shows() {
	lab_gate "$@" >"$LAB_DIR/shown" 2>&1
	lab_gate "$@" --json >>"$LAB_DIR/shown" 2>&1
	[ -s "$LAB_DIR/shown" ] && hostile clean <"$LAB_DIR/shown"
}
all_show() {
	local verb
	for verb in status "session list" "peer list" "audit --limit 1000" history doctor "idp list" "user list"; do
		# shellcheck disable=SC2086
		expect "$1: $verb is clean" shows $verb
	done
	expect "$1: sallyportd's log is clean" hostile clean <"$LAB_DIR/sallyportd.log"
	expect "$1: the portal's log is clean" hostile clean <"$LAB_DIR/portal.log"
	expect "$1: the record is clean" hostile clean <"$LAB_ROOT/var/log/sallyport/audit.jsonl"
	expect "$1: the peers file is clean" hostile clean <"$LAB_ROOT/var/lib/sallyport/peers.conf"
}

expect "the look finds an escape sequence" eval '! printf "a\033[2J\n" | hostile clean 2>/dev/null'
expect "and bytes that are no text" eval '! printf "a\233\n" | hostile clean 2>/dev/null'

lab_up_with_portal
lab_portal_ready || exit 1

# ---- the control: scripts are no attack ----
sign_in() { # sign_in USER DEVICE
	/usr/bin/python3 "$lab_top/tests/support/control.py" "$LAB_ROOT/run/sallyport/control.sock" session.open idp=corp \
		"subject=$1" "user=$1" 'groups=["eng"]' "device={\"public_key\":\"$(wg genkey | wg pubkey)\",\"name\":\"$2\"}"
}
sign_in "Zoë Иванова 李" "téléphone" >"$LAB_DIR/reply"
expect "a name of other scripts is taken" eval "field \"r['ok']\" <'$LAB_DIR/reply' | grep -q True"
expect "and shown as it is" eval 'lab_gate session list | grep -q "Zoë Иванова 李"'
expect "on record too" grep -q "Zoë Иванова 李" "$LAB_ROOT/var/log/sallyport/audit.jsonl"
all_show before

# ---- whoever has the portal ----
hostile control "$LAB_ROOT/run/sallyport/control.sock" --uid "$LAB_PORTAL_USER" >"$LAB_DIR/asked"
expect "each field was tried" eval '[ "$(cut -d" " -f1 "$LAB_DIR/asked")" -ge 200 ]'
all_show "a captured portal"

# ---- a stranger at the portal ----
lab_in stranger /usr/bin/python3 "$lab_top/tests/support/hostile.py" login 192.0.2.1 443 >"$LAB_DIR/asked"
expect "nobody came in by it" grep -qP '^4\d 0$' "$LAB_DIR/asked"
all_show "a stranger"

# ---- files, their names, and the command's own words ----
evil=$(printf 'evil\033[31m\302\233')
lab_policy | sed "s/payroll-closed/$evil/" >"$LAB_DIR/$evil.yaml"
printf 'type: local\nusers:\n  "%s": { password: x, groups: [a] }\n' "$evil" >"$lab_providers/$evil.yaml"
for command in "check" "apply"; do
	expect "$command: a hostile file is clean" shows $command "$LAB_DIR/$evil.yaml"
done
expect "explain: hostile words are clean" shows explain --from "$evil" --to "$evil" --service "$evil"
for words in "session revoke" "peer config" "peer remove" "audit --since" "$evil" "check --$evil"; do
	# shellcheck disable=SC2086
	expect "$(printf '%q' "$words"): hostile words are clean" shows $words "$evil"
done
expect "status names the file that is none" lab_wait 10 eval 'lab_gate status | grep -q "provider evil.x1b"'
all_show "hostile files"

expect_done
