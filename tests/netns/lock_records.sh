#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What the second lock drops is counted, in status, and on record: samples with addresses, ports and interface,
# and exact counts once a second; a flood makes no more records than the lock's sampling lets through; where samples
# cannot be heard the counts go on and status says so. (Topology: tests/support/lab.sh; extra0, an interface nobody
# listed that comes in later, leads to the stranger.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

# datagrams HOST FROM TO PORT COUNT : of 100 bytes each
datagrams() {
	lab_in "$1" /usr/bin/python3 - "$2" "$3" "$4" "$5" <<-'PY'
	import socket, sys
	source, to, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
	with socket.socket(socket.AF_INET6 if ':' in to else socket.AF_INET, socket.SOCK_DGRAM) as sock:
	    sock.bind((source, 4001))
	    for _ in range(count):
	        sock.sendto(b'x' * 100, (to, port))
	PY
}

# said EXPRESSION : of the lock's records so far: rs all, singles, sums (the aggregated ones); each has `kind`
said() {
	/usr/bin/python3 - "$1" "$LAB_ROOT/var/log/sallyport/packets.jsonl" <<-'PY'
	import json, sys
	rs = [r for r in map(json.loads, open(sys.argv[2])) if r['hook'] == 'lock']
	for r in rs: r['kind'] = r['message'].split(':')[0]
	singles = [r for r in rs if not r.get('aggregated')]
	sums = [r for r in rs if r.get('aggregated')]
	print(eval(sys.argv[1]))
	PY
}
dropped() { lab_gate status --json | field "r['lock']['dropped']['$1']['$2']"; }
in_step() { [ "$(said "sum(r['packets'] for r in sums if r['kind'] == '$1'), sum(r['bytes'] for r in sums if r['kind'] == '$1')")" = "($(dropped "$1" packets), $(dropped "$1" bytes))" ]; }
sample() { # sample KIND IFACE FROM TO PORT BYTES : there is one of exactly this
	[ "$(said "sum(1 for r in singles if r['kind'] == '$1' and (r['iface'], r['src'], r['sport'], r['dst'], r['dport'], r['proto'], r['packets'], r['bytes'], r['verdict'], r['reason'], r['event']) == ('$2', '$3', 4001, '$4', $5, 'udp', 1, $6, 'deny', 'unjudged', 'deny'))")" -gt 0 ]
}

# neighbour HOST IFACE GATEWAYS ADDRESS… : HOST need not ask for the gateway's address, which the lock would drop
neighbour() {
	local host=$1 iface=$2 address mac
	mac=$(ip -n "$LAB-gateway" -br link show "$3" | awk '{ print $3 }')
	for address in "${@:4}"; do ip -n "$LAB-$host" neigh replace "$address" lladdr "$mac" dev "$iface" nud permanent; done
}

lab_up
lab_ready || exit 1
expect "control: a gateway as it should be drops nothing there" same "$(dropped unlisted packets) $(dropped astray packets) $(dropped closed packets)" "0 0 0"
expect "samples are heard" same "$(lab_gate status --json | field "r['lock']['sampled']")" True

# ---- unjudged: the inner interface without its programs; sallyportd is kept from putting them back meanwhile ----
neighbour office eth0 lan0 10.30.0.1 2001:db8:30::1
lab_signal "$lab_daemon_pid" STOP
rm "$LAB_ROOT"/sys/fs/bpf/sallyport/v1/link-inside-in-lan0
lab_wait 5 fails test -e "$LAB_ROOT"/sys/fs/bpf/sallyport/v1/link-inside-in-lan0
datagrams office 10.30.2.9 192.0.2.66 7001 3
datagrams office 2001:db8:30::2:9 2001:db8:1::66 7002 3
datagrams office 10.30.2.9 10.30.0.1 7003 3
lab_signal "$lab_daemon_pid" CONT
expect "a sample says who, whither, by which interface" lab_wait 5 sample unjudged lan0 10.30.2.9 192.0.2.66 7001 128
expect "the same, IPv6" lab_wait 5 sample unjudged lan0 2001:db8:30::2:9 2001:db8:1::66 7002 148
expect "the same, to the gateway itself" lab_wait 5 sample unjudged lan0 10.30.2.9 10.30.0.1 7003 128
expect "the counts on record are the lock's own" lab_wait 5 in_step unjudged
expect "they are not nothing" [ "$(dropped unjudged packets)" -ge 9 ]
expect "status says it to people" eval 'lab_gate status | grep -q "second lock dropped $(dropped unjudged packets) unjudged, 0 unlisted, 0 astray, 0 closed$"'

# ---- astray: answers to ana, which the gateway was to forward, are led to the gateway itself ----
expect "control: git answers ana" lab_in laptop ping -c1 -W2 -q 10.30.2.9
laptop4=$(lab_address_of laptop 4) laptop6=$(lab_address_of laptop 6)
lab_signal "$lab_daemon_pid" STOP
lab_in gateway sysctl -qw net.ipv4.conf.vpn0.accept_local=1 # else the kernel takes ana's own packets for forged
for family in "-4 $laptop4" "-6 $laptop6"; do
	set -- $family
	lab_in gateway ip "$1" rule add pref 0 iif lan0 to "$2" lookup 77
	lab_in gateway ip "$1" route add local "$2" dev lo table 77
