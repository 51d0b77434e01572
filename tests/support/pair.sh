# SPDX-License-Identifier: GPL-3.0-or-later
# Two hosts, an engine on each and a street between them. Sourced by tests/interop/*.sh.
#
#      a  eth0 192.0.2.1  2001:db8:2::1 ───────── eth0 192.0.2.2  2001:db8:2::2  b
#         wg0  10.77.0.1  fd77::1        tunnel    wg0  10.77.0.2  fd77::2
#         UDP port 51821                                  UDP port 51822
#
# lab.sh's words work here too: lab_in a …, lab_run b LOG …, lab_wait, lab_kill, lab_down.
source "$(dirname "${BASH_SOURCE[0]}")/lab.sh"
source "$lab_top/tests/support/expect.sh"

LAB_HOSTS=(a b)
OURS=sallyport-vpnd
THEIRS=wireguard-go
declare -A pair_pid
declare -A pair_psk # of a and b: a file

pair_other() { [ "$1" = a ] && echo b || echo a; }
pair_number() { [ "$1" = a ] && echo 1 || echo 2; }
pair_key() { cat "$LAB_DIR/$1.pub"; }
pair_inner() { [ "$2" = 4 ] && echo "10.77.0.$(pair_number "$1")" || echo "fd77::$(pair_number "$1")"; }
pair_address() { [ "$2" = 4 ] && echo "192.0.2.$(pair_number "$1")" || echo "2001:db8:2::$(pair_number "$1")"; }
pair_port() { echo "5182$(pair_number "$1")"; }
pair_endpoint() { echo "$(lab_bracket "$(pair_address "$1" "$2")"):$(pair_port "$1")"; }

pair_host() { # pair_host HOST : a namespace, and a key
	lab_host "$1" && lab_in "$1" sysctl -qw net.ipv4.conf.all.promote_secondaries=1
	mkdir -p "$LAB_DIR/$1-sockets"
	(umask 077 && wg genkey >"$LAB_DIR/$1.key") && wg pubkey <"$LAB_DIR/$1.key" >"$LAB_DIR/$1.pub"
}

pair_up() {
	local host
	mkdir -p "$LAB_DIR"
	for host in "${LAB_HOSTS[@]}"; do pair_host "$host"; done
	ip link add eth0 netns "$LAB-a" type veth peer name eth0 netns "$LAB-b"
	for host in a b; do
		lab_address "$host" eth0 "$(pair_address "$host" 4)/24" "$(pair_address "$host" 6)/64"
	done
	lab_wait 5 lab_in a ping -c 1 -W 0.5 "$(pair_address b 6)" # IPv6 takes its time to know its neighbours
}

# pair_with HOST COMMAND… : where HOST's engines have their sockets
pair_with() {
	local host=$1
	shift
	lab_in "$host" "$lab_top/tests/support/with-sockets" "$LAB_DIR/$host-sockets" "$@"
}

pair_wg() { # pair_wg HOST ARGUMENTS… : of wg(8)
	local host=$1
	shift
	pair_with "$host" wg "$@"
}

# Not by wg(8): it removes the socket of an engine that has bound it and does not listen yet.
pair_ready() { # pair_ready HOST [IFACE] : its engine answers
	printf 'get=1\n\n' | timeout 5 nc -NU "$LAB_DIR/$1-sockets/${2:-wg0}.sock" | grep -q '^errno=0'
}

pair_start() { # pair_start HOST PROGRAM [IFACE] : in the foreground of its own
	local iface=${3:-wg0}
	lab_run "$1" "$1-engine.log" "$lab_top/tests/support/with-sockets" "$LAB_DIR/$1-sockets" "$2" -f "$iface"
	pair_pid[$1]=$lab_pid
	lab_wait 10 pair_ready "$1" "$iface"
}

# What HOST knows of the other: pair_peer HOST 4|6 [ARGUMENTS… of wg set … peer]
pair_peer() {
	local host=$1 family=$2 other
	other=$(pair_other "$host")
	shift 2
	pair_wg "$host" set wg0 peer "$(pair_key "$other")" endpoint "$(pair_endpoint "$other" "$family")" \
		allowed-ips "$(pair_inner "$other" 4)/32,$(pair_inner "$other" 6)/128" "$@"
}

pair_configure() { # pair_configure HOST 4|6 : keys, the other one, addresses, up
	local host=$1
	pair_wg "$host" set wg0 listen-port "$(pair_port "$host")" private-key "$LAB_DIR/$host.key"
	pair_peer "$host" "$2" ${pair_psk[both]:+preshared-key "${pair_psk[both]}"}
	lab_address "$host" wg0 "$(pair_inner "$host" 4)/24" "$(pair_inner "$host" 6)/64"
}

pair_stop() { # pair_stop HOST : the engine, gently
	lab_kill "${pair_pid[$1]}" TERM
	lab_wait 5 fails ip -n "$LAB-$1" link show wg0
}

# pair_begin PROGRAM_A PROGRAM_B 4|6 : both, configured
pair_begin() {
	pair_start a "$1" && pair_start b "$2" && pair_configure a "$3" && pair_configure b "$3"
}

