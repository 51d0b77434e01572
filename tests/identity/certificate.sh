#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A certificate is renewed as certbot does it, its key for root alone: the portal takes it on SIGHUP, and nobody who is
# signed in, or on the way, notices. (Topology: tests/support/portal.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/portal.sh"
trap lab_down EXIT

etc=$LAB_ROOT/etc/sallyport
shown() { lab_in stranger openssl s_client -connect 192.0.2.1:443 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256; }
held() { openssl x509 -noout -fingerprint -sha256 -in "$etc/gate.pem"; }
is_shown() { [ "$(shown)" = "$(held)" ]; }
warned() { lab_gate status --json | grep -q "\"$1\""; }
renew() { # renew DAYS : moved into place, as an ACME client does
	lab_certificate "$LAB_DIR/new" gate 192.0.2.1 "$1"
	chmod 600 "$LAB_DIR/new/gate.key"
	mv "$LAB_DIR/new/gate.key" "$LAB_DIR/new/gate.pem" "$etc/"
}
sign_until() { # sign_until DAYS : the same key, valid since 80 days and for DAYS more
	local at=$LAB_DIR/authority
	mkdir -p "$at" && : >"$at/index" && echo 01 >"$at/serial"
	printf '%s\n' '[ca]' 'default_ca = d' '[d]' "database = $at/index" "serial = $at/serial" "new_certs_dir = $at" \
		'policy = p' 'default_md = sha256' 'x509_extensions = e' 'unique_subject = no' '[p]' 'commonName = supplied' \
		'[e]' 'subjectAltName = IP:192.0.2.1' >"$at/cnf"
	openssl ca -batch -notext -config "$at/cnf" -cert "$LAB_DIR/ca.pem" -keyfile "$LAB_DIR/ca.key" \
		-startdate "$(date -u -d '80 days ago' +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d "$1 days" +%Y%m%d%H%M%SZ)" \
		-in "$LAB_DIR/new/gate.csr" -out "$LAB_DIR/new/gate.pem" 2>/dev/null && mv "$LAB_DIR/new/gate.pem" "$etc/"
}
says() { tail -n +"$1" "$LAB_DIR/portal.log" | grep -q "$2"; }

lab_up_with_portal
sed -i "s#^portal: { #&tls: { cert: gate.pem, key: gate.key }, #" "$etc/sallyport.yaml"
renew 90
lab_portal_ready || exit 1
expect "people are shown the file's certificate" is_shown
expect "bob signs in" lab_login_local phone bob --config "$LAB_DIR/phone.conf"
expect "nothing is to be warned of" fails warned certificate-

renew 60
expect "renewed, and not taken: a warning" lab_wait 10 warned certificate-behind
lab_signal "$lab_portal_pid" HUP
expect "SIGHUP: people are shown the new one" lab_wait 10 is_shown
expect "the portal could not have read the key" fails setpriv --reuid "$LAB_PORTAL_USER" --clear-groups cat "$etc/gate.key"
expect "that warning is gone" lab_wait 10 eval '! warned certificate-behind'
expect "the process is the same" lab_lives "$lab_portal_pid"
lab_fingerprint=$(openssl x509 -noout -fingerprint -sha256 -in "$etc/gate.pem" | sed 's/.*=//; s/://g' | tr 'A-F' 'a-f')
expect "bob's session is live still" same "$(lab_gate session list --user bob --json | field "r['state']")" live
renew 90
lab_signal "$lab_portal_pid" HUP
expect "another renewal, and nothing is to be warned of" lab_wait 10 eval 'is_shown && ! warned certificate-'
sign_until 13
expect "thirteen days are left: a warning" lab_wait 10 warned certificate-ends
sign_until 15
expect "fifteen: none" lab_wait 10 eval '! warned certificate-ends'
lab_signal "$lab_portal_pid" HUP
expect "which is taken" lab_wait 10 is_shown
line=$(($(wc -l <"$LAB_DIR/portal.log") + 1))
before=$(shown)
echo broken >"$etc/gate.pem"
lab_signal "$lab_portal_pid" HUP
expect "a broken file is named" lab_wait 10 says "$line" 'the certificate'
expect "and people are shown the former one" same "$(shown)" "$before"
expect_done
