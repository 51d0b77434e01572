#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Attack: a guest network hangs on an interface sallyport.yaml does not list, and the machine forwards. Claim: nothing passes between it and
# a listed interface, whether sallyportd lives or not, and `explain` and the counters say why; what the gateway itself serves it is not ours.
# Control: named in interfaces.unmanaged it reaches the inside with answers, and people only as the rules say.
#
#   guest 172.31.0.2 ── guest0 172.31.0.1 gateway lan0 ── 10.30.2.9 office        ana 100.64.0.x on vpn0, stranger 192.0.2.66 on wan0
source "$(dirname "$0")/../support/lab.sh"
source "$(dirname "$0")/../support/expect.sh"
trap lab_down EXIT
umask 077
LAB_HOSTS+=(guest)
lab_up

plug() { # plug NAME: the guests' cable, to the gateway's interface NAME
	ip -n "$LAB-gateway" link add "$1" type veth peer name eth0 netns "$LAB-guest"
	lab_address gateway "$1" 172.31.0.1/24 2001:db8:31::1/64
	lab_address guest eth0 172.31.0.2/24 2001:db8:31::2/64
	ip -n "$LAB-guest" route replace default via 172.31.0.1
	ip -n "$LAB-guest" route replace default via 2001:db8:31::1
}
plug guest0
ip -n "$LAB-stranger" route add 172.31.0.0/24 via 192.0.2.1
ip -n "$LAB-stranger" route add 2001:db8:31::/64 via 2001:db8:1::1
lab_start_daemon && lab_start_engine
lab_policy | sed 's#^services:#  guests:  [172.31.0.0/24, "2001:db8:31::/64"]\n  office6: "2001:db8:30::/48"\n  people:  [100.64.0.0/16, "fd00:64::/64"]\n&#' >"$LAB_DIR/policy.yaml"
cat >>"$LAB_DIR/policy.yaml" <<'YAML'
  - { name: eng-guests,    allow: {from: engineer, to: guests, services: [tcp/7001, udp/7001, ping]} }
  - { name: office-guests, allow: {from: office, to: guests, services: [tcp/7001, udp/7001, ping]} }
  - { name: office-self,   allow: {from: [office, office6], to: self, services: [tcp/7001, udp/7001]} }
  - { name: office6-guests, allow: {from: office6, to: guests, services: [tcp/7001, udp/7001, ping]} }
  - { name: guests-vpn,    allow: {from: guests, to: people, services: [udp/7001]} }
YAML
expect "a policy is applied" lab_gate apply "$LAB_DIR/policy.yaml" && [ $expect_failed -eq 0 ] || expect_done
lab_sign_in laptop ana corp eng
ana4=$(lab_address_of laptop 4) ana6=$(lab_address_of laptop 6)
for net in 172.31.0.0/24 2001:db8:31::/64; do ip -n "$LAB-laptop" route replace "$net" dev wg0; done

# Answers "pong" to UDP and TCP on port 7001, from the address asked, and notes who asked.
serve='
import selectors, socket, sys
sel = selectors.DefaultSelector()
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); u.bind(("::", 7001)); u.setsockopt(41, socket.IPV6_RECVPKTINFO, 1); sel.register(u, 1)
t = socket.create_server(("::", 7001), family=socket.AF_INET6, dualstack_ipv6=True); sel.register(t, 1)
while True:
    for key, _ in sel.select():
        if key.fileobj is u: _, to, _, who = u.recvmsg(100, 100); print("udp", who[0], flush=True); u.sendmsg([b"pong"], to, 0, who)
        else: c, who = t.accept(); print("tcp", who[0], flush=True); c.sendall(b"pong"); c.close()'
# Prints what answered, each with its address; all are asked at once.
ask='
import socket, sys, threading
def say(line): sys.stdout.write(line + "\n") # in one piece: several threads do
def one(kind, name, to):
    s = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, kind); s.settimeout(0.4)
    for n in range(3):
        try:
            if name == "udp" or n == 0: s.connect((to, 7001))
            if name == "udp": s.send(b"ping")
            if s.recv(10): return say(name + " " + to)
        except OSError: pass
for to in sys.argv[1:]:
    for kind, name in (socket.SOCK_DGRAM, "udp"), (socket.SOCK_STREAM, "tcp"):
        threading.Thread(target=one, args=(kind, name, to)).start()'
