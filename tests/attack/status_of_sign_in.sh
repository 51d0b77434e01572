#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The attack: what a sign-in or a record needs goes away without a word: the portal stands still, its certificate ends,
# the database, the audit log or what is pinned for the next sallyportd is removed. The claim: `status` and `doctor` name it,
# with a code, a sentence and a remedy, and exit 8, and are content again when it is right. (Topology: tests/support/portal.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/portal.sh"
trap lab_down EXIT

lab_up_with_portal
mkdir -p "$LAB_ROOT/etc/sallyport/tls"
certificate=$LAB_ROOT/etc/sallyport/tls/portal.pem
sed -i 's#portal: {#portal: { tls: { cert: tls/portal.pem, key: tls/portal.key },#' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
lab_certificate "$LAB_ROOT/etc/sallyport/tls" portal 192.0.2.1 90
chgrp -R "$LAB_PORTAL_USER" "$LAB_ROOT/etc/sallyport/tls" && chmod -R g+rX "$LAB_ROOT/etc/sallyport/tls"
cp "$certificate" "$LAB_DIR/good.pem"
lab_portal_ready local || exit 1

exits() { # exits CODE : does status?
	lab_gate status >/dev/null
	[ $? -eq "$1" ]
}
warned() { # warned CODE : exit 8, and the warning has a sentence and a remedy
	lab_gate status --json >"$LAB_DIR/status.json"
	[ $? -eq 8 ] && field "[w for w in r['warnings'] if w['code'] == '$1' and w['message'] and w['remedy']][0]" <"$LAB_DIR/status.json"
}
doctor_says() { # doctor_says CODE : exit 8, too
	lab_gate doctor >"$LAB_DIR/doctor" 2>/dev/null
	[ $? -eq 8 ] && grep -A1 "^missing *$1 " "$LAB_DIR/doctor" | grep -q 'without it: the gateway is degraded; .'
}
named() { # named CODE : by both
	expect "   is named, exit 8 ($1)" lab_wait 20 warned "$1"
	expect "   by doctor too" doctor_says "$1"
}
content() { expect "   $1: status is content" lab_wait 20 exits 0; }
replace() { cp "$1" "$certificate.new" && chgrp "$LAB_PORTAL_USER" "$certificate.new" && mv "$certificate.new" "$certificate"; }

expect "control: all is well, exit 0" lab_wait 10 exits 0
expect "a person signs in" lab_login_local laptop ana

# ---- the portal ----
lab_signal "$lab_portal_pid" STOP
expect "the portal stands still" true
named portal-silent
lab_signal "$lab_portal_pid" CONT
content "it goes on"
lab_kill "$lab_portal_pid"
expect "the portal is killed" true
named portal-missing
lab_start_portal
content "another one runs"

# ---- its certificate ----
lab_certificate "$LAB_DIR/certs" old 192.0.2.1 -1
lab_certificate "$LAB_DIR/certs" short 192.0.2.1 90
expect "a certificate that has ended" replace "$LAB_DIR/certs/old.pem"
named certificate-invalid
head -c 100 "$LAB_DIR/good.pem" >"$LAB_DIR/certs/half.pem"
expect "half a certificate" replace "$LAB_DIR/certs/half.pem"
named certificate-invalid
cat "$LAB_DIR/good.pem" "$LAB_DIR/certs/old.pem" >"$LAB_DIR/certs/chain.pem"
expect "a chain of which one has ended" replace "$LAB_DIR/certs/chain.pem"
named certificate-invalid
expect "no certificate" rm "$certificate"
named certificate-invalid
expect "the good one" replace "$LAB_DIR/good.pem"
content "it is back"

# ---- what is kept ----
database=$LAB_ROOT/var/lib/sallyport/sallyport.db
expect "the database is moved away" mv "$database" "$database.away"
named database-failed
expect "it is back" mv "$database.away" "$database"
content "it is back"
expect "the database is replaced" sh -c "cp '$database' '$database.copy' && mv '$database' '$database.away' && mv '$database.copy' '$database'"
named database-failed
expect "the right one is back" mv "$database.away" "$database"
content "it is back"
log=$LAB_ROOT/var/log/sallyport/audit.jsonl
expect "the audit log is moved away" mv "$log" "$log.away"
named audit-gone
expect "it is back" mv "$log.away" "$log"
content "it is back"

# ---- what the next sallyportd needs ----
pins=$LAB_ROOT/sys/fs/bpf/sallyport/v1
revision=$(lab_gate status --json | field 'r["revision"]')
pinned() { [ -e "$pins/sp_flow" ] && [ -e "$pins/revision-$revision/edge-in" ] && [ -L "$pins/running" ] && [ -e "$pins/link-edge-in-wan0" ]; }
expect "everything that is pinned is removed" lab_wait 5 rm -rf "$pins" # sallyportd pins again meanwhile
expect "   is pinned again" lab_wait 5 pinned
content "hooks run"
expect "   and on record" sh -c "lab=1; '$lab_top/build/bin/sallyport' audit --root '$LAB_ROOT' --json --event drift | grep -q pins-missing"
lab_kill "$lab_daemon_pid"
lab_start_daemon
expect "the next sallyportd adopts it" same "$(lab_gate status --json | field 'r["sessions"]["live"]')" 1
content "it serves"
expect "ana's session goes on" eval 'lab_gate session list --json | grep -q ana'

expect_done
