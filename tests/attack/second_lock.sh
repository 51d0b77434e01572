#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The attack: hooks (on a kernel with tcx, and on one without) are detached or run another program, interfaces are made anew, come
# late, are renamed or moved, an apply dies half way, somebody restores marks from connections, while strangers, an inner host and a
# person say to others what no rule allows, without a pause, from 32 ports, of both families, and the others answer as if they had been
# asked. The claim: nothing of it ever arrives, before, during and after, whether sallyportd lives or not; what was allowed works again,
# and status is content. The control: with the lock and the hooks gone, all of it arrives.
#
# DAEMONS: `alive` (the default), `dead` (as second_lock_dead.sh has it), or both. ONLY: events whose text has this.
#
#   call-office  stranger -> office           back-office   office -> stranger, as an answer to it
#   call-gate    stranger -> gateway
#   call-outside office -> stranger           back-outside  stranger -> office, as an answer to it
#   call-payroll laptop (ana) -> payroll      back-payroll  payroll -> laptop, as an answer to it
#   ask-git      laptop (ana) -> git: a rule allows it, git answers
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT
umask 077
lab_up
lab_ready || exit 1

pins=$LAB_ROOT/sys/fs/bpf/sallyport/v1
foreign=$LAB_ROOT/sys/fs/bpf/foreign
gate() { lab_in gateway "$@"; }
ip_gate() { ip -n "$LAB-gateway" "$@"; }

# ---- who says what ----
mac_of() { ip -n "$LAB-$1" -j link show "$2" | field "r[0]['address']"; }
wan0_mac=$(mac_of gateway wan0) lan0_mac=$(mac_of gateway lan0) office_mac=$(mac_of office eth0)
# Neighbours are known for good: the attack does not wait until somebody answers for an address.
know() { # know HOST IFACE MAC ADDRESS…
	local host=$1 iface=$2 mac=$3 address
	shift 3
	for address; do ip -n "$LAB-$host" neigh replace "$address" lladdr "$mac" dev "$iface" nud permanent; done
}
know_wan0() { know gateway wan0 "$(mac_of stranger eth0)" 192.0.2.66 2001:db8:1::66; }
know_lan0() {
	know gateway lan0 "$office_mac" 10.30.2.9 10.30.9.4 2001:db8:30::2:9 2001:db8:30::9:4
	know office eth0 "$lan0_mac" 10.30.0.1 2001:db8:30::1
}
know_wan0; know_lan0
for host in stranger laptop; do know $host eth0 "$wan0_mac" 192.0.2.1 2001:db8:1::1; done
ip -n "$LAB-stranger" route replace 10.30.0.0/16 via 192.0.2.1
ip -n "$LAB-stranger" route replace 2001:db8:30::/48 via 2001:db8:1::1
laptop4=$(lab_address_of laptop 4) laptop6=$(lab_address_of laptop 6)

ends=(stranger office payroll laptop)
end() { # end HOST NAME ADDRESS4 ADDRESS6 SAYING:TO4,TO6…
	lab_run "$1" "$2.log" /usr/bin/python3 "$lab_top/tests/support/second_lock.py" "$2" "$LAB_DIR" "${@:3}"
}
end gateway gateway 0.0.0.0 ::
end stranger stranger 192.0.2.66 2001:db8:1::66 call-office:10.30.2.9,2001:db8:30::2:9 call-gate:192.0.2.1,2001:db8:1::1 \
	back-outside:10.30.2.9,2001:db8:30::2:9
end office office 10.30.2.9 2001:db8:30::2:9 call-outside:192.0.2.66,2001:db8:1::66 back-office:192.0.2.66,2001:db8:1::66
end office payroll 10.30.9.4 2001:db8:30::9:4 "back-payroll:$laptop4,$laptop6"
end laptop laptop "$laptop4" "$laptop6" call-payroll:10.30.9.4,2001:db8:30::9:4 ask-git:10.30.2.9,2001:db8:30::2:9
directions="call-office call-gate call-outside call-payroll back-office back-outside back-payroll"

