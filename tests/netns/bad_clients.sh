#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Clients of the control socket that stall, flood, send garbage or never read: they are dropped, others
# are served meanwhile. A second daemon on the same root is refused by name. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

lab_up
lab_ready || exit 1
socket=$LAB_ROOT/run/sallyport/control.sock

bad_client() { # bad_client KIND : exits 0 when the daemon hung up on it
	timeout 20 /usr/bin/python3 - "$socket" "$1" <<-'PY'
	import socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.connect(sys.argv[1])
	s.settimeout(15)
	kind = sys.argv[2]
	sent = {
	    "garbage": b"\x00\xff\xfe not json at all\n",
	    "array": b"[1,2,3]\n",
	    "deep": b"[" * 60000 + b"\n",
	    "stall": b'{"v":1,"id":1,',
	    "long": b'{"v":1,"op":"' + b"x" * 200000,
	    "silent": b"",
	}
	try:
	    if kind == "unread":  # asks and never reads
	        for _ in range(2000000):
	            s.sendall(b'{"v":1,"id":1,"op":"status"}\n')
	    else:
	        s.sendall(sent[kind])
	    while s.recv(65536):
	        pass
	except (ConnectionResetError, BrokenPipeError):
	    pass
	PY
}

for kind in garbage array deep long unread; do
	expect "a client that sends $kind is dropped" bad_client $kind
	expect "others are served" lab_gate session list
done
bad_client stall & stalled=$!
bad_client silent & silent=$!
for _ in $(seq 80); do # more than the 64 there is room for
	/usr/bin/python3 -c "import socket,sys,time; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); time.sleep(12)" "$socket" 2>/dev/null &
	LAB_PIDS+=($!)
done
expect "a client that stalls in a line is dropped" wait $stalled
expect "a client that says nothing is dropped" wait $silent
sleep 1
expect "others are served behind a flood of clients" lab_wait 15 lab_gate session list
not_permitted() { setpriv --reuid 65534 --regid 65534 --clear-groups "$(command -v sallyport)" session list --root "$LAB_ROOT"; [ $? -eq 7 ]; }
chmod a+rx "$LAB_DIR" "$LAB_ROOT" "$LAB_ROOT/run" 2>/dev/null
expect "somebody else is not permitted (exit 7)" not_permitted

second() {
	lab_in gateway timeout 10 sallyportd --root "$LAB_ROOT" >"$LAB_DIR/second.out" 2>&1
	[ $? -ne 0 ] && grep -q "$(cat "$LAB_ROOT/var/lib/sallyport/lock")" "$LAB_DIR/second.out"
}
expect "a second daemon is refused, naming the first one's pid" second
cat "$LAB_DIR/second.out"
expect "the first one serves on" lab_gate session list
unreachable() { sallyport status --root "$LAB_DIR/nowhere"; [ $? -eq 6 ]; }
expect "no daemon: exit 6" unreachable
expect_done
