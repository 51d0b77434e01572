#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Networks by DNS, from a server in the office: a name that moves takes people along and keeps whom it had; a server that is
# dead, wrong or forged changes nothing, after a SIGKILL too; what no answer confirms any more ends. No answer opens the
# gateway itself. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

names=$LAB_DIR/names
says() { printf '%s\n' "${@:2}" >"$names/.new" && mv "$names/.new" "$names/$1"; } # says NAME WHAT…
warns() { lab_gate status --json | field "[x['message'] for x in r['warnings'] if x['code'] == '$1']" | grep -qF -- "$2"; }
warns_not() { lab_gate status --json | field "any(x['code'] == '$1' for x in r['warnings'])" | grep -qx False; }
known() { lab_gate status --json | field "[x for x in r['names'] if x['name'] == '$1'][0]['$2']"; }
is() { same "$(known "$1" "$2")" "$3" >/dev/null; }
has() { known "$1" addresses | grep -qF "'$2'"; } # has NAME ADDRESS
pings() { lab_in laptop ping -c 1 -W 2 "$1" >/dev/null; }
asked() { grep -c "^$1 " "$LAB_DIR/dns.log"; }
asked_again() { local before; before=$(asked "$1") && lab_wait 10 eval "[ \$(asked $1) -gt $((before + 3)) ]"; }
policy() { # policy MAX-AGE TTL-MIN
	lab_policy '{ name: eng-more, allow: {from: engineer, to: more, services: ping} }' \
		'{ name: closed, deny: {from: any, to: shut} }' |
		sed -e "s|^networks:|&\n  hosted: { dns: git.corp.example, max-age: $1, ttl-min: $2 }\n  more: { dns: [many.corp.example, moved.corp.example], ttl-min: 1s }\n  shut: { dns: shut.corp.example, ttl-min: 1s }|" \
			-e 's|to: git,|to: hosted,|'
}

lab_up
for address in 10.30.2.10/16 10.30.2.11/16 10.30.2.12/16 2001:db8:30::2:10/48; do
	lab_address office eth0 "$address" "2001:db8:30::${address##*.}/48" 2>/dev/null
done
ip -n "$LAB-office" address replace 2001:db8:30::2:10/48 dev eth0 nodad
mkdir "$names"
echo 'dns: { servers: ["10.30.2.9:5353"] }' >>"$LAB_ROOT/etc/sallyport/sallyport.yaml"
lab_run office dns.log /usr/bin/python3 "$lab_top/tests/support/dns_server.py" 10.30.2.9 5353 "$names"
dns_pid=$lab_pid
lab_wait 10 grep -q ready "$LAB_DIR/dns.log" || exit 1
lab_start_daemon && lab_start_engine || exit 1

says git.corp.example 'a 1 10.30.2.9 2001:db8:30::2:9'
says many.corp.example no-name
says moved.corp.example 'a 1 10.30.2.11'
says shut.corp.example no-data
policy 1h 60s >"$LAB_DIR/policy.yaml"
expect "a policy with names is applied" lab_gate apply "$LAB_DIR/policy.yaml" 2>"$LAB_DIR/said"
expect "a TTL under the minimum is told with its place" grep -q 'policy.yaml:6:3: .*git.corp.example is answered for 1s, which is less' "$LAB_DIR/said"
expect "a name that is not there too" grep -q 'many.corp.example: there is no such name; until it has an address, nothing matches it' "$LAB_DIR/said"
expect "a deny that hangs on names too" grep -q 'deny "closed" is about "shut"' "$LAB_DIR/said"
expect "status says so" lab_wait 10 warns dns-empty 'many.corp.example (network more) has no address'
policy 1h 1s >"$LAB_DIR/policy.yaml"
lab_gate apply "$LAB_DIR/policy.yaml" 2>/dev/null || exit 1
lab_sign_in laptop ana corp eng || exit 1
expect "ana reaches what the name has" lab_wait 10 pings 10.30.2.9
expect "IPv6 too" pings 2001:db8:30::2:9
expect "and not its neighbour" fails pings 10.30.2.10
expect "nor payroll" fails pings 10.30.9.4