declare -A log
for host in gateway office laptop stranger guest; do
	lab_run "$host" "$host.asked" python3 -c "$serve"
	log[$host]="$LAB_DIR/$host.asked"
	lab_wait 5 lab_in "$host" sh -c 'ss -lun | grep -q :7001 && ss -ltn | grep -q :7001'
done
asked() { lab_in "$1" python3 -c "$ask" "${@:2}"; }
pinged() { lab_in "$1" ping -c1 -W1 "$2"; }

pings_seen() { # what arrived of echo requests, by the host's own count
	lab_in "$1" sh -c 'cat /proc/net/snmp /proc/net/snmp6' |
		awk '/^Icmp: [0-9]/ {n += $9} /^Icmp6InEchos / {n += $2} END {print n}'
}

nothing_passes() { # nothing_passes WHEN
	local host to tries
	declare -A pings
	for host in office laptop stranger guest; do : >"${log[$host]}"; pings[$host]=$(pings_seen "$host"); done
	: >"$LAB_DIR/answered"
	asked guest 10.30.2.9 2001:db8:30::2:9 192.0.2.66 2001:db8:1::66 "$ana4" "$ana6" >>"$LAB_DIR/answered" & tries=($!)
	for host in office laptop stranger; do asked $host 172.31.0.2 2001:db8:31::2 >>"$LAB_DIR/answered" & tries+=($!); done
	for to in 10.30.2.9 2001:db8:30::2:9 192.0.2.66 2001:db8:1::66 "$ana4" "$ana6"; do pinged guest "$to" >/dev/null & tries+=($!); done
	for host in office laptop stranger; do for to in 172.31.0.2 2001:db8:31::2; do pinged $host $to >/dev/null & tries+=($!); done; done
	wait "${tries[@]}"
	for host in office laptop stranger guest; do
		expect "$1: $host hears nothing" test ! -s "${log[$host]}" -a "$(pings_seen "$host")" = "${pings[$host]}"
	done
	expect "$1: nothing answers" test ! -s "$LAB_DIR/answered"
}
dropped() { lab_in gateway nft list counter inet sallyport "$1" | awk '/packets/ {print $2}'; }
explain() { lab_gate explain --json "${@:2}" | field "($1)"; }
what='r["verdict"], r["rule"], r["reason"]'

before=$(dropped unlisted)
nothing_passes "listed in nothing"
expect "the lock counts what it drops there" test "$(dropped unlisted)" -gt "$before"
expect "status says how many" test "$(lab_gate status --json | field 'r["lock"]["dropped"]["unlisted"]["packets"]')" -gt "$before"
expect "status names it" same "$(lab_gate status --json | field '(r["ungoverned"], r["unmanaged"])')" "(['guest0'], [])"
expect "and says what holds" sh -c "$(printf '%q ' "$lab_top/build/bin/sallyport") status --root $LAB_ROOT | grep -A1 '^unlisted: .*guest0' | grep -q 'closed towards listed'"
expect "the gateway's own service is not ours to close" same "$(asked guest 172.31.0.1 2001:db8:31::1 | sort | tr '\n' ' ')" \
	"tcp 172.31.0.1 tcp 2001:db8:31::1 udp 172.31.0.1 udp 2001:db8:31::1 "
for to in 10.30.2.9:7001 192.0.2.66:7001 "$ana4:7001"; do
	expect "explain, from guest0 to $to" same "$(explain "$what, r['hook'], 'interfaces.unmanaged' in r['message']" --from 172.31.0.2 --to "$to" --on guest0)" "('deny', None, 'unjudged', 'lock', True)"
done
for to in 10.30.2.9:7001 "[2001:db8:30::2:9]:7001"; do
	from=172.31.0.2; [ "$to" = 10.30.2.9:7001 ] || from=2001:db8:31::2
	expect "explain knows its network: $from" same "$(explain "$what, 'guest0' in r['message']" --from $from --to "$to")" "('deny', None, 'unjudged', True)"
done
expect "explain, towards it" same "$(explain "$what" --from ana --to 172.31.0.2:7001)" "('deny', None, 'unjudged')"
expect "explain, to the gateway itself" same "$(explain "$what, 'does not judge' in r['message']" --from 172.31.0.2 --to 172.31.0.1:7001 --on guest0)" "('allow', None, None, True)"