heard() { cat "$LAB_DIR"/*.heard | wc -l; }
rounds() { cat "$LAB_DIR/$1.rounds" 2>/dev/null || echo 0; }
said_since() { [ "$(rounds "$1")" -ge "$2" ]; }
go_on() { # go_on ROUNDS : everybody says everything that often again
	local name
	local -A until
	for name in "${ends[@]}"; do until[$name]=$(($(rounds "$name") + $1)); done
	for name in "${ends[@]}"; do lab_wait 20 said_since "$name" "${until[$name]}"; done
}
answers() { cat "$LAB_DIR/laptop.allowed" 2>/dev/null | grep -c "^answer ask-git $1"; } # the file begins with the first
more_answers() { [ "$(answers 4)" -gt "$1" ] && [ "$(answers 6)" -gt "$2" ]; }
git_answers() { lab_wait 20 more_answers "$(answers 4)" "$(answers 6)"; } # from now on, of both families
git_is_silent() { # from a moment after now on
	go_on 10
	local before="$(answers 4) $(answers 6)"
	go_on 30
	same "$(answers 4) $(answers 6)" "$before"
}
is_quiet() { lab_gate status --json >"$LAB_DIR/status"; [ "$(field 'r["state"]' <"$LAB_DIR/status")" = enforcing ]; }
is_content() { # else what status says
	lab_wait 15 is_quiet && return # a fight with sallyportd stays in status for a minute
	field '[(w["code"], w["message"]) for w in r["warnings"]]' <"$LAB_DIR/status"
	return 1
}
unjudged() { gate nft -j list counter inet sallyport unjudged | field "[x['counter']['packets'] for x in r['nftables'] if 'counter' in x][0]"; }
denied() { lab_gate status --json | field "sum(h['deny']['packets'] for h in r['hooks'])"; }

# ---- what happens ----
detach() { local link; for link; do gate bpftool link detach pinned "$pins/link-$link"; done; }
unpin() { local link; for link; do rm -f "$pins/link-$link"; done; }
program() { gate /usr/bin/python3 "$lab_top/tests/support/foreign_program.py" "$@"; }
update() { program update "$pins/link-$1" "$foreign/$2"; }
foreign_xdp() { # foreign_xdp LINK… : ours goes, theirs comes; the daemon may be faster, so again
	detach "$@" 2>/dev/null
	gate ip link set dev wan0 xdpgeneric pinned "$foreign/foreign_xdp" 2>/dev/null
}
remove() { ip_gate link delete "$1"; }
make() { # make wan0|lan0 : with the same MAC address, address and neighbours as before
	case $1 in
	wan0)
		ip -n "$LAB-internet" link add gateway type veth peer name wan0 address "$wan0_mac" netns "$LAB-gateway"
		ip -n "$LAB-internet" link set gateway master br0 up
		;;
	lan0)
		ip_gate link add lan0 address "$lan0_mac" type veth peer name eth0 address "$office_mac" netns "$LAB-office"
		lab_address office eth0 10.30.2.9/16 2001:db8:30::2:9/48
		lab_address office eth0 10.30.9.4/16 2001:db8:30::9:4/48
		ip -n "$LAB-office" route replace default via 10.30.0.1
		ip -n "$LAB-office" route replace default via 2001:db8:30::1
		;;
	esac
	address "$1" "$1"
}
address() { # address wan0|lan0 NAME : what it had, under the name it has now
	local v4=192.0.2.1/24 v6=2001:db8:1::1/64
	[ "$1" = wan0 ] || v4=10.30.0.1/16 v6=2001:db8:30::1/48
	ip_gate link set "$2" up
	ip_gate address replace $v4 dev "$2"
	ip_gate address replace $v6 dev "$2" nodad
	[ "$1" != "$2" ] || "know_$1"
}
anew() { remove "$1"; make "$1"; }
late() { remove "$1"; go_on 100; make "$1"; }
rename() { # rename wan0|lan0 FROM TO
	ip_gate link set "$2" down
	ip_gate link set "$2" name "$3"
	address "$1" "$3"
}
move() { # to another namespace and back
	ip_gate link set "$1" netns "$LAB-phone"
	ip -n "$LAB-phone" link set "$1" up
	go_on 40
	ip -n "$LAB-phone" link set "$1" netns "$LAB-gateway"
	address "$1" "$1"
}
restore_marks() {
	gate nft 'add table inet somebody
		add chain inet somebody in { type filter hook prerouting priority mangle; }
		add chain inet somebody out { type filter hook postrouting priority mangle; }
		add rule inet somebody in ct mark != 0 meta mark set ct mark
		add rule inet somebody out meta mark != 0 ct mark set meta mark'
	git_answers # so connections have marks
}
forget_marks() { gate nft delete table inet somebody; }

cat >"$LAB_DIR/foreign.bpf.c" <<'C'
__attribute__((section("xdp"), used)) int foreign_xdp(void *ctx) { return 2; }
__attribute__((section("tcx/ingress"), used)) int foreign_tcx(void *ctx) { return 0; }
__attribute__((section("tcx/ingress"), used)) int foreign_link(void *ctx) { return 0; }
__attribute__((section("xdp.frags"), used)) int foreign_frags(void *ctx) { return 2; }
C
clang -O2 -target bpf -c "$LAB_DIR/foreign.bpf.c" -o "$LAB_DIR/foreign.o" || exit 1
expect "foreign programs are loaded" gate bpftool prog loadall "$LAB_DIR/foreign.o" "$foreign"

switched=0
killed_at() { # killed_at STEP : of an apply; a living sallyportd comes back at once
	lab_kill "$lab_daemon_pid"
	lab_start_daemon --kill-at "$1"
	lab_policy | sed "s/eng-git/eng-git-$((++switched))/" >"$LAB_DIR/again.yaml"
	lab_gate apply "$LAB_DIR/again.yaml" >/dev/null 2>&1
	lab_wait 5 fails lab_lives "$lab_daemon_pid" || return 1
	[ "$1" != switched ] || lab_wait 5 half_switched || return 1
	[ "$daemon" != alive ] || lab_start_daemon
}
program_of() { gate bpftool -j "$1" show pinned "$2" | field "r['prog_id' if '$1' == 'link' else 'id']"; }
half_switched() { # programs of two revisions are in the hooks
	local link program ids
	ids=" $(for link in "$pins"/link-*; do program_of link "$link"; done | tr '\n' ' ')"
	[ "$(for program in "$pins"/revision-*/*; do
		[[ $ids != *" $(program_of prog "$program") "* ]] || dirname "$program"
	done | sort -u | wc -l)" -eq 2 ]
}