lab_run laptop pinging ping -i 0.05 10.30.2.9
pinging_pid=$lab_pid
says git.corp.example 'a 1 10.30.2.10 2001:db8:30::2:10'
expect "the name moves: its new address is reached" lab_wait 10 pings 10.30.2.10
expect "IPv6 too" lab_wait 10 pings 2001:db8:30::2:10
expect "its old one still" pings 10.30.2.9
expect "by one more revision" lab_wait 10 eval "lab_gate audit --json --event apply | grep -q 'a name has other addresses'"
lab_kill "$pinging_pid" INT
expect "what went on meanwhile lost nothing" grep -q ' 0% packet loss' "$LAB_DIR/pinging"
says shut.corp.example 'a 1 10.30.2.10'
expect "a deny by name closes what was open" lab_wait 10 fails pings 10.30.2.10
says shut.corp.example no-data
says moved.corp.example 'cname 1 a.corp.example'
says a.corp.example 'cname 1 b.corp.example'
says b.corp.example 'a 1 10.30.2.12'
expect "aliases are followed" lab_wait 10 pings 10.30.2.12

says git.corp.example silent
expect "a server that is silent is told" lab_wait 30 warns dns-failed 'its last addresses count until'
expect "and takes nothing away" pings 10.30.2.9
lab_kill "$dns_pid"
lab_kill "$lab_daemon_pid" KILL
lab_start_daemon || exit 1
expect "nor does its death, and a SIGKILL" lab_wait 10 pings 10.30.2.9
expect "IPv6 neither" pings 2001:db8:30::2:9
expect "the copy on disk has them" has git.corp.example 10.30.2.9
lab_run office dns.log /usr/bin/python3 "$lab_top/tests/support/dns_server.py" 10.30.2.9 5353 "$names"
for wrong in garbage servfail no-name no-data; do
	says git.corp.example "$wrong"
	asked_again git.corp.example
	expect "$wrong takes nothing away" has git.corp.example 10.30.2.9
done
for forged in other-id other-name other-port; do
	says git.corp.example "$forged 10.30.9.4" 'a 1 10.30.2.9'
	asked_again git.corp.example
	expect "a forged answer ($forged) is not taken" fails has git.corp.example 10.30.9.4
	expect "the right one behind it is" lab_wait 10 is git.corp.example state good
done

says git.corp.example 'a 1 10.30.2.9 10.30.0.1 192.0.2.1 100.64.0.77 127.0.0.1 0.0.0.0 2001:db8:30::1 fd00:64::77 fe80::9 ::1 ::ffff:10.30.9.4'
expect "an answer with the gateway's own address is told" lab_wait 10 warns dns-own 'which is the gateway'
expect "it opens nothing of the gateway" fails pings 10.30.0.1
expect "nor in IPv6" fails pings 2001:db8:30::1
expect "no loopback is taken" fails has git.corp.example 127.0.0.1
expect "nor a link-local one" fails has git.corp.example fe80::9
expect "nor IPv4 in an IPv6 answer" fails has git.corp.example 10.30.9.4
expect "which is told too" known git.corp.example fault
says many.corp.example 'many 1 3000'
expect "of thousands of addresses some are taken" lab_wait 20 eval '[ "$(lab_gate status --json | field "[len(x[\"addresses\"]) for x in r[\"names\"] if x[\"name\"] == \"many.corp.example\"][0]")" -eq 256 ]'
expect "and it is told that not all are" lab_wait 10 eval 'known many.corp.example fault | grep -q "more than 256"'
expect "the answer came by TCP" grep -q '^many.corp.example A tcp' "$LAB_DIR/dns.log"

says git.corp.example silent
policy 4s 1s >"$LAB_DIR/policy.yaml"
expect "with a short max-age" lab_gate apply "$LAB_DIR/policy.yaml" 2>/dev/null
expect "what no answer confirms ends" lab_wait 20 warns dns-empty 'git.corp.example (network hosted) has no address'
expect "and nothing is reached by it" fails pings 10.30.2.9
says git.corp.example 'a 1 10.30.2.9'
expect "until the name is answered again" lab_wait 20 pings 10.30.2.9

sed -i 's/^dns:.*/dns: { servers: ["10.30.2.9:1", "10.30.2.9:5353"] }/' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
expect "servers are taken by a reload" lab_gate reload
before=$(asked git.corp.example)
expect "one that refuses is passed over" lab_wait 20 eval '[ "$(asked git.corp.example)" -gt "$((before + 2))" ]'
expect "and the name stays known" lab_wait 20 is git.corp.example state good
sed -i '/^dns:/d' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
expect "without servers of its own" lab_gate reload
expect "it asks those of resolv.conf, which are not there" lab_wait 30 is git.corp.example state failed
expect "and goes on" kill -0 "$lab_daemon_pid"
expect_done
