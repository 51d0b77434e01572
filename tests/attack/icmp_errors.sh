#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Attack: ICMP errors (unreachable, too big, time exceeded) about flows of others, from a person on the tunnel, a host inside
# and a stranger on the edge: they break or slow down the flows of others, and carry bytes to hosts the rules deny. Claim: an
# error passes only if it comes from where the packet it quotes was going; every other one is denied, counted and on record
# under the name of who sent it. Control: errors of real routers and of real ends arrive. (Topology: tests/support/lab.sh,
# and a server behind the office, on a narrow link.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$(dirname "$0")/../support/expect.sh"
trap lab_down EXIT

LAB_HOSTS+=(server)
capture() { # capture HOST IFACE : every ICMP message's bytes, as text
	lab_run "$1" "seen-$1.log" tcpdump --immediate-mode -l -A -n -i "$2" icmp or icmp6
	lab_wait 10 grep -q "listening on" "$LAB_DIR/seen-$1.log"
}
seen() { grep -qa "$2" "$LAB_DIR/seen-$1.log"; }
total() { # total VERDICT REASON : at every hook
	lab_gate status --json | field "sum(x['packets'] for h in r['hooks'] for x in h['reasons'] if x['verdict'] == '$1' and x['reason'] == '$2')"
}
errors() { # errors HOST SOURCE DESTINATION QUOTED-SOURCE PORT QUOTED-DESTINATION PORT
	lab_in "$1" /usr/bin/python3 "$lab_top/tests/support/icmp_error.py" "${@:2}" "FORGED-$1"
}
denied() { # denied HOOK REASON HOST … : the three errors are denied there for this reason
	local hook=$1 reason=$2 before
	before=$(counter "$hook" deny "$reason")
	errors "${@:3}"
	lab_wait 5 eval "[ \$(counter $hook deny $reason) -eq $((before + 3)) ]"
}
recorded() { # recorded HOOK SOURCE DESTINATION USER : a denial of reason no-flow
	lab_gate audit --event deny --reason no-flow --limit 1000 --json |
		/usr/bin/python3 -c 'import json, sys
records = [json.loads(line) for line in sys.stdin]
sys.exit(not any([r[key] for key in ("hook", "src", "dst", "user")] == sys.argv[1:] for r in records))' "$@"
}
refused_port() { # refused_port HOST ADDRESS : a datagram to a closed port is answered by an unreachable
	lab_in "$1" /usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1); s.connect((sys.argv[1], 5009)); s.send(b"x")
try: s.recv(10)
except ConnectionRefusedError: sys.exit(0)
sys.exit(1)' "$2"
}
mtu_found() { # mtu_found 4|6 ADDRESS : the router's word about its narrow link arrived
	lab_in laptop ping -"$1" -M "do" -c 1 -W 1 -s 1340 "$2" >>"$LAB_DIR/ping.log"
	ip -n "$LAB-laptop" route get "$2" | grep -q "mtu 1280"
}

lab_up
ip -n "$LAB-office" link add srv0 mtu 1280 type veth peer name eth0 mtu 1280 netns "$LAB-server"
lab_address office srv0 10.30.5.1/24 2001:db8:30:5::1/64
lab_address server eth0 10.30.5.9/24 2001:db8:30:5::9/64
lab_in office sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip -n "$LAB-server" route add default via 10.30.5.1
ip -n "$LAB-server" route add default via 2001:db8:30:5::1
ip -n "$LAB-gateway" route add 10.30.5.0/24 via 10.30.2.9
ip -n "$LAB-gateway" route add 2001:db8:30:5::/64 via 2001:db8:30::2:9
ip -n "$LAB-stranger" route add 2001:db8:30::/48 via 2001:db8:1::1
ip -n "$LAB-stranger" route add fd00:64::/64 via 2001:db8:1::1
ip -n "$LAB-stranger" route add 10.30.0.0/16 via 192.0.2.1
ip -n "$LAB-stranger" route add 100.64.0.0/16 via 192.0.2.1
lab_start_daemon && lab_start_engine || exit 1
lab_policy '{ name: eng-more, allow: {from: engineer, to: [self, server, {role: contractor}], services: [udp/5000-5009, ping]} }' |
	sed 's|^  git:|  server: [10.30.5.9, "2001:db8:30:5::9"]\n  git:|' >"$LAB_DIR/policy.yaml"
lab_gate apply "$LAB_DIR/policy.yaml" && lab_sign_in laptop ana corp eng && lab_sign_in phone bob partner vendors || exit 1

