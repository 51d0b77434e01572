#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# An administrator in the office applies, over a TCP connection to the gateway, a policy that cuts that very
# connection; nobody confirms it, and the connection goes on. The same with sallyportd or the watchdog killed on the
# way, with the disk full, and with the terminal closed. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
small=() # file systems that can be filled
end() { umount -l "${small[@]}"; lab_down; }
trap end EXIT

# A shell of the gateway behind TCP, a line each: what it prints, then `exit N`.
shell='
import socket, subprocess, threading
def serve(connection):
    lines = connection.makefile("rw")
    for line in lines:
        done = subprocess.run(line, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            lines.write(f"{done.stdout}exit {done.returncode}\n")
            lines.flush()
        except OSError:
            break
listener = socket.create_server(("::", 2222), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
'
# One connection, one command, however long it takes; exits as the command did.
type_in='
import socket, sys
connection = socket.create_connection((sys.argv[1], 2222), timeout=10)
connection.settimeout(240)
connection.sendall(sys.argv[2].encode() + b"\n")
for line in connection.makefile():
    print(line, end="")
    if line.startswith("exit "):
        sys.exit(int(line.split()[1]))
sys.exit(99)
'
from_office() { lab_in office /usr/bin/python3 -c "$type_in" "$@"; } # from_office ADDRESS COMMAND
gets_in() { lab_in office timeout 3 bash -c "exec 3<>/dev/tcp/${1:-10.30.0.1}/2222"; }
applied() { # applied GENERATION : its state, of the latest apply of it
	lab_gate history --json | /usr/bin/python3 -c '
import json, sys
print(next(g["state"] for g in map(json.loads, sys.stdin) if g["generation"] == sys.argv[1]))' "$1"
}
is_cut_off() { [ "$(running)" != "$kept" ] && ! gets_in "$@"; } # by the policy that waits, not by a busy machine
running() { lab_gate status --json | field "r['generation']"; }
pending() { lab_gate status --json | field "r['pending'] and r['pending']['generation']"; }
warned() { lab_gate status --json | grep -q "\"$1\""; }


lab_up
lab_policy | sed 's#office:  10.30.0.0/16#office:  [10.30.0.0/16, "2001:db8:30::/48"]#' >"$LAB_DIR/cut.yaml"
sed 's#to: self, service: ssh#to: self, services: [ssh, tcp/2222]#' "$LAB_DIR/cut.yaml" >"$LAB_DIR/kept.yaml"
for folder in var:64m run:1m; do
	mkdir -p "$LAB_ROOT/${folder%:*}"
	mount -t tmpfs -o "size=${folder#*:}" none "$LAB_ROOT/${folder%:*}" && small+=("$LAB_ROOT/${folder%:*}")
done
lab_start_daemon || exit 1
lab_run gateway shell.log /usr/bin/python3 -c "$shell"
expect "a first policy, with the way in" lab_gate apply "$LAB_DIR/kept.yaml"
kept=$(running)
expect "the administrator gets in" lab_wait 10 gets_in

lab_in gateway env SSH_CONNECTION="10.30.2.9 50000 10.30.0.1 2222" sallyport apply --root "$LAB_ROOT" "$LAB_DIR/cut.yaml" >"$LAB_DIR/said" 2>&1
expect "a policy that would cut the connection it came by is refused" same $? 1
expect "and says how" grep -q 'it would cut the connection you came by (port 2222;.*--confirm 60s' "$LAB_DIR/said"
lab_gate apply --confirm 10s "$LAB_DIR/cut.yaml" >"$LAB_DIR/said" 2>&1
expect "without a watchdog it is refused: exit 1" same $? 1
expect "and says what to start" grep -q 'sallyport-watchdog does not answer' "$LAB_DIR/said"
expect "nothing changed" same "$(running)" "$kept"
expect "status says that none runs" grep -q 'watchdog *does not run' <(lab_gate status)

# ---- over its own connection ----
lab_start_watchdog || exit 1
expect "status says so no more" fails grep -q 'watchdog' <(lab_gate status)
from_office 10.30.0.1 "SSH_CONNECTION='10.30.2.9 50000 10.30.0.1 2222' sallyport apply --root $LAB_ROOT --confirm 15s $LAB_DIR/cut.yaml" >"$LAB_DIR/said" 2>&1 &
office=$!
expect "it is cut off" lab_wait 20 is_cut_off
cut=$(running)
expect "what waits is pending" same "$(applied "$cut")" pending
expect "status says so" same "$(pending)" "$cut"
expect "in words too" grep -q "generation $cut, applied by .*, is pending: generation $kept returns in [0-9]* s" <(lab_gate status)
lab_gate apply --confirm 10s "$LAB_DIR/kept.yaml" >"$LAB_DIR/second" 2>&1
expect "a second one is refused" same $? 1
expect "and is told who waits" grep -q "generation $cut, applied by .* waits to be confirmed" "$LAB_DIR/second"
lab_gate apply "$LAB_DIR/kept.yaml" >/dev/null 2>&1
expect "so is a plain apply" same $? 1
wait $office
expect "the very connection goes on, and the command says 5" same $? 5
expect "with words" grep -q 'was not confirmed: the former policy runs again' "$LAB_DIR/said"
expect "the former policy runs" same "$(running)" "$kept"
expect "history has it reverted" same "$(applied "$cut")" reverted
expect "status is loud" warned reverted
expect "and so is the audit log" eval 'lab_gate audit --json | grep -q "\"event\":\"revert\""'
expect "nothing is pending" same "$(pending)" None
expect "the administrator gets in" gets_in
expect "and over IPv6" gets_in 2001:db8:30::1
from_office 2001:db8:30::1 "SSH_CONNECTION='2001:db8:30::2:9 50000 2001:db8:30::1 2222' sallyport apply --root $LAB_ROOT --confirm 15s $LAB_DIR/cut.yaml" >"$LAB_DIR/said" 2>&1 &
office=$!
expect "over IPv6 it is cut off as well" lab_wait 20 is_cut_off 2001:db8:30::1
wait $office
expect "that connection goes on, and the command says 5" same $? 5
expect "the former policy runs" same "$(running)" "$kept"
expect "the administrator gets in" gets_in 2001:db8:30::1

# ---- the terminal is closed, and the disk is full when the time is up ----
lab_gate apply --confirm 10s "$LAB_DIR/cut.yaml" >/dev/null 2>&1 &
waiting=$!
expect "cut off again" lab_wait 20 is_cut_off
lab_kill $waiting
for folder in "${small[@]}"; do dd if=/dev/zero of="$folder/fill" bs=64k 2>/dev/null; done
expect "there is no room" fails sh -c "echo room >'$LAB_ROOT/run/room' || echo room >'$LAB_ROOT/var/room'" 2>/dev/null
expect "let back in all the same" lab_wait 20 gets_in
expect "the former policy runs" lab_wait 10 eval '[ "$(running)" = "$kept" ]'
expect "status is loud" lab_wait 10 warned reverted
for folder in "${small[@]}"; do rm "$folder/fill"; done
expect "with room, an apply goes as ever" lab_wait 10 lab_gate apply "$LAB_DIR/kept.yaml"
expect "and ends the warning" fails warned reverted

# ---- sallyportd is killed while it waits ----
lab_gate apply --confirm 10s "$LAB_DIR/cut.yaml" >/dev/null 2>&1 &
waiting=$!
expect "cut off again" lab_wait 20 is_cut_off
lab_kill "$lab_daemon_pid"
expect "let back in without sallyportd" lab_wait 20 gets_in
lab_signal $waiting INT
wait $waiting
lab_start_daemon || exit 1
expect "the next one runs the former policy" lab_wait 10 eval '[ "$(running)" = "$kept" ]'
expect "and has it reverted" same "$(applied "$cut")" reverted

# ---- the watchdog is killed behind each of its steps ----
for step in watched claimed; do
	lab_kill "$lab_watchdog_pid"
	lab_start_watchdog --kill-at "$step"
	lab_gate apply --confirm 10s "$LAB_DIR/cut.yaml" >/dev/null 2>&1 &
	waiting=$!
	expect "killed at $step: it dies there" lab_wait 20 fails lab_lives "$lab_watchdog_pid"
	expect "killed at $step: status is loud" lab_wait 10 warned watchdog-missing
	lab_start_watchdog
	wait $waiting
	expect "killed at $step: the command says 5" same $? 5
	expect "killed at $step: the administrator gets in" lab_wait 10 gets_in
done

# ---- somebody else's apply ----
lab_gate apply --confirm 60s "$LAB_DIR/cut.yaml" >/dev/null 2>&1 &
waiting=$!
expect "cut off once more" lab_wait 20 is_cut_off
sed 's/^rules:/# of somebody else\n&/' "$LAB_DIR/kept.yaml" >"$LAB_DIR/other.yaml"
expect "another's apply with --force goes" lab_gate apply --force "$LAB_DIR/other.yaml"
wait $waiting
expect "who waited is told 5" same $? 5
expect "what waited was not confirmed on the way" same "$(applied "$cut")" reverted
expect "the administrator gets in" gets_in
expect "and back" lab_gate rollback "$kept"

# ---- confirmed ----
lab_gate apply --confirm 60s "$LAB_DIR/cut.yaml" >"$LAB_DIR/said" 2>&1 &
waiting=$!
expect "a third time" lab_wait 20 is_cut_off
expect "confirmed by somebody else" lab_gate confirm
wait $waiting
expect "the command that waited says 0" same $? 0
expect "the new policy runs" same "$(running)" "$cut"
expect "for good" same "$(applied "$cut")" confirmed
expect "nothing waits any more" eval 'lab_gate confirm 2>&1 | grep -q "no apply waits"'
expect "and back by hand" lab_gate rollback
expect "to the one before" same "$(running)" "$kept"
expect "the administrator gets in" lab_wait 10 gets_in

# ---- confirmed by what is to be reached ----
expect "probes that hold confirm it" lab_gate apply --confirm 10s --probe tcp:10.30.0.1:2222 --probe-confirms "$LAB_DIR/cut.yaml"
lab_gate apply --confirm 10s --probe tcp:10.30.0.1:9 --probe-confirms "$LAB_DIR/kept.yaml" >/dev/null 2>&1
expect "one that does not lets it return" same $? 5
expect "to what was confirmed" same "$(running)" "$cut"
expect_done
