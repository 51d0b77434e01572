#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A session runs out. Its tunnel stays: only the portal can be reached from inside, and signing in there again,
# through a tunnel that takes everything, brings the rest back; with sallyportd dead the door stays as it is. A
# revoked one gets nothing. (Topology: tests/support/portal.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/portal.sh"
trap lab_down EXIT

state_of() { lab_gate session list --user "$1" --json --all | tail -n 1 | field "r['state']"; }
op() { /usr/bin/python3 "$lab_top/tests/support/control.py" "$LAB_ROOT/run/sallyport/control.sock" "$@" >>"$LAB_DIR/apply.log"; }
session_of() { lab_gate session list --user "$1" --json | grep '"live"' | field "r['session']"; }
# Everything of the laptop's goes through the tunnel, the portal's address too; only the engine's own
# datagrams do not.
full_tunnel() {
	ip -n "$LAB-laptop" route add 192.0.2.1 dev eth0 table 51
	ip -n "$LAB-laptop" rule add to 192.0.2.1 ipproto udp dport 51820 lookup 51
	ip -n "$LAB-laptop" route replace 192.0.2.1/32 dev wg0 src "$(lab_address_of laptop 4)"
}
portal_from_inside() { lab_api laptop GET providers >/dev/null; }

lab_up_with_portal
lab_portal_ready || exit 1
expect "ana signs in" lab_login_local laptop ana --config "$LAB_DIR/laptop.conf"
sed -i 's/^AllowedIPs.*/AllowedIPs = 0.0.0.0\/0/' "$LAB_DIR/laptop.conf"
lab_tunnel_up laptop
expect "and is through" lab_wait 8 lab_reaches laptop
full_tunnel
expect "the portal can be reached from inside" lab_wait 8 portal_from_inside
expect "an administrator gives the session one more second" op session.extend session="$(session_of ana)" max_s=1
expect "it runs out" lab_wait 20 eval '[ "$(state_of ana)" = expired ]'
expect "git is out of reach" lab_refused laptop
expect "the portal is not" portal_from_inside
expect "nor is it kept from her that it has run out" same \
	"$(lab_api laptop GET session "" "$(lab_token laptop)" | field "r['session']['state']")" expired
expect "another port of the gateway is out of reach" fails lab_in laptop curl -s --max-time 2 http://192.0.2.1:80/
expect "the record names her and the reason" lab_wait 5 eval \
	"lab_gate audit --json --event deny --user ana --limit 20 | grep -q '\"expired\"'"
expect "extending is refused: it has ended" eval '
	! lab_api laptop POST session/extend "{\"password\":\"ana'"'"'s secret\"}" "$(lab_token laptop)" >/dev/null
	[ "$(lab_status laptop)" = 409 ]'

lab_kill "$lab_daemon_pid"
expect "sallyportd killed: the portal is in reach all the same" portal_from_inside
expect "and git is not" lab_refused laptop
lab_start_daemon || exit 1

LAB_SESSION='{max: 1h}'
lab_people_policy >"$LAB_DIR/policy.yaml"
lab_gate apply "$LAB_DIR/policy.yaml" >>"$LAB_DIR/apply.log" || exit 1
expect "a policy later she is still parked" same "$(state_of ana)" expired
expect "ana signs in again from inside, through the tunnel" lab_wait 10 lab_login_local laptop ana
expect "with the same address; git is back without touching the tunnel" lab_wait 10 lab_reaches laptop

lab_gate session revoke ana >>"$LAB_DIR/apply.log"
expect "revoked by the administrator: git is out of reach" lab_refused laptop
expect "and so is the portal, from inside" fails portal_from_inside
expect_done
