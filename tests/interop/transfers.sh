#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What goes in comes out: files, datagrams of every length, over a wire too narrow for the tunnel, and the
# headers around it: no DF, congestion marks both ways, the MSS of a SYN. (Topology: tests/support/pair.sh.)
set -u
source "$(dirname "$0")/../support/pair.sh"
trap lab_down EXIT

echo_there() { # echo_there HOST 4|6 : an echo of datagrams on its inner address
	lab_run "$1" "echo-$1$2.log" /usr/bin/python3 "$lab_top/tests/support/wire.py" echo "$(pair_inner "$1" "$2")" 7001
	lab_wait 5 eval "lab_in $1 ss -Hlun 'sport = :7001' | grep -qF '$(pair_inner "$1" "$2")'"
}

pair_up
pair_make_file "$LAB_DIR/file" 16M
pair_begin "$OURS" "$THEIRS" 4
expect "the tunnel is there" pair_ping a

for direction in 'a 4' 'b 4' 'a 6' 'b 6'; do
	read -r from family <<<"$direction"
	expect "16 MB of TCP from $from over inner IPv$family" pair_copy "$from" "$family" "$LAB_DIR/file"
done
for family in 4 6; do
	echo_there b $family
	expect "datagrams of 0 to 3000 bytes and back over inner IPv$family" \
		lab_in a "$lab_top/tests/support/wire.py" sizes "$(pair_inner b $family)" 7001 3000
done

# congestion marks, RFC 6040: ECT is copied out; CE put on outside arrives inside, on what can bear it
pair_plain_wire
# send_class HOST FAMILY CLASS CAPTURE : five datagrams, and one behind them that always arrives; until it is there
send_class() {
	local to
	to=$(pair_inner "$(pair_other "$1")" "$2")
	lab_in "$1" "$lab_top/tests/support/wire.py" class "$to" 9 "$3" 5 200
	lab_in "$1" "$lab_top/tests/support/wire.py" class "$to" 10 2 1 1
	lab_wait 3 eval "pair_wire tos '$LAB_DIR/$4.pcap' | grep -q port=10"
	pair_captured "$4"
}
classes() { pair_wire tos "$LAB_DIR/$1.pcap" | sed -n 's/.*port=9 class=//p' | sort -u; } # of the five
mark() { # mark FAMILY CLASS : "outer inner" as b sees a packet sent with that class
	pair_capture b outer udp and src "$(pair_address a 4)" and greater 200 # the five
	pair_capture_on wg0 b inner udp
	send_class a "$1" "$2" inner
	pair_captured outer
	echo "$(pair_wire outer "$LAB_DIR/outer.pcap" | sed -n 's/.*class=//p' | sort -u | tr '\n' ,)" \
		"$(classes inner | tr '\n' ,)"
}
for family in 4 6; do
	expect "inner IPv$family, DSCP 46 and no ECN: the outside is plain" same "$(mark $family 184)" "0, 184,"
	expect "ECT(0) is copied outside" same "$(mark $family 2)" "2, 2,"
	expect "ECT(1) with a DSCP" same "$(mark $family 97)" "1, 97,"
	expect "CE stays CE" same "$(mark $family 3)" "3, 3,"
done

# and in: a street that marks everything; what cannot bear the mark is lost, as it would be without a tunnel
lab_in a nft -f - <<-'NFT'
	table ip street {
		chain in { type filter hook prerouting priority raw; udp dport 51821 ip ecn set ce; }
	}
NFT
arrives() { # arrives FAMILY CLASS : how a sees what b sends with that class
	pair_capture_on wg0 a arrives udp
	send_class b "$1" "$2" arrives
	classes arrives
}
for family in 4 6; do
	expect "marked on the way, inner IPv$family ECT(0) with a DSCP arrives as CE" same "$(arrives $family 98)" 99
	expect "what is no ECT does not arrive" same "$(arrives $family 96)" ""
done
expect "we say why" [ "$(pair_stat a ecn)" -ge 10 ]
lab_in a nft delete table ip street

# too narrow a wire: fragments outside, no DF, all arrives
for host in a b; do ip -n "$LAB-$host" link set eth0 mtu 1280; done
pair_capture a narrow udp
expect "wire of 1280, tunnel of 1420: a ping of 1420 bytes" \
	lab_in a ping -q -M do -s 1392 -c 3 -i 0.1 -W 1 "$(pair_inner b 4)"
expect "16 MB from a" pair_copy a 4 "$LAB_DIR/file"
# wireguard-go drops each batch of datagrams that the wire is too narrow for ("message too long"): one at a time
ip -n "$LAB-b" link set wg0 gso_max_segs 1
expect "16 MB from b" pair_copy b 6 "$LAB_DIR/file"
pair_captured narrow
pair_wire outer "$LAB_DIR/narrow.pcap" >"$LAB_DIR/narrow.txt"
expect "there were fragments" grep -q "^192.0.2.1 .*fragment=1" "$LAB_DIR/narrow.txt"
expect "and nothing of ours said DF" fails grep -q "^192.0.2.1 .*df=1" "$LAB_DIR/narrow.txt"

# the MSS: the tunnel's MTU less 40 or 60, of a SYN that promises more
ip -n "$LAB-b" link set wg0 mtu 9000
ip -n "$LAB-a" route replace "$(pair_inner b 4)/32" dev wg0 advmss 8000
pair_capture_on wg0 b mss tcp
lab_in a nc -z -w 20 "$(pair_inner b 4)" 7
lab_in b nc -z -w 20 "$(pair_inner a 4)" 7
pair_captured mss
pair_wire mss "$LAB_DIR/mss.pcap" >"$LAB_DIR/mss.txt"
expect "a SYN of a's that promised 8000 says 1380 at b" grep -qx "10.77.0.1 1380" "$LAB_DIR/mss.txt"
expect_done
