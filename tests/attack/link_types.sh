#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The attack: an interface that carries bare IP is listed, and who sends there chooses sources (8.6.x.x, xxxx:xxxx:806::) and bytes that
# a reader of Ethernet takes for ARP or for another packet; interfaces are listed whose packets arrive somewhere else. The claim: the link
# type is asked, as `edge` and as `inside`, in both families; what no program fits is refused by name before anything is attached. The
# control: what a rule allows passes there.
#
#   far end of tun8 (edge)    10.45.0.9  fd45::9  ── gateway
#   far end of tun9 (inside)  10.44.0.9  fd44::9  ── gateway
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT
umask 077
lab_up

gate() { lab_in gateway "$@"; }
ip_gate() { ip -n "$LAB-gateway" "$@"; }
far() { gate /usr/bin/python3 "$lab_top/tests/support/tun_end.py" "$@"; }
heard() { grep -q "^$1" "$LAB_DIR/heard"; }
arrived() { wc -l <"$LAB_DIR/heard"; } # a forged datagram is bytes of any kind: a line each
list() { # list EDGE INSIDE : in sallyport.yaml
	sed -i "s/^interfaces:.*/interfaces: { edge: [$1], inside: [$2], tunnel: vpn0 }/" "$LAB_ROOT/etc/sallyport/sallyport.yaml"
}
hooks() { lab_gate status --json | field "sum(1 for h in r['hooks'] if h['interface'] == '$1' and h.get('prog_id'))"; }
attached() { gate bpftool -j net show dev "$1" | field "sum(len(x) for k in ('xdp', 'tc') for x in [r[0].get(k, [])])"; }

# ---- bare IP, as edge and as inside ----
number=45
for iface in tun8 tun9; do
	ip_gate tuntap add $iface mode tun
	ip_gate link set $iface up
	ip_gate address add 10.$number.0.1/16 dev $iface
	ip_gate address add fd$number::1/48 dev $iface nodad
	ip_gate route add fd$number::/16 dev $iface
	ip_gate route add 8.6.$number.0/24 dev $iface
	ip_gate route add 8.7.$number.0/24 dev $iface
	number=$((number - 1))
done
forged6=2001:4d01:203:4e01:203:3e8:9:ec # as IPv4 behind an Ethernet header: 77.1.2.3 -> 78.1.2.3, from 1000 to 9
ip_gate address add 1.0.0.1/32 dev lo
ip_gate address add $forged6/128 dev lo
list "wan0, tun8" "lan0, tun9"
lab_start_daemon
lab_start_engine
lab_policy '{ name: site, allow: {from: site, to: self, services: [ping, udp/16401]} }' \
	'{ name: lie, allow: {from: lie-from, to: lie-to, services: udp/9} }' >"$LAB_DIR/policy.yaml"
sed -i 's#^networks:#&\n  site: [10.44.0.0/16, 10.45.0.0/16, "fd44::/48", "fd45::/48"]\n  lie-from: 77.1.2.3\n  lie-to: 78.1.2.3#' "$LAB_DIR/policy.yaml"
expect "a policy is applied with TUN interfaces as edge and as inside" lab_gate apply "$LAB_DIR/policy.yaml"
lab_run gateway heard /usr/bin/python3 "$lab_top/tests/support/hear.py" 16401
lab_wait 5 gate sh -c 'ss -lun | grep -q :16401'

bare() { # bare ZONE IFACE NUMBER HOOK
	local zone=$1 iface=$2 n=$3 hook=$4 source before denied
	expect "$zone: a program sits on $iface" test "$(hooks $iface)" -ge 2
	expect "$zone: what a rule allows is answered, IPv4" lab_wait 2 far $iface ping 10.$n.0.9 10.$n.0.1
	expect "$zone: what a rule allows is answered, IPv6" lab_wait 2 far $iface ping fd$n::9 fd$n::1
	far $iface udp 10.$n.0.9 10.$n.0.1 16401
	far $iface udp fd$n::9 fd$n::1 16401
	expect "$zone: and heard, IPv4" lab_wait 2 heard "udp 10.$n.0.9"
	expect "$zone: and heard, IPv6" lab_wait 2 heard "udp fd$n::9"
	for source in 8.6.$n.9 8.7.$n.9; do
		expect "$zone: $source, which no rule knows, is not answered" fails far $iface ping $source 10.$n.0.1
		far $iface udp $source 10.$n.0.1 16401
	done
	for source in fd$n:1:806::9 fd$n:1:807::9; do
		expect "$zone: $source, which no rule knows, is not answered" fails far $iface ping $source fd$n::1
		far $iface udp $source fd$n::1 16401
	done
	ip_gate route replace 8.0.69.0/24 dev $iface
	before=$(arrived) denied=$(denied_by $hook)
	far $iface forged 8.0.69.0 1.0.0.1 16401
	far $iface forged fd$n:1:800:4500:100:1:0:4011 $forged6 16401
	expect "$zone: who writes another packet into its bytes is not let in" same "$(arrived)" "$before"
	expect "$zone: each of them is denied and counted" test "$(denied_by $hook)" -ge $((denied + 20))
	expect "$zone: nothing of a source that no rule knows was heard" fails heard "udp \(8\|fd$n:1\)"
}
denied_by() { lab_gate status --json | field "sum(h['deny']['packets'] for h in r['hooks'] if h['hook'] == '$1')"; }
bare edge tun8 45 edge-in
bare inside tun9 44 inside-in
lab_kill "$lab_daemon_pid"; lab_kill "$lab_engine_pid"
gate nft delete table inet sallyport
rm -f "$LAB_ROOT"/sys/fs/bpf/sallyport/v1/link-*
before=$(arrived)
far tun9 forged 8.0.69.0 1.0.0.1 16401
ip_gate route replace 8.0.69.0/24 dev tun9
far tun9 forged 8.0.69.0 1.0.0.1 16401
far tun9 forged fd44:1:800:4500:100:1:0:4011 $forged6 16401
expect "control: without hooks and lock it arrives" test "$(arrived)" -ge $((before + 20))

