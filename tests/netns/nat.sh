#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The policy's own translations. Rules see real ends, answers and errors come back, a connection ends with the
# translation it began by, and nothing of anybody else's is touched. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT
# the laptop and the stranger share a street: only the tunnel may lead there
LAB_ROUTES+=(192.0.2.66/32 10.77.2.0/24 2001:db8:1::66/128 2001:db8:77::/64)

table() { lab_in gateway nft list table inet sallyport_nat 2>/dev/null; }
masquerades() { table | grep -q 'masquerade'; }
echo_at() { # echo_at HOST ADDRESS PORT
	lab_run "$1" "echo-$1.log" /usr/bin/python3 "$lab_top/tests/support/echo.py" serve "$2" "$3"
	lab_wait 10 listens "$1" "$(lab_bracket "$2"):$3"
}
listens() { lab_in "$1" ss -Huln | grep -qF "$2"; }
ask() { lab_in "$1" /usr/bin/python3 "$lab_top/tests/support/echo.py" ask "${@:2}"; }
call() { # call tcp|udp ADDRESS NAME : the laptop talks on and on to the office's port 5400
	lab_run laptop "talk-$3.log" /usr/bin/python3 "$lab_top/tests/support/talk.py" call "$1" "$2" 5400 "$3"
}
heard() { grep -c "^$1 " "$LAB_DIR/office-talk.log"; }
hears() { [ "$(heard "$1")" -gt "$2" ]; }
goes_on() { local now; now=$(heard "$1"); lab_wait 5 hears "$1" $((now + 3)); }
is_closed() { ask "$@"; [ $? -eq 2 ]; }

lab_up
policy=$LAB_DIR/policy.yaml # lab_ready writes it
lab_start_web stranger 192.0.2.66 8080 outside
lab_start_web office 10.30.2.9 8080 git
lab_start_web office 2001:db8:30::2:9 8080 git6
echo_at stranger 192.0.2.66 8081
echo_at stranger 2001:db8:1::66 8081
echo_at office 10.30.2.9 5300
echo_at office 2001:db8:30::2:9 5300
lab_run office office-talk.log /usr/bin/python3 "$lab_top/tests/support/talk.py" serve 5400
lab_in gateway nft -f - <<-'NFT'
	table ip admin {
		chain post { type nat hook postrouting priority srcnat; oifname "wan0" ip saddr 198.51.100.0/24 masquerade; }
	}
NFT
admin=$(lab_in gateway nft list table ip admin)
lab_ready '{ name: eng-outside, allow: {from: engineer, to: [192.0.2.66, "2001:db8:1::66"], services: [tcp/8080, udp/8080-8081, ping]} }' || exit 1
expect "without nat entries there is no table" same "$(table)" ""
cp "$policy" "$LAB_DIR/plain.yaml"
cat >>"$policy" <<-'YAML'
	nat:
	  - { name: out, masquerade: { from: [100.64.0.0/16, "fd00:64::/64"], out: wan0 } }
YAML
expect "a policy that translates is applied" lab_gate apply "$policy"

expect "ana reaches the outside through the gateway" same "$(lab_get laptop http://192.0.2.66:8080/)" outside
expect "a ping comes back too" lab_in laptop ping -c 2 -W 1 192.0.2.66
record=$(lab_gate audit --event allow --user ana --json --limit 20 | grep '"dst":"192.0.2.66"' | head -1)
expect "the record has her real address" same "$(field "r['src']" <<<"$record")" "$(lab_address_of laptop 4)"
expect "explain says what becomes of it" grep -q 'nat *out: it leaves wan0' <(lab_gate explain --from ana --to 192.0.2.66:8080)
expect "that a UDP port is closed is told through the translation" is_closed laptop 192.0.2.66 8080 10
expect "over IPv6 it has the gateway's address outside" \
	test "$(ask laptop 2001:db8:1::66 8081 10 | cut -d' ' -f1)" = 2001:db8:1::1
read -r from port _ <<<"$(ask laptop 192.0.2.66 8081 10 40000)"
expect "over IPv4 too" same "$from" 192.0.2.1
expect "and a port from below those of the gateway's own connections" test "$port" -lt 32768
expect "the gateway's own connection from that port keeps it" \
	same "$(ask gateway 192.0.2.66 8081 10 40000 | cut -d' ' -f1,2)" "192.0.2.1 40000"

