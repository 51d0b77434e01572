#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Attack: strangers at 150 addresses of either family fill the portal's line of passwords, and at 600 addresses of as
# many sites all its connections without saying a word. Claim: who is known to sign in from where they are gets in meanwhile, a first-time caller is
# answered, and what was turned away is counted. (Topology: tests/support/portal.sh; the attackers' addresses lie behind
# the stranger.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/portal.sh"
trap lab_down EXIT

pressure() { lab_gate status --json | field "r['portal']['pressure']['$1']"; }
crowd() { lab_run stranger crowd.log /usr/bin/python3 "$lab_top/tests/support/crowd.py" "$@"; crowd_pid=$lab_pid; }
reports() { lab_wait 10 eval '[ "$(pressure '"$1"')" -gt '"$2"' ]'; }

lab_up_with_portal
sed -i 's/listen: "192.0.2.1:443"/listen: "[::]:443"/' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
lab_portal_ready || exit 1
for family in 4 6; do /usr/bin/python3 "$lab_top/tests/support/crowd.py" addresses $family; done >"$LAB_DIR/addresses"
lab_in stranger ip -batch "$LAB_DIR/addresses"
via=$(lab_in stranger ip -j address show dev eth0 | /usr/bin/python3 -c "import json,sys
print(*[a['local'] for a in json.load(sys.stdin)[0]['addr_info'] if a['local'].startswith(('192.0.2.', '2001:db8:1:'))])")
lab_in gateway ip route add 198.18.0.0/15 via "${via%% *}"
lab_in gateway ip route add 3fff::/20 via "${via##* }"

login() { lab_login_local laptop ana >/dev/null; }
expect "ana signs in from her laptop" login
for family in 4 6; do
	before=$(pressure passwords_refused)
	crowd passwords $family
	expect "IPv$family: strangers' passwords are turned away" reports passwords_refused "$before"
	for round in 1 2 3; do
		expect "IPv$family: ana signs in from where she did, round $round" login
	done
	lab_kill "$crowd_pid"
	expect "IPv$family: they had tried" eval '[ "$(grep -c . "$LAB_DIR/crowd.log")" -ge 1 ]'

	before=$(pressure connections_dropped)
	crowd connections $family
	expect "IPv$family: idle connections fill it, and give way" reports connections_dropped "$before"
	before=$(pressure connections_dropped)
	expect "IPv$family: somebody who never came before is answered" eval "lab_api phone GET providers >/dev/null"
	expect "IPv$family: for whom one of theirs went" reports connections_dropped "$before"
	expect "IPv$family: and ana signs in" login
	lab_kill "$crowd_pid"
done
expect "nobody learnt anything" same "$(lab_gate session list --json | grep '"live"' | grep -vc '"user": *"ana"')" 0
expect_done