lab_signal "$lab_daemon_pid" KILL; lab_wait 5 fails lab_lives "$lab_daemon_pid"
nothing_passes "sallyportd dead"
ip -n "$LAB-gateway" link delete guest0; plug late0
before=$(dropped unjudged)
nothing_passes "a new one, sallyportd dead"
expect "the lock counts what nobody named" test "$(dropped unjudged)" -gt "$before"
expect "it does not reach the gateway either" same "$(asked guest 172.31.0.1)" ""
lab_start_daemon
expect "sallyportd names it" lab_wait 5 sh -c "nsenter --net=/run/netns/$LAB-gateway nft list chain inet sallyport arriving | grep -q late0"
nothing_passes "a new one, sallyportd back"
ip -n "$LAB-gateway" link delete late0; plug lan9
expect "and one that comes while it runs" lab_wait 5 sh -c "nsenter --net=/run/netns/$LAB-gateway nft list chain inet sallyport arriving | grep -q lan9"
nothing_passes "come later"

# ---- unmanaged ----
ip -n "$LAB-gateway" link delete lan9
lab_kill "$lab_daemon_pid" TERM
sed -i 's/tunnel: vpn0 }/tunnel: vpn0, unmanaged: [guest0] }/' "$LAB_ROOT/etc/sallyport/sallyport.yaml"
lab_start_daemon
expect "an unmanaged one that is not there is not missed" same "$(lab_gate status --json | field '(r["unmanaged"], [w for w in r["warnings"] if "guest0" in w["message"]])')" "([{'name': 'guest0', 'present': False}], [])"
plug guest0
lab_wait 5 lab_in gateway ip link show guest0
all_answer() { [ "$(asked "$@" | wc -l)" = $((($# - 1) * 2)) ]; }
works() { # works HOST TO…: both ways, every transport, with answers
	local host=$1 to; shift
	expect "$host to $*" lab_wait 5 all_answer "$host" "$@"
	for to in "$@"; do expect "$host pings $to" lab_wait 3 pinged "$host" "$to"; done
}
works guest 10.30.2.9 2001:db8:30::2:9 192.0.2.66 2001:db8:1::66
works office 172.31.0.2 2001:db8:31::2
expect "office to the gateway" lab_wait 5 all_answer office 10.30.0.1 2001:db8:30::1
works laptop 172.31.0.2 2001:db8:31::2
expect "towards people the rules decide: udp only" same "$(asked guest "$ana4" "$ana6" | sort | tr '\n' ' ')" "udp $ana4 udp $ana6 "
expect "a person's closed port is denied on vpn-out" test "$(counter vpn-out deny default)" -gt 0
expect "a stranger opens nothing to it" same "$(asked stranger 172.31.0.2 2001:db8:31::2)" ""
expect "explain: nothing judges it on the way in" same "$(explain "$what, 'nothing judges' in r['message']" --from 172.31.0.2 --to 10.30.2.9:7001 --on guest0)" "('allow', None, None, True)"
expect "explain: towards people vpn-out does" same "$(explain "r['verdict'], r['rule'], r['hook']" --from 172.31.0.2 --to "$ana4:7001/udp" --on guest0)" "('allow', 'guests-vpn', 'vpn-out')"
expect "explain: and denies" same "$(explain "r['verdict'], r['hook']" --from 172.31.0.2 --to "$ana4:7001")" "('deny', 'vpn-out')"
expect "explain: towards it as judged" same "$(explain "r['verdict'], r['rule']" --from ana --to 172.31.0.2:7001)" "('allow', 'eng-guests')"

# ---- a listed one under another name ----
ip -n "$LAB-gateway" link set lan0 down; ip -n "$LAB-gateway" link set lan0 name lan7; ip -n "$LAB-gateway" link set lan7 up
ip -n "$LAB-gateway" addr replace 2001:db8:30::1/48 dev lan7 nodad
expect "sallyportd notes that lan0 is lan7" lab_wait 5 sh -c "$(printf '%q ' "$lab_top/build/bin/sallyport") status --json --root $LAB_ROOT | grep -q interface-renamed"
silent() { [ -z "$(asked "$@")" ]; }
expect "renamed, and its programs gone: it reaches nothing" lab_wait 5 silent office 172.31.0.2 2001:db8:31::2 10.30.0.1 2001:db8:30::1
expect "nor do guests reach it" silent guest 10.30.2.9 2001:db8:30::2:9
expect "explain says so" same "$(explain "$what, 'lan0' in r['message']" --from 10.30.2.9 --to 10.30.0.1:7001 --on lan7)" "('deny', None, 'unjudged', True)"
expect_done