done
lab_in laptop ping -c5 -i0.2 -W1 -q 10.30.2.9 >/dev/null
lab_in laptop ping -c5 -i0.2 -W1 -q 2001:db8:30::2:9 >/dev/null
for family in -4 -6; do lab_in gateway ip $family rule del pref 0 iif lan0; done
lab_signal "$lab_daemon_pid" CONT
expect "the counts on record of what went astray are the lock's own" lab_wait 5 in_step astray
expect "exactly ten" same "$(dropped astray packets)" 10
astray_of_both() { [ "$(said "len({r['src'] for r in singles if r['kind'] == 'astray' and r['iface'] == 'lan0'})")" = 2 ]; }
expect "with samples of both families" lab_wait 5 astray_of_both

# ---- a flood, by an interface that came in while nobody looked: nobody knows its name ----
lab_signal "$lab_daemon_pid" STOP
ip -n "$LAB-gateway" link add extra0 type veth peer name extra1 netns "$LAB-stranger"
lab_address gateway extra0 198.18.9.1/24 2001:db8:9::1/64
lab_address stranger extra1 198.18.9.2/24 2001:db8:9::2/64
before=$(said "len(singles)") rules=$(lab_in gateway nft list chain inet sallyport arriving | grep -c "log prefix \"unjudged\"")
started=$(date +%s)
neighbour stranger extra1 extra0 198.18.9.1 2001:db8:9::1
counted() { lab_in gateway nft list counter inet sallyport unjudged | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }
had=$(counted)
datagrams stranger 198.18.9.2 198.18.9.1 7004 3000
datagrams stranger 2001:db8:9::2 2001:db8:9::1 7005 3000
took=$(($(date +%s) - started + 1))
expect "the lock dropped all of the flood" [ $(($(counted) - had)) -ge 6000 ]
lab_signal "$lab_daemon_pid" CONT
expect "one of it is on record" lab_wait 5 sample unjudged extra0 198.18.9.2 198.18.9.1 7004 128
expect "each packet is counted on record" lab_wait 5 in_step unjudged
made=$(($(said "len(singles)") - before))
echo "     $(dropped unjudged packets) dropped, $made records of their own in at most $took s"
expect "one rule samples them" same "$rules" 1
expect "records of their own: no more than 100 a second and a burst of 100" [ $made -le $((100 * (took + 1) + 100)) ]

# ---- unlisted: it is known by now, reaches the gateway, and nothing behind it ----
known() { lab_in gateway nft list chain inet sallyport arriving | grep -q extra0; }
expect "the interface gets known" lab_wait 10 known
lab_in stranger ip route replace 10.30.0.0/16 via 198.18.9.1
lab_in stranger ip route replace 2001:db8:30::/64 via 2001:db8:9::1
datagrams stranger 198.18.9.2 10.30.2.9 7006 5
datagrams stranger 2001:db8:9::2 2001:db8:30::2:9 7007 5
expect "what goes between listed and unlisted has samples" lab_wait 5 sample unlisted extra0 198.18.9.2 10.30.2.9 7006 128
expect "the same, IPv6" lab_wait 5 sample unlisted extra0 2001:db8:9::2 2001:db8:30::2:9 7007 148
expect "they say whither it would have gone" same "$(said "{r['message'].split('; ')[1] for r in singles if r['kind'] == 'unlisted'}")" "{'towards lan0'}"
expect "and exact counts" lab_wait 5 in_step unlisted
expect "exactly ten" same "$(dropped unlisted packets)" 10

explained() { # explain takes such a record at its word
	grep -m1 '"hook":"lock"' "$LAB_ROOT/var/log/sallyport/packets.jsonl" >"$LAB_DIR/record"
	lab_gate explain --record "$(cat "$LAB_DIR/record")" --json >"$LAB_DIR/explained"
	same "$(field "r['verdict'], r['reason'], r['hook'], r['reproduced']" <"$LAB_DIR/explained")" "deny unjudged lock False"
}
expect "explain knows such a record" explained

# ---- the records belong to packets.jsonl; a restart tells nothing twice ----
expect "packets are a log apart" fails grep -q '"hook":"lock"' "$LAB_ROOT/var/log/sallyport/audit.jsonl"
lab_kill "$lab_daemon_pid"
lab_start_daemon
expect "after a restart the counts on record are still the lock's own" lab_wait 5 in_step unlisted
expect "of the others too" lab_wait 5 in_step unjudged
expect "the chain is whole" lab_gate audit verify

# ---- somebody else hears the samples: the lock stays, and so do its counts ----
lab_kill "$lab_daemon_pid"
lab_run gateway hearer /usr/bin/python3 -c '
import socket, struct, time
sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) # NETLINK_NETFILTER: bind to the group, wait
body = struct.pack("=BBH", 0, 0, socket.htons(23057)) + struct.pack("=HHB3x", 5, 1, 1)
sock.bind((0, 0)); sock.send(struct.pack("=IHHII", 16 + len(body), 0x401, 5, 1, 0) + body)
print(struct.unpack("=i", sock.recv(100)[16:20])[0], flush=True); time.sleep(600)'
hearer=$lab_pid
lab_wait 5 grep -qx 0 "$LAB_DIR/hearer"
lab_start_daemon
warns() { lab_gate status --json | grep -q '"lock-unsampled"'; }
expect "status says that samples are missing" lab_wait 5 warns
datagrams stranger 198.18.9.2 10.30.2.9 7008 5
expect "counts go on" lab_wait 5 in_step unlisted
expect "exactly fifteen" same "$(dropped unlisted packets)" 15
expect "there is no sample" fails sample unlisted extra0 198.18.9.2 10.30.2.9 7008 128
lab_kill "$hearer"
expect "once nobody does, they are heard again" lab_wait 5 fails warns
datagrams stranger 198.18.9.2 10.30.2.9 7009 5
expect "and on record" lab_wait 5 sample unlisted extra0 198.18.9.2 10.30.2.9 7009 128
expect_done
