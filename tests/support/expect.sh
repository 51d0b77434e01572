# SPDX-License-Identifier: GPL-3.0-or-later
# What a scenario of tests/netns says it saw. Sourced behind lab.sh.

expect_failed=0

# expect TEXT COMMAND… : a line each; the scenario fails at its end if one was not so
expect() {
	local text=$1
	shift
	if "$@"; then
		echo "ok: $text"
	else
		echo "NOT: $text   ($*)"
		expect_failed=$((expect_failed + 1))
	fi
}

# A scenario ends with `expect_done`, its last command.
expect_done() {
	[ $expect_failed -eq 0 ] || { echo "$expect_failed not as expected"; tail -n 20 "$LAB_DIR"/*.log; exit 1; }
}

fails() { ! "$@"; }
same() { [ "$1" = "$2" ] || { echo "     $1 is not $2"; return 1; }; }

# field EXPRESSION : of the one JSON object on stdin, called r
field() { /usr/bin/python3 -c "import json,sys; r = json.loads(sys.stdin.read()); print($1)"; }

# counter HOOK VERDICT REASON : packets so far
counter() {
	lab_gate status --json | field "sum(x['packets'] for h in r['hooks'] if h['hook'] == '$1' for x in h['reasons'] if x['verdict'] == '$2' and x['reason'] == '$3')"
}

# The policy most scenarios start from: engineers reach git, nobody payroll. Extra rule lines as arguments.
lab_policy() {
	cat <<-'YAML'
	sallyport: 1
	roles:
	  engineer:   { match: [ {idp: corp, group: eng} ] }
	  contractor: { match: [ {idp: partner, group: vendors} ] }
	networks:
	  office:  10.30.0.0/16
	  git:     [10.30.2.9, "2001:db8:30::2:9"]
	  payroll: [10.30.9.4, "2001:db8:30::9:4"]
	services:
	  ssh:    tcp/22
	  ping:   [icmp/echo, icmp6/echo]
	edge:
	  drop:   [bogons]
	  expose: [ {name: tunnel, to: self, service: udp/51820} ]
	protect: [ {name: admin-ssh, from: office, to: self, service: ssh} ]
	rules:
	  - { name: eng-git,        allow: {from: engineer, to: git, services: [ssh, tcp/80, ping, udp/5000-5009]} }
	  - { name: payroll-closed, deny: {from: any, to: payroll}, reason: "Payroll is closed" }
	YAML
	[ $# -eq 0 ] || printf '  - %s\n' "$@"
}

# Both processes, the policy, ana on the laptop and bob (whom no rule allows anything) on the phone.
lab_ready() {
	lab_start_daemon && lab_start_engine && lab_policy "$@" >"$LAB_DIR/policy.yaml" &&
		lab_gate apply "$LAB_DIR/policy.yaml" && lab_sign_in laptop ana corp eng &&
		lab_sign_in phone bob partner vendors
}