pair_ping() { # pair_ping HOST [4|6 [COUNT]] : the other's inner address answers each; for loops, see pair_answers
	lab_in "$1" ping -q -c "${3:-1}" -i 0.05 -W 5 "$(pair_inner "$(pair_other "$1")" "${2:-4}")" >/dev/null
}

pair_answers() { # pair_answers HOST [4|6] : one answer, soon; to be tried again and again
	lab_in "$1" ping -q -c 1 -W 0.5 "$(pair_inner "$(pair_other "$1")" "${2:-4}")" >/dev/null
}

pair_silent() { # pair_silent HOST : not one of several is answered
	fails lab_in "$1" ping -q -c 4 -i 0.2 -W 1 "$(pair_inner "$(pair_other "$1")" 4)" >/dev/null
}

# The handshakes HOST has begun since its kernel counts them: initiations that left eth0.
pair_count_initiations() {
	lab_in "$1" nft -f - <<-NFT
		table inet initiations {
			counter sent { }
			chain out {
				type filter hook output priority 0;
				oifname eth0 udp length 156 @th,64,8 1 counter name sent
			}
		}
	NFT
}
pair_initiations() {
	lab_in "$1" nft -j list counter inet initiations sent | field "[x['counter']['packets'] for x in r['nftables'] if 'counter' in x][0]"
}

# pair_at_once TEXT HOST COMMAND… : it comes to succeed, and HOST begins one handshake at most: nothing was lost
# that only the next one, REKEY_TIMEOUT later, made good. The time it took is told, not judged.
pair_at_once() {
	local text=$1 host=$2 begun from came=false
	shift 2
	begun=$(pair_initiations "$host")
	from=$(lab_now_ns)
	lab_wait 5 "$@" && came=true
	expect "$text ($((($(lab_now_ns) - from) / 1000000)) ms)" eval "$came && [ $(($(pair_initiations "$host") - begun)) -le 1 ]"
}

# pair_copy HOST 4|6 FILE : over TCP to the other one, where the sum is taken; succeeds if it is $pair_sum
pair_copy() {
	local to log=copy.sum
	to=$(pair_other "$1")
	rm -f "$LAB_DIR/$log"
	lab_run "$to" "$log" sh -c 'nc -N -l "$1" 7000 | sha256sum' sh "$(pair_inner "$to" "$2")"
	lab_wait 5 eval "lab_in $to ss -Hltn 'sport = :7000' | grep -q ."
	lab_in "$1" timeout 900 nc -N "$(pair_inner "$to" "$2")" 7000 <"$3" >/dev/null
	lab_wait 10 grep -q -- - "$LAB_DIR/$log"
	same "$(cut -d' ' -f1 "$LAB_DIR/$log")" "$pair_sum"
}
pair_make_file() { # pair_make_file FILE SIZE : noise, and $pair_sum of it
	head -c "$2" /dev/urandom >"$1"
	pair_sum=$(sha256sum <"$1" | cut -d' ' -f1)
}

pair_handshake() { # pair_handshake HOST : when, in seconds since 1970
	pair_wg "$1" show wg0 latest-handshakes | cut -f2
}

pair_saw() { # pair_saw HOST : the endpoint it has for the other
	pair_wg "$1" show wg0 endpoints | cut -f2
}

pair_stat() { # pair_stat HOST NAME : a drop of our engine's, all peers together
	printf 'stats=1\n\n' | pair_with "$1" nc -NU /var/run/wireguard/wg0.sock |
		sed -n "s/^drop=$2:\([0-9]*\)$/\1/p" | awk '{n += $1} END {print n + 0}'
}

# One datagram a packet on eth0, so that a capture shows what a wire would carry.
pair_plain_wire() {
	local host
	for host in a b; do ip -n "$LAB-$host" link set eth0 gso_max_segs 1; done
}

# pair_capture HOST NAME FILTER… : everything of eth0 until pair_captured NAME
pair_capture() { pair_capture_on eth0 "$@"; }
pair_capture_on() { # pair_capture_on IFACE HOST NAME FILTER…
	local iface=$1 host=$2 name=$3
	shift 3
	rm -f "$LAB_DIR/$name.tcpdump"
	lab_run "$host" "$name.tcpdump" tcpdump -i "$iface" -s 0 -U --immediate-mode -B 65536 -w "$LAB_DIR/$name.pcap" "$@"
	pair_capture_pid[$name]=$lab_pid
	lab_wait 5 grep -q listening "$LAB_DIR/$name.tcpdump"
}
declare -A pair_capture_pid

pair_captured() { # pair_captured NAME : and all that came until now is in the file
	lab_wait 5 pair_is_written "$1"
	lab_kill "${pair_capture_pid[$1]}" INT
}
pair_is_written() { # as tcpdump itself says: "N captured, M received by filter, K dropped by kernel"
	local log=$LAB_DIR/$1.tcpdump said
	said=$(grep -c 'captured,' "$log")
	lab_signal "${pair_capture_pid[$1]}" USR1
	lab_wait 1 eval "[ \$(grep -c captured, '$log') -gt $said ]"
	tail -n 1 "$log" | awk '{exit $2 < $5 - $9}'
}

pair_wire() { /usr/bin/python3 "$lab_top/tests/support/wire.py" "$@"; }
