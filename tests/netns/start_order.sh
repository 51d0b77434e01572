#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# sallyportd, the engine and the portal, ended together and started in any order, or at once: where everybody was is
# known throughout, and the engine calls them. Both families are in the tunnels; one tunnel is carried by IPv4, one by
# IPv6. (Topology: tests/support/portal.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/portal.sh"
trap lab_down EXIT

peers=$LAB_ROOT/var/lib/sallyport/peers.conf
endpoints() { grep '^endpoint=' "$peers" | sort; }
known() { same "$(endpoints)" "$before"; }
reaches() { lab_in "$1" ping -c 1 -W 1 10.30.2.9 >/dev/null 2>&1 && lab_in "$1" ping -c 1 -W 1 2001:db8:30::2:9 >/dev/null 2>&1; }
both_there() { # one by IPv4, one by IPv6
	reaches phone # nothing, but it sends
	lab_gate status >/dev/null # it asks the engine, and what that heard is written
	same "$(endpoints | grep -c '=192.0.2.11:') $(endpoints | grep -cF '=[2001:db8:1::12]:')" "1 1"
}
file_of() { stat -c %i "$peers"; }
rewritten() { [ "$(file_of)" != "$1" ]; }
end_all() { lab_kill "$lab_daemon_pid"; lab_kill "$lab_engine_pid"; lab_kill "$lab_portal_pid"; }
start() { # start PROCESS : and wait for nothing
	case $1 in
	sallyportd) lab_run gateway sallyportd.log sallyportd --root "$LAB_ROOT" --engine-user "$LAB_ENGINE_USER"; lab_daemon_pid=$lab_pid ;;
	engine) lab_run gateway engine.log sallyport-vpnd -f --managed --root "$LAB_ROOT" --user "$LAB_ENGINE_USER" vpn0; lab_engine_pid=$lab_pid ;;
	portal) lab_run gateway portal.log sallyport-portal --root "$LAB_ROOT"; lab_portal_pid=$lab_pid ;;
	esac
}
called() { # called : the engine shook hands with both by itself: nobody has sent it anything
	[ "$(lab_in gateway "$lab_top/tests/support/with-sockets" "$LAB_ROOT/var/run/wireguard" wg show vpn0 latest-handshakes | awk '$2 > 0' | wc -l)" = 2 ]
}

lab_up_with_portal
lab_ready >/dev/null || exit 1
start portal
sed -i 's/^Endpoint *=.*/Endpoint = [2001:db8:1::1]:51820/' "$LAB_DIR/phone.conf.wg"
lab_client_set phone
expect "ana and bob shook hands" eval 'lab_wait 10 reaches laptop; reaches phone; lab_wait 10 called'
expect "the file knows where both are, one by IPv4, one by IPv6" lab_wait 10 both_there
before=$(endpoints)

# an engine that is attached is named to the one that comes later
lab_run gateway second.log sallyport-vpnd -f --managed --root "$LAB_ROOT" --user "$LAB_ENGINE_USER" vpn0
second=$lab_pid
expect "a second engine waits, and says for whom" lab_wait 10 grep -q "pid $lab_engine_pid" "$LAB_DIR/second.log"
lab_kill "$second"

for order in 'sallyportd engine portal' 'sallyportd portal engine' 'engine sallyportd portal' 'engine portal sallyportd' \
	'portal sallyportd engine' 'portal engine sallyportd' 'all at once'; do
	end_all
	was=$(file_of)
	case $order in
	all*) start engine; start portal; start sallyportd ;;
	*)
		for process in $order; do
			start $process
			[ $process != sallyportd ] || lab_wait 15 lab_answers || exit 1 # as its unit is ready
			if [ $process = sallyportd ] && [[ $order = *sallyportd*engine* ]]; then
				expect "$order: without an engine the file is written anew" lab_wait 10 rewritten "$was"
				expect "   and where everybody is stays in it" known
			fi
		done ;;
	esac
	expect "$order: the engine calls both" lab_wait 15 called
	expect "   ana is through" lab_wait 10 reaches laptop
	expect "   the file knows them still" lab_wait 10 known
	expect "   the portal is known" lab_wait 15 lab_portal_is_known
done

lab_signal "$lab_engine_pid" HUP
expect "SIGHUP ends no engine" eval 'sleep 0.2; reaches laptop && lab_lives "$lab_engine_pid"'

# another user for the engine, while one is attached: no reason not to start
lab_kill "$lab_daemon_pid"
LAB_ENGINE_USER=65533
lab_start_daemon
expect "another engine user: it starts, and ana is through" lab_wait 10 reaches laptop
expect "   and says what is to be done" eval 'lab_gate status --json | grep -q tunnel-owner'
lab_kill "$lab_engine_pid"
owner_is() { ip -n "$LAB-gateway" -d -o link show vpn0 | grep -q "user 65533"; }
expect "   the interface is handed over once the engine ends" lab_wait 10 owner_is
lab_start_engine
expect "   and the new one carries" lab_wait 10 reaches laptop

# `ip netns exec` gives its command a mount namespace of its own, and with it a bpffs that goes with the command
lab_kill "$lab_daemon_pid"
mkdir -p "$LAB_DIR/other/etc" && cp -r "$LAB_ROOT/etc/sallyport" "$LAB_DIR/other/etc/"
ip netns exec "$LAB-gateway" sallyportd --root "$LAB_DIR/other" >"$LAB_DIR/other.log" 2>&1 </dev/null &
LAB_PIDS+=($!)
expect "ip netns exec: it says that its pins are no lasting ones" lab_wait 10 grep -q 'for this process alone' "$LAB_DIR/other.log"
expect "   so does status" lab_wait 10 eval 'sallyport status --json --root "$LAB_DIR/other" | grep -q pins-private'
expect "   and nsenter is what it advises" eval 'sallyport status --json --root "$LAB_DIR/other" | grep -q "nsenter --net"'
expect_done