# ana's flows, by family: to git, to the gateway, to bob
declare -A ana=([4]=$(lab_address_of laptop 4) [6]=$(lab_address_of laptop 6))
declare -A bob=([4]=$(lab_address_of phone 4) [6]=$(lab_address_of phone 6))
declare -A git=([4]=10.30.2.9 [6]=2001:db8:30::2:9) gate=([4]=100.64.0.1 [6]=fd00:64::1) payroll=([4]=10.30.9.4 [6]=2001:db8:30::9:4)
declare -A stranger=([4]=192.0.2.66 [6]=2001:db8:1::66) server=([4]=10.30.5.9 [6]=2001:db8:30:5::9)
talk="/usr/bin/python3 $lab_top/tests/support/talk.py"
for host in office gateway phone; do lab_run $host "heard-$host.log" $talk serve 5000; done
for f in 4 6; do
	for to in git gate bob; do
		declare -n address=$to
		lab_run laptop "call-$to-$f.log" $talk call udp "${address[$f]}" 5000 "$to-$f" 40000
	done
done
for f in 4 6; do
	expect "IPv$f: ana talks to git" lab_wait 10 grep -q "git-$f" "$LAB_DIR/heard-office.log"
	expect "IPv$f: ana talks to the gateway" lab_wait 10 grep -q "gate-$f" "$LAB_DIR/heard-gateway.log"
	expect "IPv$f: ana talks to bob" lab_wait 10 grep -q "bob-$f" "$LAB_DIR/heard-phone.log"
done
capture office eth0
capture laptop wg0
related=$(total allow related)
for f in 4 6; do
	a=${ana[$f]} b=${bob[$f]} g=${git[$f]} p=${payroll[$f]} s=${stranger[$f]} gw=${gate[$f]}
	expect "IPv$f: bob to git, about git's answers to ana" denied vpn-in no-flow phone "$b" "$g" "$g" 5000 "$a" 40000
	expect "IPv$f: that is on record, with bob's name" lab_wait 5 recorded vpn-in "$b" "$g" bob
	expect "IPv$f: bob to ana, about her flow to git" denied vpn-in no-flow phone "$b" "$a" "$a" 40000 "$g" 5000
	expect "IPv$f: that is on record, with bob's name" lab_wait 5 recorded vpn-in "$b" "$a" bob
	expect "IPv$f: bob to ana, about her flow to the gateway" denied vpn-in no-flow phone "$b" "$a" "$a" 40000 "$gw" 5000
	expect "IPv$f: bob to the gateway, about its answers to ana" denied vpn-in no-flow phone "$b" "$gw" "$gw" 5000 "$a" 40000
	expect "IPv$f: a host inside to ana, about her flow to bob" denied inside-in no-flow office "$p" "$a" "$a" 40000 "$b" 5000
	expect "IPv$f: a host inside to bob, about his answers to ana" denied inside-in no-flow office "$p" "$b" "$b" 5000 "$a" 40000
	expect "IPv$f: a host inside to ana, about her flow to the gateway" denied inside-in no-flow office "$p" "$a" "$a" 40000 "$gw" 5000
	expect "IPv$f: that is on record" lab_wait 5 recorded inside-in "$p" "$a" ana
	expect "IPv$f: a stranger to ana, about her flow to git" denied edge-in no-flow stranger "$s" "$a" "$a" 40000 "$g" 5000
	expect "IPv$f: a stranger to git, about its answers to ana" denied edge-in no-flow stranger "$s" "$g" "$g" 5000 "$a" 40000
	expect "IPv$f: a stranger to ana, about her flow to bob" denied edge-in no-flow stranger "$s" "$a" "$a" 40000 "$b" 5000
	expect "IPv$f: a stranger to ana, as git" denied edge-in spoofed stranger "$g" "$a" "$a" 40000 "$g" 5000
done
expect "no hook took one for an error of a flow" same "$(total allow related)" "$related"
for host in phone stranger; do
	expect "nothing of it reached git ($host)" fails seen office "FORGED-$host"
done
for host in phone office stranger; do
	expect "nothing of it reached ana ($host)" fails seen laptop "FORGED-$host"
done

for f in 4 6; do
	before=$(counter inside-in allow related)
	errors office "${payroll[$f]}" "${ana[$f]}" "${ana[$f]}" 40000 "${git[$f]}" 5000
	expect "IPv$f: an error of another station inside about her flow to git arrives" lab_wait 5 seen laptop FORGED-office
	: >"$LAB_DIR/seen-laptop.log"
	expect "IPv$f: and is counted as that" lab_wait 5 eval "[ \$(counter inside-in allow related) -ge $((before + 3)) ]"
	before=$(counter inside-in allow related)
	expect "IPv$f: ana learns how narrow the path to the server is" lab_wait 10 mtu_found $f "${server[$f]}"
	expect "IPv$f: from the router on the way" lab_wait 5 eval "[ \$(counter inside-in allow related) -gt $before ]"
	expect "IPv$f: git says that a port is closed" lab_wait 10 refused_port laptop "${git[$f]}"
	before=$(counter vpn-in allow related)
	expect "IPv$f: bob's device says that a port is closed" lab_wait 10 refused_port laptop "${bob[$f]}"
	expect "IPv$f: which is an error of the tunnel" lab_wait 5 eval "[ \$(counter vpn-in allow related) -gt $before ]"
done
expect_done
