#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A forward to several targets. Sources spread over them, each stays with its own, and a target that does not answer
# loses its own sources alone, until it answers again. (Topology: tests/support/lab.sh; the targets are addresses of
# the office, the sources addresses of the stranger.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

named() { lab_in stranger /usr/bin/python3 "$lab_top/tests/support/named.py" "$@"; }
declare -A server=() # by name
serve() { # serve ADDRESS NAME
	lab_run office "named-$2.log" /usr/bin/python3 "$lab_top/tests/support/named.py" serve "$1" 9000 "$2"
	server[$2]=$lab_pid
	lab_wait 10 eval "lab_in office ss -Htln | grep -qF '$(lab_bracket "$1"):9000'"
}
sources4=() sources6=()
for n in {100..123}; do sources4+=("192.0.2.$n") sources6+=("2001:db8:1::$n"); done
ask4() { named ask 192.0.2.1 9000 "${sources4[@]}"; }
ask6() { named ask 2001:db8:1::1 9000 "${sources6[@]}"; }
of() { awk -v name="$1" '$2 == name { print $1 }'; }
states() { # states FORWARD : "11 up, 12 down"
	lab_gate status --json | field "', '.join(t['address'].replace('::2:', '.').split('.')[-1] + ' ' + t['state'] for f in r['forwards'] if f['name'] == '$1' for t in f['targets'])"
}
are() { [ "$(states "$1")" = "$2" ]; }
slots() { lab_gate status --json | field "sum(t['slots'] for f in r['forwards'] if f['name'] == 'farm' for t in f['targets'])"; }
hold() { # hold LOG ADDRESS SOURCE…
	lab_run stranger "$1" /usr/bin/python3 "$lab_top/tests/support/named.py" hold "$2" 9000 "${@:3}"
}
heard() { grep -c " $2\$" "$LAB_DIR/$1" 2>/dev/null; }
hears() { [ "$(heard "$1" "$2")" -gt "$3" ]; }
goes_on() { local now; now=$(heard "$1" "$2"); lab_wait 5 hears "$1" "$2" $((now + 5)); }
is_quiet() { local now; now=$(heard "$1" "$2"); sleep 1; [ "$(heard "$1" "$2")" = "$now" ]; }
farm() { # farm CHECK ID… : the policy, with targets of these numbers
	local check=$1 v4="" v6="" id
	shift
	for id in "$@"; do v4+=", \"10.30.2.$id:9000\"" v6+=", \"[2001:db8:30::2:$id]:9000\""; done
	lab_policy "${rules[@]}"
	cat <<-YAML
	nat:
	  - { name: farm, forward: { to: "wan0:tcp/9000", target: [${v4:2}]$check } }
	  - { name: farm6, forward: { to: "wan0:tcp/9000", target: [${v6:2}]$check } }
	YAML
}
rules=()

lab_up
policy=$LAB_DIR/policy.yaml
for n in {100..123}; do
	ip -n "$LAB-stranger" address add "192.0.2.$n/24" dev eth0
	ip -n "$LAB-stranger" address add "2001:db8:1::$n/64" dev eth0 nodad
done
for id in 11 12 13 14; do
	lab_address office eth0 "10.30.2.$id/16" "2001:db8:30::2:$id/48"
	serve "10.30.2.$id" "v4-$id"
	serve "2001:db8:30::2:$id" "v6-$id"
done
lab_start_daemon && lab_start_engine || exit 1
farm ", check: tcp" 11 12 13 >"$policy"
expect "a policy with a forward to three targets of either family is applied" lab_gate apply "$policy"
lab_settle
expect "each is found to answer" lab_wait 15 are farm "11 up, 12 up, 13 up"
expect "over IPv6 too" lab_wait 15 are farm6 "11 up, 12 up, 13 up"
expect "every slot is somebody's" same "$(slots)" 1024