expect "applied again it translates on" lab_gate apply "$policy"
expect "   by the chains of the other parity" same "$(lab_get laptop http://192.0.2.66:8080/)" outside

lab_in gateway nft delete table inet sallyport_nat
expect "the table that somebody deleted comes back" lab_wait 5 masquerades
drifted() { lab_gate status --json | field "[d['message'] for d in r['drift']]" | grep -q 'sallyport_nat was removed'; }
expect "   and that is on record" lab_wait 5 drifted

# ---- netmap: 10.77.2.n is 10.30.2.n ----
with_netmap() { # with_netmap [RULE…] : the policy with netmaps, on stdout
	cat "$LAB_DIR/plain.yaml"
	[ $# -eq 0 ] || printf '  - %s\n' "$@"
	cat <<-'YAML'
	  - { name: printer-shut, deny: {from: any, to: 10.30.2.10} }
	  - { name: eng-cust, allow: {from: engineer, to: [{nat: cust}, {nat: cust6}], services: [ping, tcp/8080, tcp/5400, udp/5300-5400]} }
	  - { name: git-eng, allow: {from: git, to: {role: engineer}, services: udp/5300} }
	nat:
	  - { name: cust, netmap: { outside: 10.77.2.0/24, inside: 10.30.2.0/24 } }
	  - { name: cust6, netmap: { outside: "2001:db8:77::2:0/112", inside: "2001:db8:30::2:0/112" } }
	  - { name: out, masquerade: { from: [100.64.0.0/16, "fd00:64::/64"], out: wan0 } }
	YAML
}
with_netmap | sed 's#10.77.2.0/24#192.0.2.0/24#' >"$LAB_DIR/over.yaml"
expect "a netmap over the gateway's own address is refused" \
	grep -q 'over.yaml:[0-9]*:[0-9]*: netmap "cust": 192.0.2.0/24 overlaps an address of the gateway' <(lab_gate apply "$LAB_DIR/over.yaml" 2>&1)
with_netmap >"$policy"
expect "a policy with netmaps is applied" lab_gate apply "$policy"
expect "tunnels lead there" grep -q '10.77.2.0/24.*2001:db8:77::2:0/112' <(lab_gate peer config laptop)
expect "ana reaches git by its other address" same "$(lab_get laptop http://10.77.2.9:8080/)" git
expect "and over IPv6" same "$(lab_get laptop 'http://[2001:db8:77::2:9]:8080/')" git6
expect "a ping comes back" lab_in laptop ping -c 2 -W 1 10.77.2.9
expect "and over IPv6" lab_in laptop ping -c 2 -W 1 2001:db8:77::2:9
expect "by its own address she does not" fails lab_get laptop http://10.30.2.9:8080/
expect "a deny about the real address holds" fails lab_in laptop ping -c 1 -W 1 10.77.2.10
denied() { lab_gate audit --event deny --dst 10.30.2.10 --json --limit 1; }
expect "the denial is on record" lab_wait 15 eval 'denied | grep -q .'
expect "the record says where it was sent and where that is" \
	same "$(denied | field "r['dst'], r['real_dst'], r['rule']")" "10.77.2.10 10.30.2.10 printer-shut"
expect "so does explain" grep -q 'nat *cust: 10.77.2.10 is 10.30.2.10' <(lab_gate explain --from ana --to 10.77.2.10/icmp)
me=$(lab_address_of laptop 4) me6=$(lab_address_of laptop 6)
expect "git sees who asks, and a datagram without a checksum has none" \
	same "$(ask laptop 10.77.2.9 5300 30 bare | cut -d' ' -f1,3,4)" "$me 30 0000"
expect "a datagram in fragments comes and is answered" same "$(ask laptop 10.77.2.9 5300 4000 | cut -d' ' -f1,3)" "$me 4000"
expect "and over IPv6" same "$(ask laptop 2001:db8:77::2:9 5300 4000 | cut -d' ' -f1,3)" "$me6 4000"
expect "that a port is closed is told" is_closed laptop 10.77.2.9 5301 10
expect "and over IPv6" is_closed laptop 2001:db8:77::2:9 5301 10
echo_at laptop "$me" 5300
echo_at laptop "$me6" 5300
expect "what git opens comes from its other address" same "$(ask office "$me" 5300 30 10.30.2.9 | cut -d' ' -f1)" 10.77.2.9
expect "and over IPv6" same "$(ask office "$me6" 5300 30 2001:db8:30::2:9 | cut -d' ' -f1)" 2001:db8:77::2:9

# ---- a connection ends with its translation ----
for way in tcp udp; do
	call $way 10.77.2.9 "$way-v4"
	call $way 2001:db8:77::2:9 "$way-v6"
done
names="tcp-v4 udp-v4 tcp-v6 udp-v6"
for name in $names; do expect "$name talks through a netmap" goes_on "$name"; done
expect "applied again" lab_gate apply "$policy"
for name in $names; do expect "   $name talks on" goes_on "$name"; done
lab_watch_data laptop wg0
lab_run laptop download.log curl -s --noproxy '*' --limit-rate 5M -o /dev/null http://192.0.2.66:8080/big
download=$lab_pid
before=$(lab_data_bytes laptop)
arrives() { [ "$(lab_data_bytes laptop)" -gt $((before + 2000000)) ]; }
expect "a masqueraded download runs" lab_wait 5 arrives
with_netmap '{ name: wide, allow: {from: engineer, to: [10.77.0.0/16, "2001:db8:77::/48"]} }' |
	sed '/name: eng-cust/d; /netmap:/d' >"$policy"
cp "$policy" "$LAB_DIR/translating.yaml"
expect "a policy without the netmaps, that allows their addresses, is applied" lab_gate apply "$policy"
declare -A last
for name in $names; do last[$name]=$(heard "$name"); done
before=$(lab_data_bytes laptop)
expect "the download, whose translation stands, goes on" lab_wait 5 arrives
lab_in laptop ping -c 3 -i 0.5 -W 1 10.77.2.9 >/dev/null
for name in $names; do expect "of $name git hears no more" same "$(heard "$name")" "${last[$name]}"; done
expect "that connections were ended is said" grep -q 'connections ended: they were translated' "$LAB_DIR/sallyportd.log"
lab_kill "$download"

# ---- a policy without any translation, and a sallyportd that dies before it ends what was translated ----
with_netmap >"$policy"
expect "the netmaps are back" lab_gate apply "$policy"
names="late-tcp-v4 late-udp-v4 late-tcp-v6 late-udp-v6"
for way in tcp udp; do
	call $way 10.77.2.9 "late-$way-v4"
	call $way 2001:db8:77::2:9 "late-$way-v6"
done
for name in $names; do expect "$name talks through a netmap" goes_on "$name"; done
lab_kill "$lab_daemon_pid"
lab_start_daemon --kill-at apply-switched || exit 1
{ cat "$LAB_DIR/plain.yaml"; echo '  - { name: wide, allow: {from: engineer, to: [10.77.0.0/16, "2001:db8:77::/48"]} }'; } >"$policy"
lab_gate apply "$policy" >/dev/null 2>&1
expect "sallyportd dies behind the switch" lab_wait 20 fails lab_lives "$lab_daemon_pid"
for name in $names; do last[$name]=$(heard "$name"); done
lab_in laptop ping -c 3 -i 0.5 -W 1 10.77.2.9 >/dev/null
for name in $names; do expect "of $name git hears no more" same "$(heard "$name")" "${last[$name]}"; done
lab_start_daemon || exit 1
cp "$LAB_DIR/translating.yaml" "$policy"
expect "the masquerade is back" lab_gate apply "$policy"

# ---- forwards: ports of the gateway that are git's ----
lab_start_web office 10.30.2.9 80 git-80
lab_start_web office 2001:db8:30::2:9 80 git6-80
lab_run gateway gateway-talk.log /usr/bin/python3 "$lab_top/tests/support/talk.py" serve 5402
lab_in stranger ip route replace 10.30.2.0/24 via 192.0.2.1
talk_to() { # talk_to NAME PORT : the stranger talks on and on to a port of the gateway, four ways
	for way in tcp udp; do
		for to in 192.0.2.1 2001:db8:1::1; do
			lab_run stranger "talk-$1-$way-$to.log" /usr/bin/python3 "$lab_top/tests/support/talk.py" call $way $to "$2" "$1-$way-$to"
		done
	done
}
said() { cat "$LAB_DIR"/{office,gateway}-talk.log | grep -c "^$1-[a-z0-9.:-]* "; }
all_talk() { # all_talk NAME : each of the four is heard
	local way to
	for way in tcp udp; do for to in 192.0.2.1 2001:db8:1::1; do cat "$LAB_DIR"/{office,gateway}-talk.log | grep -q "^$1-$way-$to " || return 1; done; done
}
says_more() { [ "$(said "$1")" -gt "$2" ]; }
forward() { # forward NAME TO PORT/PROTO… : two entries, one of each family, each to the port of git
	printf '  - { name: %s, forward: { to: "wan0:%s", target: "10.30.2.9:%s" } }\n' "$1" "$2" "$3"
	printf '  - { name: %s-v6, forward: { to: "[2001:db8:1::1]:%s", target: "[2001:db8:30::2:9]:%s" } }\n' "$1" "$2" "$3"
}
with_forwards() { # with_forwards TALK-TARGET [RULE…] : on stdout
	cat "$LAB_DIR/plain.yaml"
	[ $# -lt 2 ] || printf '  - %s\n' "${@:2}"
	echo '  - { name: shut, deny: {from: any, to: 10.30.2.10} }'
	echo 'nat:'
	forward web tcp/8080 80
	forward echo udp/5300 5300
	forward closed udp/5301 5301
	forward talk tcp/5401 "$1"
	forward talk-udp udp/5401 "$1"
	echo '  - { name: to-shut, forward: { to: "192.0.2.1:tcp/8081", target: "10.30.2.10:80" } }'
}
local_talk='{ name: local-talk, allow: {from: any, to: self, services: [tcp/5401-5402, udp/5401-5402]} }'
refused() { with_forwards 5400 | sed "$1" >"$LAB_DIR/over.yaml"; grep -q "$2" <(lab_gate apply "$LAB_DIR/over.yaml" 2>&1); }
expect "a forward of the tunnel's port is refused" refused 's#wan0:udp/5300#wan0:udp/51820#' 'over.yaml:[0-9]*:5: forward "echo" would send what is for the tunnel elsewhere'
expect "one to the gateway itself too" refused 's#10.30.2.9:80#192.0.2.1:80#' 'forward "web": 192.0.2.1 is the gateway itself'
with_forwards 5400 "$local_talk" >"$policy"
expect "a policy with forwards is applied" lab_gate apply "$policy"
expect "a stranger reaches git by the gateway's address" same "$(lab_get stranger http://192.0.2.1:8080/)" git-80
expect "and over IPv6" same "$(lab_get stranger 'http://[2001:db8:1::1]:8080/')" git6-80
expect "port 80 itself is closed" fails lab_get stranger http://192.0.2.1/
expect "and past the forward git is out of reach" fails lab_get stranger http://10.30.2.9/
expect "a deny about the real address holds" fails lab_get stranger http://192.0.2.1:8081/
last_of() { lab_gate audit --event "$1" --rule "$2" --json --limit 1; }
for record in "allow web 192.0.2.1 8080 10.30.2.9 80" "deny shut 192.0.2.1 8081 10.30.2.10 80"; do
	read -r event rule wanted <<<"$record"
	expect "$rule is on record" lab_wait 15 eval "last_of $event $rule | grep -q ."
	expect "   with where it was sent and where that is" \
		same "$(last_of "$event" "$rule" | field "r['dst'], r['dport'], r['real_dst'], r['real_dport']")" "$wanted"
done
expect "so does explain" grep -q 'nat *web: 192.0.2.1 port 8080 is 10.30.2.9 port 80' <(lab_gate explain --from 192.0.2.66 --to 192.0.2.1:8080)
expect "git sees who asks, and a datagram without a checksum has none" \
	same "$(ask stranger 192.0.2.1 5300 30 bare | cut -d' ' -f1,3,4)" "192.0.2.66 30 0000"
for to in 192.0.2.1 2001:db8:1::1; do
	expect "a datagram in fragments comes to $to and is answered" same "$(ask stranger $to 5300 4000 | cut -d' ' -f3)" 4000
	expect "that git's port is closed is told" is_closed stranger $to 5301 10
done

talk_to first 5401
talk_to near 5402
expect "four connections talk to git" lab_wait 10 all_talk first
expect "and four to the gateway itself" lab_wait 10 all_talk near
expect "applied again" lab_gate apply "$policy"
now=$(said first)
expect "   they talk on" lab_wait 5 says_more first $((now + 20))
lab_kill "$lab_daemon_pid"
lab_start_daemon --kill-at apply-switched || exit 1
elsewhere='{ name: wide, allow: {from: any, to: [10.30.2.9, "2001:db8:30::2:9"]} }'
with_forwards 5499 "$local_talk" "$elsewhere" >"$policy"
{ forward near tcp/5402 5498; forward near-udp udp/5402 5498; } >>"$policy"
lab_gate apply "$policy" >/dev/null 2>&1
expect "sallyportd dies behind a switch to other targets, and to forwards of what the gateway had" \
	lab_wait 20 fails lab_lives "$lab_daemon_pid"
heard_before="$(said first) $(said near)"
lab_in laptop ping -c 3 -i 0.5 -W 1 10.30.2.9 >/dev/null
expect "nobody is heard where they talked before" same "$(said first) $(said near)" "$heard_before"
lab_start_daemon || exit 1
expect "applied" lab_gate apply "$policy"
lab_in laptop ping -c 3 -i 0.5 -W 1 10.30.2.9 >/dev/null
expect "and stays unheard" same "$(said first) $(said near)" "$heard_before"

with_forwards 5400 >"$policy"
expect "the first forwards are back" lab_gate apply "$policy"
talk_to late 5401
expect "four connections talk to git" lab_wait 10 all_talk late
{ cat "$LAB_DIR/plain.yaml"; printf '  - %s\n' "$local_talk" "$elsewhere"; } >"$policy"
expect "all forwards are withdrawn, and all else is allowed" lab_gate apply "$policy"
now=$(said late)
lab_in laptop ping -c 3 -i 0.5 -W 1 10.30.2.9 >/dev/null
expect "git hears no more" same "$(said late)" "$now"
cp "$LAB_DIR/translating.yaml" "$policy"
expect "the masquerade is back" lab_gate apply "$policy"

# ---- a policy that waits to be confirmed, and is not ----
lab_start_watchdog || exit 1
gets_outside() { [ "$(lab_get laptop http://192.0.2.66:8080/)" = outside ]; }
over_v6() { ask laptop 2001:db8:1::66 8081 10 | cut -d' ' -f1; }
generation() { lab_gate status --json | field "r['generation']"; }
kept=$(generation)
lab_gate apply --confirm 10s "$LAB_DIR/plain.yaml" >/dev/null 2>&1 &
waiting=$!
expect "one without entries waits" lab_wait 20 eval '[ "$(generation)" != "$kept" ]'
expect "who is outside is out of reach" fails gets_outside
lab_kill "$lab_daemon_pid"
expect "without sallyportd, the one that translates returns" lab_wait 30 gets_outside
expect "and over IPv6" same "$(over_v6)" 2001:db8:1::1
wait $waiting
lab_start_daemon || exit 1
expect "the next sallyportd goes on with it" lab_wait 20 eval '[ "$(generation)" = "$kept" ]'
expect "a policy without entries is applied" lab_gate apply --force "$LAB_DIR/plain.yaml"
lab_gate apply --confirm 10s "$policy" >/dev/null 2>&1 &
waiting=$!
expect "one that translates waits" lab_wait 20 gets_outside
wait $waiting
expect "it was not confirmed" same $? 5
expect "nothing is translated any more" fails gets_outside
expect "nor over IPv6" same "$(over_v6)" ""
expect "the masquerade is back" lab_gate apply "$policy"

# ---- the end ----
lab_kill "$lab_daemon_pid"
expect "while no sallyportd runs it translates on" same "$(lab_get laptop http://192.0.2.66:8080/)" outside
expect "a start follows" lab_start_daemon
expect "and it translates on" same "$(lab_get laptop http://192.0.2.66:8080/)" outside
cp "$LAB_DIR/plain.yaml" "$policy"
expect "a policy without entries is applied" lab_gate apply "$policy"
echo '# changed' >>"$policy"
expect "and another one, which writes the other parity's chains" lab_gate apply "$policy"
expect "nothing of the former is left" fails masquerades
expect "who is outside is out of reach" fails lab_get laptop http://192.0.2.66:8080/
expect "all is taken away" lab_gate detach --yes
expect "the table too" same "$(table)" ""
expect "and another's table is as it was" same "$(lab_in gateway nft list table ip admin)" "$admin"
expect_done
