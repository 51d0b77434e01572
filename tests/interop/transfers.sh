#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What goes in comes out: files, datagrams of every length, over a wire too narrow for the tunnel, and the
# headers around it: no DF, congestion marks both ways, the MSS of a SYN. (Topology: tests/support/pair.sh.)
set -u
source "$(dirname "$0")/../support/pair.sh"
trap lab_down EXIT

# copy FROM 4|6 : the file to the other host; prints the sum it arrived with
copy() {
	local to log=copy-$1$2.log
	to=$(pair_other "$1")
	lab_run "$to" "$log" sh -c 'nc -N -l "$1" 7000 | sha256sum' sh "$(pair_inner "$to" "$2")"
	lab_wait 5 lab_listens "$to" 7000
	lab_in "$1" timeout 100 nc -N "$(pair_inner "$to" "$2")" 7000 <"$LAB_DIR/file" >/dev/null
	lab_wait 10 grep -q -- - "$LAB_DIR/$log"
	cut -d' ' -f1 "$LAB_DIR/$log"
}
lab_listens() { lab_in "$1" ss -Hltn "sport = :$2" | grep -q .; }

echo_there() { # echo_there HOST 4|6 : an echo of datagrams on its inner address
	lab_run "$1" "echo-$1$2.log" /usr/bin/python3 "$lab_top/tests/support/wire.py" echo "$(pair_inner "$1" "$2")" 7001
	lab_wait 5 eval "lab_in $1 ss -Hlun 'sport = :7001' | grep -qF '$(pair_inner "$1" "$2")'"
}

pair_up
head -c 64M /dev/urandom >"$LAB_DIR/file"
sum=$(sha256sum <"$LAB_DIR/file" | cut -d' ' -f1)
pair_begin "$OURS" "$THEIRS" 4
expect "the tunnel is there" pair_ping a 4 2

for direction in 'a 4' 'b 4' 'a 6' 'b 6'; do
	read -r from family <<<"$direction"
	expect "64 MB of TCP from $from over inner IPv$family" same "$(copy "$from" "$family")" "$sum"
done
for family in 4 6; do
	echo_there b $family
	expect "datagrams of 0 to 3000 bytes and back over inner IPv$family" \
		lab_in a "$lab_top/tests/support/wire.py" sizes "$(pair_inner b $family)" 7001 3000
done

# congestion marks, RFC 6040: ECT is copied out; CE put on outside arrives inside, on what can bear it
pair_plain_wire
mark() { # mark FAMILY CLASS : "outer inner" as b sees a packet sent with that class
	local inner=$LAB_DIR/inner.pcap
	pair_capture b outer udp and src "$(pair_address a 4)" and greater 120
	lab_run b inner.tcpdump tcpdump -i wg0 -U --immediate-mode -w "$inner" udp
	local watch=$lab_pid
	lab_wait 5 grep -q listening "$LAB_DIR/inner.tcpdump"
	lab_in a "$lab_top/tests/support/wire.py" class "$(pair_inner b "$1")" 9 "$2" 5
	sleep 0.2
	lab_kill "$watch" INT
	pair_captured
	echo "$(pair_wire outer "$LAB_DIR/outer.pcap" | sed -n 's/.*class=//p' | sort -u | tr '\n' ,)" \
		"$(pair_wire tos "$inner" | sed -n 's/.*class=//p' | sort -u | tr '\n' ,)"
	rm -f "$LAB_DIR/inner.tcpdump" "$LAB_DIR/outer.tcpdump"
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
	lab_run a arrives.tcpdump tcpdump -i wg0 -U --immediate-mode -w "$LAB_DIR/arrives.pcap" udp
	local watch=$lab_pid
	lab_wait 5 grep -q listening "$LAB_DIR/arrives.tcpdump"
	lab_in b "$lab_top/tests/support/wire.py" class "$(pair_inner a "$1")" 9 "$2" 5
	sleep 0.2
	lab_kill "$watch" INT
	pair_wire tos "$LAB_DIR/arrives.pcap" | sed -n 's/.*class=//p' | sort -u
	rm -f "$LAB_DIR/arrives.tcpdump"
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
expect "64 MB from a" same "$(copy a 4)" "$sum"
expect "64 MB from b" same "$(copy b 6)" "$sum"
pair_captured
pair_wire outer "$LAB_DIR/narrow.pcap" >"$LAB_DIR/narrow.txt"
expect "there were fragments" grep -q "^192.0.2.1 .*fragment=1" "$LAB_DIR/narrow.txt"
expect "and nothing of ours said DF" fails grep -q "^192.0.2.1 .*df=1" "$LAB_DIR/narrow.txt"

# the MSS: the tunnel's MTU less 40 or 60, of a SYN that promises more
ip -n "$LAB-b" link set wg0 mtu 9000
ip -n "$LAB-a" route replace "$(pair_inner b 4)/32" dev wg0 advmss 8000
lab_run b mss.tcpdump tcpdump -i wg0 -U --immediate-mode -w "$LAB_DIR/mss.pcap" tcp
watch=$lab_pid
lab_wait 5 grep -q listening "$LAB_DIR/mss.tcpdump"
lab_in a nc -z -w 1 "$(pair_inner b 4)" 7
lab_in b nc -z -w 1 "$(pair_inner a 4)" 7
sleep 0.2
lab_kill "$watch" INT
pair_wire mss "$LAB_DIR/mss.pcap" >"$LAB_DIR/mss.txt"
expect "a SYN of a's that promised 8000 says 1380 at b" grep -qx "10.77.0.1 1380" "$LAB_DIR/mss.txt"
expect_done
