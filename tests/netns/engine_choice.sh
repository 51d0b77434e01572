#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# vpn.engine: what is refused, and with which words. Where the kernel has no WireGuard, as in most test
# machines; with one, tests/qemu/kernel-wireguard.sh goes on. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

lab_up
engine() { # engine WORD : what sallyport.yaml says
	sed -i "s/endpoint: 192.0.2.1.*/endpoint: 192.0.2.1, engine: $1 }/" "$LAB_ROOT/etc/sallyport/sallyport.yaml"
}
refused() { # refused CODE WORDS : the start is, and says so
	lab_in gateway timeout 20 sallyportd --root "$LAB_ROOT" >"$LAB_DIR/refused.log" 2>&1
	same $? "$1" && grep -q "$2" "$LAB_DIR/refused.log"
}
kind() { lab_gate status --json | field "r['engine']['kind']"; }
has_wireguard() { lab_in gateway ip link add probe0 type wireguard 2>/dev/null && ip -n "$LAB-gateway" link del probe0; }
index() { ip -n "$LAB-gateway" -o link show vpn0 | cut -d: -f1; }

engine kernal
expect "a word that is none is refused with its place" refused 3 'sallyport.yaml:4:.*"engine" is userspace, kernel or auto, not "kernal"'
engine auto
if has_wireguard; then
	echo "this kernel has WireGuard: what happens without it is not seen"
else
	engine kernel
	expect "kernel is refused where there is none" refused 1 'no WireGuard (modprobe wireguard): say vpn.engine: userspace, or auto'
	expect "and nothing was made" fails ip -n "$LAB-gateway" link show vpn0
	expect "doctor says the same before" eval 'lab_gate doctor 2>/dev/null | grep -q "^missing  wireguard"'
	engine auto
	expect "auto takes a process" lab_start_daemon
	expect "and status says so" same "$(kind)" userspace
	expect "doctor does not miss it then" eval 'lab_gate doctor 2>/dev/null | grep -q "^ok       wireguard"'
	lab_kill "$lab_daemon_pid" TERM
	ip -n "$LAB-gateway" link del vpn0
fi

engine userspace
lab_ready || { expect "the lab stands" false; expect_done; }
expect "ana reaches git" lab_wait 10 lab_in laptop ping -c 1 -W 1 10.30.2.9
before=$(index)
lab_kill "$lab_daemon_pid" TERM
engine kernel
expect "kernel on a TUN that is there is refused, with what to do" refused 1 \
	'TUN of a userspace engine, and vpn.engine says kernel: stop that engine, remove the interface (ip link delete) and start sallyportd again'
expect "the TUN is as it was" same "$(index)" "$before"
expect "and she still reaches git" lab_in laptop ping -c 1 -W 2 10.30.2.9
engine auto
expect "auto takes the TUN as it is" lab_start_daemon
expect "and goes on with the process behind it" same "$(kind)" userspace
expect_done