first4=$(ask4) first6=$(ask6)
expect "sources spread over all of them" same "$(cut -d' ' -f2 <<<"$first4" | sort -u | tr '\n' ' ')" "v4-11 v4-12 v4-13 "
expect "over IPv6 too" same "$(cut -d' ' -f2 <<<"$first6" | sort -u | tr '\n' ' ')" "v6-11 v6-12 v6-13 "
expect "each comes to the same one again" same "$(ask4)" "$first4"
expect "over IPv6 too" same "$(ask6)" "$first6"
told() { # told ADDRESS SOURCE… : what explain says of each, as ask does
	local to=$1 source
	shift
	for source in "$@"; do
		echo "$source $(lab_gate explain --from "$source" --to "$to" --on wan0 --json |
			field "r['forward']['destination'].replace('10.30.2.', 'v4-').replace('2001:db8:30::2:', 'v6-')")"
	done
}
expect "explain names the target that a source comes to" same "$(told 192.0.2.1:9000 "${sources4[@]:0:8}")" "$(head -8 <<<"$first4")"
expect "over IPv6 too" same "$(told '[2001:db8:1::1]:9000' "${sources6[@]:0:8}")" "$(head -8 <<<"$first6")"
expect "and how many answer" grep -q 'nat *farm: 192.0.2.1 port 9000 is 10.30.2.1[123] port 9000 for this source; 3 of 3 targets answer' \
	<(lab_gate explain --from 192.0.2.100 --to 192.0.2.1:9000 --on wan0)

# ---- one does not answer ----
hold hold4.log 192.0.2.1 "${sources4[@]}"
hold hold6.log 2001:db8:1::1 "${sources6[@]}"
for name in v4-11 v4-12 v4-13; do expect "connections to $name talk" lab_wait 10 hears hold4.log $name 5; done
for name in v6-11 v6-12 v6-13; do expect "connections to $name talk" lab_wait 10 hears hold6.log $name 5; done
lab_kill "${server[v4-12]}"
lab_in office nft -f - <<-'NFT'
	table ip6 deaf {
		chain arriving {
			type filter hook input priority 0;
			ip6 daddr 2001:db8:30::2:12 tcp flags & (syn | ack) == syn drop
		}
	}
NFT
expect "a target that died is down" lab_wait 30 are farm "11 up, 12 down, 13 up"
expect "one that takes no new connection too" lab_wait 30 are farm6 "11 up, 12 down, 13 up"
down() { lab_gate audit --event target-down --json --limit 9; }
expect "that is on record" same "$(down | grep 10.30.2.12 | field "r['dst'], r['dport'], r['rule']")" "10.30.2.12 9000 farm"
expect "status says since when, and why" grep -q '10.30.2.12:9000  down since .*(Connection refused), 0 of 1024 slots' <(lab_gate status)
expect "every slot is somebody's" same "$(slots)" 1024
for name in v4-11 v4-13; do expect "connections to $name talk on" goes_on hold4.log $name; done
for name in v6-11 v6-12 v6-13; do expect "connections to $name talk on" goes_on hold6.log $name; done
now4=$(ask4) now6=$(ask6)
expect "sources of the others stay with them" same "$(grep -v -- "-12$" <<<"$first4")" "$(grep -Ff <(grep -v -- "-12$" <<<"$first4" | cut -d' ' -f1 | sed 's/$/ /') <<<"$now4")"
expect "over IPv6 too" same "$(grep -v -- "-12$" <<<"$first6")" "$(grep -Ff <(grep -v -- "-12$" <<<"$first6" | cut -d' ' -f1 | sed 's/$/ /') <<<"$now6")"
expect "its own go to the others" fails grep -qE -- ' (v4-12|-)$' <<<"$now4"
expect "over IPv6 too" fails grep -qE -- ' (v6-12|-)$' <<<"$now6"

# ---- sallyportd dies ----
since() { lab_gate status --json | field "[t['since'] for f in r['forwards'] if f['name'] == 'farm' for t in f['targets']][1]"; }
before=$(since)
lab_kill "$lab_daemon_pid"
expect "while no sallyportd runs all stays as it was" same "$(ask4)" "$now4"
expect "over IPv6 too" same "$(ask6)" "$now6"
lab_start_daemon || exit 1
expect "the next one knows who does not answer" grep -q "12 down" <(states farm)
expect "   and since when" same "$(since)" "$before"
expect "nobody was sent there" same "$(ask4)" "$now4"
for name in v4-11 v4-13; do expect "connections to $name talk on" goes_on hold4.log $name; done