# ---- what other kinds of interfaces are ----
fresh() { # fresh INSIDE : a gateway that never had a policy, with these inner interfaces
	[ ! -d "$LAB_ROOT/sys/fs/bpf/sallyport" ] || rm -rf "$LAB_ROOT/sys/fs/bpf/sallyport"
	rm -rf "$LAB_ROOT/var/lib/sallyport"
	ip_gate link delete vpn0 2>/dev/null
	list wan0 "$1"
	lab_start_daemon
}
tunnel_is_back() { [ "$(hooks vpn0)" -ge 2 ] && ip_gate -d link show vpn0 | grep -q "tun type tun"; }
status_has() { lab_gate status --json | field "1/any(w['code'] == '$1' for w in r['warnings'])" >"$LAB_DIR/named" 2>&1; }
status_names() { lab_gate status --json | field "1/any(w['code'] == 'interface-unfit' and '$1' in w['message'] for w in r['warnings'])" >"$LAB_DIR/named"; }
refused() { # refused TEXT IFACE INSIDE : by name, and nothing is attached
	fresh "$3"
	expect "$1: apply is refused" fails lab_gate apply "$LAB_DIR/policy.yaml" 2>"$LAB_DIR/refused"
	expect "$1: by name, and what to do is said" grep -q "\b$2 cannot be inside: .*: \(list\|take\) " "$LAB_DIR/refused"
	expect "$1: status says so too" status_names "$2"
	expect "$1: no program was attached" same "$(attached lan0) $(attached wan0) $(attached "$2")" "0 0 0"
	lab_kill "$lab_daemon_pid"
}
lab_policy >"$LAB_DIR/policy.yaml"
tried="" lacking="" fitting=""
made() { # made KIND [OPTIONS…] : an interface x-KIND, if this kernel can make one; `below` is what it lies on
	local kind=$1 iface=x-$1
	shift
	tried+=" $kind"
	if ip_gate link add ${below:+link $below} name "$iface" type "$kind" "$@" 2>/dev/null; then
		ip_gate link set "$iface" up
	else
		lacking+=" $kind"
		return 1
	fi
}

# ---- a link of Ethernet in the tunnel's name: its programs read IP where a packet begins ----
fresh lan0
lab_start_engine
expect "the tunnel as it should be: a policy is applied" lab_gate apply "$LAB_DIR/policy.yaml"
expect "the tunnel has its programs" test "$(hooks vpn0)" -ge 2
lab_kill "$lab_engine_pid"
lab_signal "$lab_daemon_pid" STOP # it makes the tunnel again within a moment
ip_gate link delete vpn0 && ip_gate link add name vpn0 type veth peer name vpn0-peer
lab_signal "$lab_daemon_pid" CONT
expect "an Ethernet link in its name: status says so" lab_wait 5 status_has tunnel-changed
expect "and no program sits on it" same "$(attached vpn0)" 0
ip_gate link delete vpn0
expect "once it is gone the tunnel is made again" lab_wait 5 tunnel_is_back
lab_kill "$lab_daemon_pid"

list wan0 "lan0, lo"
expect "the loopback interface: sallyportd does not start" fails gate timeout 20 sallyportd --root "$LAB_ROOT" --engine-user "$LAB_ENGINE_USER" 2>"$LAB_DIR/refused"
expect "the loopback interface: by name" grep -q '"lo" is never judged: leave it out' "$LAB_DIR/refused"
ip_gate link add name br9 type bridge
ip_gate link add name port9 type veth peer name port9-peer
ip_gate link set port9 master br9 up
refused "a port of a bridge" port9 "lan0, port9"
for kind in "macvlan mode bridge" "vlan id 3" "ipvlan"; do
	below=lan0
	made $kind || continue
	refused "${kind%% *} on another listed interface" "x-${kind%% *}" "lan0, x-${kind%% *}"
	ip_gate link delete "x-${kind%% *}"
done
below=""
for kind in gre ipip sit ip6gre ip6tnl gretap vxlan wireguard dummy ifb bond; do
	case $kind in
	gre | ipip | sit | gretap) options="local 192.0.2.1 remote 192.0.2.66" ;;
	ip6gre | ip6tnl) options="local 2001:db8:1::1 remote 2001:db8:1::66" ;;
	vxlan) options="id 3 dstport 4789 local 192.0.2.1" ;;
	*) options="" ;;
	esac
	made $kind $options && fitting+=" x-$kind"
done
ip_gate tuntap add x-tap mode tap
ip_gate link set x-tap up
fitting+=" x-tap br9"
fresh "lan0$(printf ', %s' $fitting)"
expect "listed: $fitting: a policy is applied" lab_gate apply "$LAB_DIR/policy.yaml"
for iface in $fitting; do expect "$iface has its programs" test "$(hooks "$iface")" -ge 2; done
echo "ok: tried:$tried; this kernel lacks:$lacking"
expect_done
