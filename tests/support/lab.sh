# SPDX-License-Identifier: GPL-3.0-or-later
# A gateway and its surroundings in network namespaces. Sourced by ./demo and tests/netns/*.sh.
#
#      laptop 192.0.2.11 ──┐                         gateway
#      phone  192.0.2.12 ──┼── internet (a bridge) ── wan0 192.0.2.1   vpn0 100.64.0.1
#   stranger  192.0.2.66 ──┘   2001:db8:1::/64        lan0 10.30.0.1 ── office: git 10.30.2.9
#                                                                       payroll 10.30.9.4
#
# Everything carries the lab's name, so labs run side by side; lab_down ends only what lab_up and
# the lab_start_… functions started. The gateway's files stand under $LAB_ROOT.

source "$(dirname "${BASH_SOURCE[0]}")/../../tools/surroundings.sh"
lab_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export PATH="${LAB_BIN:-$lab_top/build/bin}:$PATH"

lab_as_engine() { setpriv --reuid $LAB_ENGINE_USER --regid $LAB_ENGINE_USER --clear-groups "$@" 2>/dev/null; }

# lab_unfit FOLDER : why labs cannot be made there; fails if they can
lab_unfit() {
	if ! { [ -d "$1" ] && [ -w "$1" ]; }; then
		echo "nothing can be written there"
	elif [ ${#1} -gt $LAB_PLACE_MAX ]; then
		echo "its name has ${#1} bytes, and the names of the sockets below have room for $LAB_PLACE_MAX"
	elif lab_as_engine true && ! lab_as_engine test -x "$1"; then
		echo "the user the engine runs as may not enter it"
	else
		return 1
	fi
}

lab_place() { # the folder for labs: that of temporary files, or the first other one that will do
	local place why first=${TMPDIR:-/tmp}
	for place in "$first" /tmp /var/tmp /run; do
		why=$(lab_unfit "$place") || { echo "$place"; return; }
		[ "$place" != "$first" ] || echo "lab: not in $first: $why" >&2
	done
	echo "$first"
}

LAB=${LAB:-sp-$$}
LAB_PLACE_MAX=48 # of 107 that a socket's name may have
LAB_ENGINE_USER=65534 # nobody
LAB_DIR=$(lab_place)/$LAB
LAB_ROOT=$LAB_DIR/gateway
LAB_ENGINE=${LAB_ENGINE:-sallyport-vpnd}
LAB_PIDS=() # what lab_down ends
# Networks people add to their tunnels by hand: the gateway's list has only what their roles reach, and a refusal is
# seen when something is sent.
LAB_ROUTES=(10.30.0.0/16 2001:db8:30::/48)
LAB_HOSTS=(internet gateway laptop phone stranger office)

# sallyport as the gateway's administrator
lab_gate() { lab_in gateway sallyport "$@" --root "$LAB_ROOT"; }

# lab_in HOST COMMAND… : nsenter, not `ip netns exec`, which would hide bpffs
lab_in() {
	local host=$1
	shift
	nsenter --net="/run/netns/$LAB-$host" -- "$@"
}

# lab_run HOST LOG COMMAND… : in the background, with the umask of a careful administrator; the pid is $lab_pid
lab_run() {
	local host=$1 log=$2
	shift 2
	(umask 077 && exec nsenter --net="/run/netns/$LAB-$host" -- "$@") >>"$LAB_DIR/$log" 2>&1 </dev/null &
	lab_pid=$!
	LAB_PIDS+=("$lab_pid")
}

# lab_wait SECONDS COMMAND… : until it succeeds. SECONDS is what it takes on an idle machine at the most; a busy
# one gets $LAB_PATIENCE times that, since nothing here judges speed. A question to sallyportd takes 40 ms of a processor:
# what is long in coming is asked for less often.
lab_wait() {
	local deadline=$((SECONDS + $1 * ${LAB_PATIENCE:-6})) pause_ms=50 pause_s
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
		printf -v pause_s '0.%03d' $pause_ms
		sleep "$pause_s"
		pause_ms=$((pause_ms < 320 ? pause_ms * 5 / 4 : 400))
	done
}

# lab_stays SECONDS COMMAND… : what it says is the same so much later. What was judged before may lie in queues, so a
# scenario asks with lab_wait whether something has come to rest.
lab_stays() {
	local before seconds=$1
	shift
	before=$("$@"); sleep "$seconds"; [ "$("$@")" = "$before" ]
}

lab_now_ns() { date +%s%N; }

# lab_watch_data HOST IFACE : count the data of TCP connections that arrives there. Not counted is what ends them: resets,
# and the SYN with which sallyportd makes the host ask whether a connection is still there.
lab_watch_data() {
	lab_in "$1" nft -f - <<-NFT
		table inet watch {
			counter data { }
			chain arriving {
				type filter hook input priority 0;
				iifname "$2" tcp flags & (syn | rst) == 0 counter name data
			}
		}
	NFT
}
# lab_data_last HOST : the count once nothing has come for half a second. What was judged before a connection was cut may
# lie in queues.
lab_data_last() {
	local tries last now
	for tries in {1..40}; do
		last=$(lab_data_bytes "$1"); sleep 0.5; now=$(lab_data_bytes "$1")
		[ "$now" -ne "$last" ] || { echo "$now"; return 0; }
	done
	return 1
}
lab_data_bytes() { lab_in "$1" nft list counter inet watch data | sed -n 's/.*bytes \([0-9]*\).*/\1/p'; }

lab_wire() { # lab_wire HOST IFACE V4 V6 : a cable from the bridge to HOST
	ip -n "$LAB-internet" link add "$1" type veth peer name "$2" netns "$LAB-$1"
	ip -n "$LAB-internet" link set "$1" master br0 up
	lab_address "$1" "$2" "$3" "$4"
}

lab_address() { # lab_address HOST IFACE V4 V6
	ip -n "$LAB-$1" address add "$3" dev "$2"
	ip -n "$LAB-$1" address add "$4" dev "$2" nodad
	ip -n "$LAB-$1" link set "$2" up
}

lab_host() { # lab_host HOST : its namespace
	ip netns add "$LAB-$1" && ip -n "$LAB-$1" link set lo up &&
		lab_in "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
}

lab_up() {
	local host
	mkdir -p "$LAB_DIR" "$LAB_ROOT/etc/sallyport" || return
	for host in "${LAB_HOSTS[@]}"; do
		lab_host "$host" || { echo "lab: no namespace for $host could be made" >&2; return 1; }
	done
	ip -n "$LAB-internet" link add br0 type bridge
	ip -n "$LAB-internet" link set br0 up
	lab_wire gateway wan0 192.0.2.1/24 2001:db8:1::1/64
	lab_wire laptop eth0 192.0.2.11/24 2001:db8:1::11/64
	lab_wire phone eth0 192.0.2.12/24 2001:db8:1::12/64
	lab_wire stranger eth0 192.0.2.66/24 2001:db8:1::66/64
	ip -n "$LAB-gateway" link add lan0 type veth peer name eth0 netns "$LAB-office"
	lab_address gateway lan0 10.30.0.1/16 2001:db8:30::1/48
	lab_address office eth0 10.30.2.9/16 2001:db8:30::2:9/48
	lab_address office eth0 10.30.9.4/16 2001:db8:30::9:4/48
	ip -n "$LAB-office" route add default via 10.30.0.1
	ip -n "$LAB-office" route add default via 2001:db8:30::1
	lab_machine_file
}

lab_machine_file() {
	cat >"$LAB_ROOT/etc/sallyport/sallyport.yaml" <<-YAML
		sallyport: 1
		plane: ebpf
		interfaces: { edge: [wan0], inside: [lan0], tunnel: vpn0 }
		vpn: { listen: 51820, pool: [100.64.0.0/16, "fd00:64::/64"], endpoint: 192.0.2.1 }
	YAML
}

# ---- the gateway's two processes ----

lab_start_daemon() { # lab_start_daemon [OPTIONS…]
	lab_run gateway sallyportd.log sallyportd --root "$LAB_ROOT" --engine-user "$LAB_ENGINE_USER" "$@"
	lab_daemon_pid=$lab_pid
	lab_wait 15 lab_answers || { tail -5 "$LAB_DIR/sallyportd.log" >&2; return 1; }
}

lab_start_watchdog() { # lab_start_watchdog [OPTIONS…]
	lab_run gateway watchdog.log sallyport-watchdog --root "$LAB_ROOT" "$@"
	lab_watchdog_pid=$lab_pid
	lab_wait 10 test -e "$LAB_ROOT/run/sallyport/watchdog.lock"
}

# A daemon that misses something (exit 8) answers too; a dead one's socket does not.
lab_answers() {
	local code
	lab_gate status --json
	code=$?
	[ $code -eq 0 ] || [ $code -eq 8 ]
}

# Ours, without rights once it runs; or, with LAB_ENGINE=wireguard-go, another one in its place, which looks
# for sockets in /var/run/wireguard and gets the root's folder there in a mount namespace of its own.
lab_start_engine() {
	if [ "$LAB_ENGINE" = sallyport-vpnd ]; then
		lab_run gateway engine.log sallyport-vpnd -f --managed --root "$LAB_ROOT" --user "$LAB_ENGINE_USER" vpn0
	else
		lab_wait 10 ip -n "$LAB-gateway" link show vpn0 || return 1
		mkdir -p "$LAB_ROOT/var/run/wireguard"
		lab_run gateway engine.log "$lab_top/tests/support/with-sockets" "$LAB_ROOT/var/run/wireguard" "$LAB_ENGINE" -f vpn0
	fi
	lab_engine_pid=$lab_pid
	lab_wait 10 test -S "$LAB_ROOT/var/run/wireguard/vpn0.sock"
}

# A process that has ended leaves its number to the next one that asks, and with many labs at once that is soon: an
# engine of another lab. So a number is only believed while it is a child of this shell.
lab_lives() { # lab_lives PID
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return
	stat=${stat##*) } # STATE PARENT …
	[[ $stat == [!ZX]" $$ "* || $stat == [!ZX]" $BASHPID "* ]]
}

lab_signal() { # lab_signal PID SIGNAL : nothing if it has ended
	lab_lives "$1" && kill "-$2" "$1" 2>/dev/null
}

lab_kill() { # lab_kill PID [SIGNAL] : and wait until it is gone
	lab_signal "$1" "${2:-KILL}"
	wait "$1" 2>/dev/null
	return 0
}

# ---- people ----

# lab_sign_in HOST USER IDP GROUPS : make a key on the host, open the session, bring the tunnel up
lab_sign_in() {
	local host=$1 user=$2 idp=$3 groups=$4 key="$LAB_DIR/$1.key"
	[ -f "$key" ] || (umask 077 && wg genkey >"$key")
	lab_gate session open --user "$user" --idp "$idp" --groups "$groups" --device "$host" \
		--pubkey "$(wg pubkey <"$key")" >>"$LAB_DIR/sessions.log" || return 1
	if [ -n "${lab_client_pid[$host]:-}" ]; then # the app's "off" and "on": else it trusts its old keys for 15 s
		lab_client_set "$host"
	else
		lab_gate peer config "$host" |
			awk -v key="$(cat "$key")" '/^PrivateKey/ {print "PrivateKey = " key; next} {print}' >"$LAB_DIR/$host.conf"
		lab_tunnel_up "$host"
	fi
}
declare -A lab_client_pid

# The client is any WireGuard: $LAB_DIR/HOST.conf as for wg-quick, in a stock engine.
lab_tunnel_up() {
	local host=$1 conf="$LAB_DIR/$1.conf" sockets="$LAB_DIR/$1-sockets" address prefix
	mkdir -p "$sockets"
	[ -s "$conf" ] || return 1
	lab_run "$host" "$host-engine.log" "$lab_top/tests/support/with-sockets" "$sockets" wireguard-go -f wg0
	lab_client_pid[$host]=$lab_pid
	lab_wait 10 test -S "$sockets/wg0.sock" || return 1
	# without what is wg-quick's own
	sed "/^\(Address\|DNS\|MTU\)/d; s#^AllowedIPs *= *#&$(lab_routes), #" "$conf" >"$conf.wg"
	lab_client_set "$host" || return 1
	for address in $(sed -n 's/^Address *= *//p' "$conf" | tr ',' ' '); do
		case $address in
		*:*) ip -n "$LAB-$host" address add "$address" dev wg0 nodad ;;
		*) ip -n "$LAB-$host" address add "$address" dev wg0 ;;
		esac
	done
	ip -n "$LAB-$host" link set wg0 mtu "$(sed -n 's/^MTU *= *//p' "$conf" | grep . || echo 1420)" up
	for prefix in "${LAB_ROUTES[@]}" $(sed -n 's/^AllowedIPs *= *//p' "$conf" | tr ',' ' '); do
		ip -n "$LAB-$host" route replace "$prefix" dev wg0
	done
}

lab_routes() { (IFS=, && echo "${LAB_ROUTES[*]}"); }

lab_client_set() {
	lab_in "$1" "$lab_top/tests/support/with-sockets" "$LAB_DIR/$1-sockets" wg setconf wg0 "$LAB_DIR/$1.conf.wg"
}

lab_address_of() { # lab_address_of HOST 4|6 : its tunnel address
	sed -n 's/^Address *= *//p' "$LAB_DIR/$1.conf" | tr ', ' '\n\n' | sed 's#/.*##' |
		if [ "$2" = 4 ]; then grep -v :; else grep :; fi
}

# ---- servers of the office ----

lab_start_web() { # lab_start_web HOST ADDRESS PORT TEXT
	lab_run "$1" "web-$1.log" /usr/bin/python3 "$lab_top/tests/support/web.py" "$2" "$3" "$4"
	lab_wait 10 lab_get "$1" "http://$(lab_bracket "$2"):$3/"
}

lab_bracket() { case $1 in *:*) echo "[$1]" ;; *) echo "$1" ;; esac; }

lab_get() { # lab_get HOST URL : the page, or failure within 2 s
	lab_in "$1" curl -s --max-time 2 --noproxy '*' "$2"
}

# ---- the end ----

lab_down() {
	local pid host
	trap '' INT TERM HUP # impatience leaves nothing behind
	for pid in "${LAB_PIDS[@]}"; do lab_signal "$pid" KILL; done
	for pid in "${LAB_PIDS[@]}"; do wait "$pid" 2>/dev/null; done
	if mountpoint -q "$LAB_ROOT/sys/fs/bpf" 2>/dev/null; then umount "$LAB_ROOT/sys/fs/bpf"; fi
	for host in "${LAB_HOSTS[@]}"; do
		[ ! -e "/run/netns/$LAB-$host" ] || ip netns delete "$LAB-$host"
	done
	rm -rf "$LAB_DIR"
	trap - INT TERM HUP
}
