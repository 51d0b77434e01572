#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Rules towards roles: the sender's rules decide, the receiver must have a live session. Devices and
# inner hosts reach people only by such a rule; a person's devices each other, by a rule for that;
# and the gateway whom no rule from self forbids. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

pings() { lab_in "$1" ping -c 2 -i 0.2 -W 1 "$2" >/dev/null 2>&1; }

lab_up
lab_ready '{ name: help-vendors, allow: {from: engineer, to: {role: contractor}, services: ping} }' \
	'{ name: office-people, allow: {from: 10.30.2.9, to: {role: engineer}, services: ping} }' \
	'{ name: mine, allow: {from: signed-in, to: own-devices, services: ping} }' \
	'{ name: quiet, deny: {from: self, to: git, services: ping} }' || exit 1
ana4=$(lab_address_of laptop 4) ana6=$(lab_address_of laptop 6)
bob4=$(lab_address_of phone 4) bob6=$(lab_address_of phone 6)

expect "ana pings bob" pings laptop "$bob4"
expect "ana pings bob, IPv6" pings laptop "$bob6"
expect "bob does not ping ana" fails pings phone "$ana4"
expect "bob does not ping ana, IPv6" fails pings phone "$ana6"
expect "the git server pings ana" pings office "$ana4"
expect "the git server does not ping bob" fails pings office "$bob4"
expect "explain agrees about ana" [ "$(lab_gate explain --from ana --to "$bob4/icmp" --json | field "r['rule']")" = help-vendors ]

# asked of the file or of the gateway, a question is the same packet at the same hook
asked() { field "r['verdict'], r['rule'], r['reason'], r['hook'], r['proto'], r['destination']"; }
while read -r who to words; do
	# shellcheck disable=SC2086
	expect "the gateway and the file agree: $who to $to $words" same \
		"$(lab_gate explain --from "$who" --to "$to" $words --json | asked)" \
		"$(lab_gate explain "$LAB_DIR/policy.yaml" --gateway "$LAB_ROOT/etc/sallyport/sallyport.yaml" --from "$who" --to "$to" $words --json | asked)"
done <<-'END'
	anonymous git:ssh
	anonymous 10.30.9.4 --service tcp/22
	anonymous [2001:db8:30::9:4]:ssh
	role:engineer git:ssh
	role:engineer [2001:db8:30::2:9]:ssh
	role:engineer git:ping
	role:engineer git --service ping
	role:contractor payroll:http --on vpn0
	10.30.2.9 payroll/icmp
	77.1.2.3 git:domain/udp --on wan0
END
refuses() { lab_gate explain --from "$1" --to "${@:3}" 2>&1 | grep -q "did you mean \"$2\""; }
expect "a service's name is suggested" refuses ana ssh git:shs
expect "a network's" refuses ana git gti:22
expect "a role's" refuses role:enginer engineer git:22
expect "a person's" refuses anna ana git:22
expect "an interface's" refuses ana wan0 git:22 --on wan
expect "every filter of audit is taken" fails eval 'for words in "--hook vpn-in" "--src 100.64.0.0/10" "--dst 10.0.0.0/8" \
	"--event deny" "--user ana" "--idp corp" "--session 1" "--verdict deny" "--rule none" "--reason default" \
	"--since 1h" "--until 1s"; do lab_gate audit $words >/dev/null || echo "$words"; done | grep .'
expect "a reason of packets that is mistyped is suggested" eval 'lab_gate audit --reason defualt 2>&1 | grep -q "did you mean \"default\""'
expect "of packets alone there are no others" eval 'lab_gate audit --event deny --reason idle 2>&1 | grep -q "no reason of a packet"'
expect "of sessions there are" lab_gate audit --reason idle
expect "and what has none says so" eval 'lab_gate audit --reason sunspots 2>&1 | grep -q "no record has the reason"'

lab_sign_in stranger ana corp eng || exit 1
other4=$(lab_address_of stranger 4) other6=$(lab_address_of stranger 6)
expect "ana's devices ping each other" pings laptop "$other4"
expect "ana's devices ping each other, IPv6" pings stranger "$ana6"
expect "bob does not ping ana's other device" fails pings phone "$other4"
expect "bob does not ping ana's other device, IPv6" fails pings phone "$other6"
expect "the gateway pings ana" pings gateway "$ana4"
expect "the gateway does not ping the git server" fails pings gateway 10.30.2.9
expect "a rule from self says so" [ "$(counter inside-out deny policy)" -gt 0 ]
expect "ana pings it all the same" pings laptop 10.30.2.9

lab_run laptop pinging ping -i 0.05 "$bob4"
answers() { grep -c 'bytes from' "$LAB_DIR/pinging"; }
expect "ana's pings have answers" lab_wait 5 eval '[ "$(answers)" -gt 5 ]'
expect "revoking bob" lab_gate session revoke bob
expect "and none behind the revocation" lab_wait 5 lab_stays 1 answers
lab_kill "$lab_pid"
expect "the reason is the receiver's" lab_wait 5 eval '[ "$(counter vpn-in deny revoked)" -gt 0 ]'
expect_done
