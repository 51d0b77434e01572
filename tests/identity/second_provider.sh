#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A second opinion on what a provider is: glewlwyd, in C, which answers "bearer" for "Bearer", gives no id_token
# with a refresh and names people by pairwise subjects. Skipped where its packages cannot be fetched.
# (Topology: tests/support/portal.sh; it stands on the host idp, port 4593.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/portal.sh"
trap lab_down EXIT

tool=$lab_top/tests/idp/glewlwyd.py
where=(--address 192.0.2.30 --port 4593 --ca "$LAB_DIR/ca.pem")
glewlwyd() { lab_in idp /usr/bin/python3 "$tool" "$@" "${where[@]}"; }
reason=$(/usr/bin/python3 "$tool" fetch)
if [ $? -ne 0 ]; then
	echo "glewlwyd: $reason"
	exit 77
fi

lab_up_with_portal
lab_provider_file second https://192.0.2.30:4593/api/oidc "refresh: 1s"
sed -i 's/^type: oidc/&\nscopes: [openid]/' "$lab_providers/second.yaml"
lab_certificate "$LAB_DIR/idp" idp 192.0.2.30
lab_run idp second.log /usr/bin/python3 "$tool" run "${where[@]}" \
	--cert "$LAB_DIR/idp/idp.pem" --key "$LAB_DIR/idp/idp.key" --folder "$LAB_DIR/glewlwyd"
lab_wait 30 grep -q listening "$LAB_DIR/second.log" || { cat "$LAB_DIR/second.log"; exit 1; }
lab_portal_ready second || exit 1

# login_there : ana approves by glewlwyd's own API, since its pages are not here
login_there() {
	local log=$LAB_DIR/laptop-login.log pid
	: >"$log"
	lab_login laptop --idp second --json --config "$LAB_DIR/laptop.conf" >"$log.out" 2>"$log" &
	pid=$!
	lab_wait 20 lab_is_asked "$log" "$pid"
	glewlwyd approve "$(grep -m1 '"prompt"' "$log" | field "r['user_code']")"
	wait "$pid"
}
roles() { lab_gate session list --user ana --json | grep '"live"' | field "','.join(r['roles'])"; }

expect "ana signs in" login_there
lab_tunnel_up laptop
expect "and is through" lab_wait 10 lab_reaches laptop
expect "her groups came with the token" same "$(roles)" engineer
# The portal asks nothing meanwhile: glewlwyd fails a refresh in the midst of an administrator's write ("Error executing
# sql query"), and has spent its token, so that a person would have to sign in again.
lab_signal "$lab_portal_pid" STOP
glewlwyd groups ana vendors
lab_signal "$lab_portal_pid" CONT
expect "another group, told at userinfo: another role" lab_wait 20 eval '[ "$(roles)" = contractor ]'
expect "with the next packet" lab_refused laptop
expect_done