# ---- and answers again ----
serve 10.30.2.12 v4-12
lab_in office nft delete table ip6 deaf
expect "a target that is back is up" lab_wait 30 are farm "11 up, 12 up, 13 up"
expect "over IPv6 too" lab_wait 30 are farm6 "11 up, 12 up, 13 up"
expect "that is on record" grep -q 10.30.2.12 <(lab_gate audit --event target-up --json --limit 9)
expect "everybody comes to where they came first" same "$(ask4)" "$first4"
expect "over IPv6 too" same "$(ask6)" "$first6"

# ---- other targets beside live connections ----
farm ", check: tcp" 11 12 14 >"$policy"
expect "another target in the place of one" lab_gate apply "$policy"
for name in v6-11 v6-12; do expect "connections to $name talk on" goes_on hold6.log $name; done
expect "those to the one that left ended" is_quiet hold6.log v6-13
after=$(ask4)
expect "sources of those that stayed come to them, or to the new one" \
	same "$(paste -d' ' <(cut -d' ' -f2 <<<"$first4") <(cut -d' ' -f2 <<<"$after") | grep -v '^v4-13 ' | awk '$1 != $2 && $2 != "v4-14"')" ""
expect "nobody comes to the one that left" fails grep -q -- "-13$" <<<"$after"
expect "somebody comes to the new one" grep -q -- "-14$" <<<"$after"

# ---- what rules say about one of them holds for all ----
rules=('{ name: not-there, deny: {from: 192.0.2.100/31, to: 10.30.2.14} }')
farm ", check: tcp" 11 12 14 >"$policy"
expect "a deny about one target" lab_gate apply "$policy"
expect "is one about the forward" same "$(ask4 | head -3 | cut -d' ' -f2 | sed 's/v4-.*/some/' | tr '\n' ' ')" "- - some "
rules=()

# ---- none answers ----
farm ", check: tcp" 11 12 14 >"$policy"
expect "without that deny" lab_gate apply "$policy"
for id in 11 12 14; do lab_kill "${server[v4-$id]}"; done
expect "none answers" lab_wait 40 are farm "11 down, 12 down, 14 down"
expect "status warns" grep -q 'no target of forward farm answers' <(lab_gate status)
expect "explain says so" grep -q 'nat *farm: no target answers' <(lab_gate explain --from 192.0.2.100 --to 192.0.2.1:9000 --on wan0)
lab_run gateway itself.log /usr/bin/python3 "$lab_top/tests/support/named.py" serve 192.0.2.1 9000 itself
expect "what comes for it goes nowhere, not to the gateway itself either" same "$(named ask 192.0.2.1 9000 192.0.2.100)" "192.0.2.100 -"
expect "over IPv6 it goes on" fails grep -q -- ' -$' <<<"$(ask6)"
serve 10.30.2.14 v4-14
expect "one is back" lab_wait 30 are farm "11 down, 12 down, 14 up"
expect "and has all of them" same "$(ask4 | cut -d' ' -f2 | sort -u)" v4-14
expect "the warning is over" fails grep -q 'no target of forward' <(lab_gate status)

# ---- another address outside ----
hold old.log 192.0.2.1 192.0.2.100 192.0.2.101
expect "connections to the old address talk" lab_wait 10 hears old.log v4-14 5
readdress() { ip -n "$LAB-gateway" address delete "$1/24" dev wan0 && ip -n "$LAB-gateway" address add "$2/24" dev wan0; }
readdress 192.0.2.1 192.0.2.2
moved() { named ask 192.0.2.2 9000 192.0.2.100 | grep -q v4-14; }
expect "a forward by interface follows its address" lab_wait 20 moved
expect "what came by the old one ended" is_quiet old.log v4-14
expect "over IPv6 they talk on" goes_on hold6.log v6-11
readdress 192.0.2.2 192.0.2.1
back() { named ask 192.0.2.1 9000 192.0.2.100 | grep -q v4-14; }
expect "and when it is back" lab_wait 20 back

# ---- unchecked ----
farm "" 11 12 14 >"$policy"
expect "without a check" lab_gate apply "$policy"
expect "each has its slots" lab_wait 10 are farm "11 unchecked, 12 unchecked, 14 unchecked"
expect "   whether it answers or not" grep -q -- ' -$' <(ask4)
expect_done