# An event is `TEXT|DO|UNDO|GIT`. GIT: what becomes of what is allowed while nobody mends it (`answers`, `silent`; empty: not asked).
events=(
	"nothing happens|true||answers"
	"edge-in detached|detach edge-in-wan0||answers" # edge-tc judges
	"edge-tc detached|detach edge-tc-wan0||silent"
	"edge-in and edge-tc detached|detach edge-in-wan0 edge-tc-wan0||silent"
	"pins of edge-in and edge-tc removed|unpin edge-in-wan0 edge-tc-wan0||"
	"all egress hooks detached|detach edge-out-wan0 inside-out-lan0 vpn-out-vpn0||"
	"all hooks detached|detach edge-in-wan0 edge-tc-wan0 edge-out-wan0 inside-in-lan0 inside-out-lan0 vpn-in-vpn0 vpn-out-vpn0||silent"
	"somebody's XDP program for edge-in|lab_wait 5 foreign_xdp edge-in-wan0|gate ip link set dev wan0 xdpgeneric off|answers"
	"somebody's XDP program, edge-tc detached too|lab_wait 5 foreign_xdp edge-in-wan0 edge-tc-wan0|gate ip link set dev wan0 xdpgeneric off|"
	"edge-in's link runs another program|update edge-in-wan0 foreign_frags||answers"
	"edge-tc's link runs another program|update edge-tc-wan0 foreign_link||silent"
	"marks restored from connections|restore_marks|forget_marks|answers"
	"vpn0 deleted|remove vpn0||"
	"revision half switched|killed_at switched||answers"
	"the name of the running revision written, and killed|killed_at committed||answers"
)
for link in inside-in-lan0 vpn-in-vpn0; do
	events+=("${link%-*} detached|detach $link||silent" "${link%-*}'s link runs another program|update $link foreign_link||silent"
		"marks restored, ${link%-*} detached|restore_marks; detach $link|forget_marks|silent")
done
for iface in wan0 lan0 vpn0; do
	events+=("somebody's program before ours on $iface|program before '$foreign/foreign_tcx' $iface|program detach '$foreign/foreign_tcx' $iface|silent")
