#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# sallyport.yaml read again while people work: taken whole or not at all, and nothing ends. SIGHUP kills nobody.
# (Topology: tests/support/lab.sh; dmz0 joins it.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

file=$LAB_ROOT/etc/sallyport/sallyport.yaml
reaches() { lab_in "$1" ping -c 1 -W 1 "$2" >/dev/null 2>&1; }
warned() { lab_gate status --json | grep -q "\"$1\""; }
hooked() { lab_gate status --json | field "sum(h['interface'] == '$1' for h in r['hooks'])"; }
reload() { lab_gate reload >"$LAB_DIR/said" 2>&1; }

lab_up
ip -n "$LAB-gateway" link add dmz0 type veth peer name eth1 netns "$LAB-office"
lab_address gateway dmz0 10.40.0.1/24 2001:db8:40::1/64
lab_address office eth1 10.40.0.9/24 2001:db8:40::9/64
ip -n "$LAB-office" rule add from 10.40.0.9 table 40 # what was asked there is answered there
ip -n "$LAB-office" route add default via 10.40.0.1 table 40
lab_ready '{ name: eng-dmz, allow: {from: engineer, to: 10.40.0.0/24, services: [ping]} }' >/dev/null || exit 1
expect "ana is through" lab_wait 10 reaches laptop 10.30.2.9
ip -n "$LAB-laptop" route replace 10.40.0.0/24 dev wg0
expect "not to dmz0, which is in no list" fails reaches laptop 10.40.0.9

# ---- an interface is added ----
sed -i 's/inside: \[lan0\]/inside: [lan0, dmz0]/' "$file"
expect "the new list is taken" reload
expect "dmz0 has its programs" same "$(hooked dmz0)" 2
expect "ana reaches what is behind it" lab_wait 10 reaches laptop 10.40.0.9
expect "and what she reached" reaches laptop 10.30.2.9

# ---- what is wrong, or takes a start, changes nothing ----
cp "$file" "$LAB_DIR/good.yaml"
echo 'vnp: {}' >>"$file"
reload
expect "a file with a fault: exit 3" same $? 3
expect "the terminal has the place" grep -q 'sallyport.yaml:5:1: ' "$LAB_DIR/said"
expect "status has it too" eval 'lab_gate status | grep -q "sallyport.yaml:5:1"'
lab_signal "$lab_daemon_pid" HUP
expect "by SIGHUP it is refused alike, and the daemon lives" lab_wait 10 eval '
	[ "$(grep -c "read again (SIGHUP) and not taken" "$LAB_DIR/sallyportd.log")" = 1 ] && lab_answers'
sed 's/inside: \[lan0, dmz0\]/inside: [lan0]/; s#100.64.0.0/16#100.65.0.0/16#' "$LAB_DIR/good.yaml" >"$file"
reload
expect "another pool takes a start: exit 1" same $? 1
expect "which is named" grep -q 'vpn.pool differs' "$LAB_DIR/said"
expect "and nothing else of that file is taken" same "$(hooked dmz0)" 2
rm "$file"
reload
expect "no file: exit 1" same $? 1
expect "and the gateway goes on" reaches laptop 10.40.0.9

# ---- by the signal ----
sed 's/inside: \[lan0, dmz0\]/inside: [lan0]/' "$LAB_DIR/good.yaml" >"$file"
lab_signal "$lab_daemon_pid" HUP
expect "SIGHUP: dmz0 is in no list again" lab_wait 10 eval '[ "$(hooked dmz0)" = 0 ]'
expect "nothing passes there any more" fails reaches laptop 10.40.0.9
expect "the warning is gone" fails warned machine-file
expect "ana never lost what is hers" reaches laptop 10.30.2.9
expect "it is the same process" lab_lives "$lab_daemon_pid"
expect_done