done
for iface in wan0 lan0; do
	case $iface in wan0) links="edge-in-wan0 edge-tc-wan0" ;; *) links="inside-in-lan0" ;; esac
	events+=("$iface made anew|anew $iface||silent" "$iface comes late|late $iface||silent"
		"$iface renamed with its hooks|rename $iface $iface other9|rename $iface other9 $iface|"
		"$iface renamed without hooks|detach $links; rename $iface $iface other9|rename $iface other9 $iface|silent"
		"$iface moved and back|move $iface||")
done

# ---- every event, with sallyportd alive or dead ----
engine_again() {
	[[ $1 != vpn0* ]] && lab_lives "$lab_engine_pid" && return 0
	lab_kill "$lab_engine_pid"
	rm -f "$LAB_ROOT/var/run/wireguard/vpn0.sock"
	lab_wait 10 ip_gate link show vpn0 && lab_start_engine
}

cell() { # cell alive|dead TEXT DO UNDO GIT
	local daemon=$1 text=$2 do=$3 undo=$4 git=$5 heard first dropped
	heard=$(heard) first=$(rounds stranger) dropped=$(unjudged)
	go_on 10
	[ "$daemon" = alive ] || lab_kill "$lab_daemon_pid"
	eval "$do" || expect "$text happens" false
	go_on 40
	if [ "$daemon" = dead ]; then
		[ "$git" != silent ] || expect "$text, dead: what no hook judges is dropped" git_is_silent
		[ "$git" != silent ] || expect "$text, dead: and the lock counted it" test "$(unjudged)" -gt "$dropped"
		[ "$git" != answers ] || expect "$text, dead: what is judged goes on" git_answers
	fi
	eval "$undo"
	[ "$daemon" = alive ] || lab_start_daemon
	engine_again "$text"
	expect "$text, $daemon: what is allowed works again" git_answers
	expect "$text, $daemon: status is content" is_content
	go_on 30
	expect "$text, $daemon: of $((($(rounds stranger) - first) * 14)) datagrams none arrived" same "$(heard)" "$heard"
}

expect "control: git answers ana" git_answers
go_on 20
before=$(denied)
go_on 20
expect "control: hooks count what they deny" test "$(denied)" -gt "$before"
try_all() {
	local event text do undo git daemon
	for event; do
		[[ $event == *"${ONLY:-}"* ]] || continue
		IFS='|' read -r text do undo git <<<"$event"
		for daemon in ${DAEMONS:-alive}; do cell $daemon "$text" "$do" "$undo" "$git"; done
	done
}
try_all "${events[@]}"

# ---- a kernel without tcx: filters in its place ----
no_filter() { gate tc filter del dev "$1" "$2"; }
is_without_tcx() { lab_gate status --json | field "{h['mode'] for h in r['hooks'] if h['hook'] != 'edge-in'}" | grep -qx "{'clsact'}"; }
cc -shared -fPIC -D_GNU_SOURCE -o "$LAB_DIR/no_tcx.so" "$lab_top/tests/support/no_tcx.c" || exit 1
lab_kill "$lab_daemon_pid"
detach edge-tc-wan0 edge-out-wan0 inside-in-lan0 inside-out-lan0 vpn-in-vpn0 vpn-out-vpn0
unpin edge-tc-wan0 edge-out-wan0 inside-in-lan0 inside-out-lan0 vpn-in-vpn0 vpn-out-vpn0
export LD_PRELOAD=$LAB_DIR/no_tcx.so
lab_start_daemon
expect "without tcx the hooks are filters" lab_wait 10 is_without_tcx
try_all "filter: inside-in's removed|no_filter lan0 ingress||silent" "filter: vpn-in's removed|no_filter vpn0 ingress||silent" \
	"filter: edge-tc's and edge-in detached|no_filter wan0 ingress; detach edge-in-wan0||silent" \
	"filter: all of lan0's, with their qdisc|gate tc qdisc del dev lan0 clsact||silent" "filter: lan0 made anew|anew lan0||silent"
unset LD_PRELOAD

# ---- control: the attack is one ----
lab_kill "$lab_daemon_pid"
detach edge-in-wan0
for iface in wan0 lan0 vpn0; do gate tc qdisc del dev $iface clsact; done
gate nft delete table inet sallyport
go_on 60
for direction in $directions; do
	for family in 4 6; do
		expect "control: without lock and hooks $direction arrives, IPv$family" grep -qs "^$direction $family " "$LAB_DIR"/*.heard
	done
done
expect_done
