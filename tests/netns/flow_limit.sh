#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A person opens more flows than a session may have: exactly 4096 are allowed, the others are denied
# with reason flow-limit, and another person is not touched. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

lab_up
lab_start_web office 10.30.2.9 80 git
lab_ready '{ name: vendor-git, allow: {from: contractor, to: git, services: tcp/80} }' || exit 1
lab_in laptop /usr/bin/python3 - <<-'PY'
import socket, time
for port in range(20000, 25000):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", port))
    try:
        s.sendto(b"x", ("10.30.2.9", 5000))
    except OSError:
        pass
    s.close()
    if port % 50 == 0:
        time.sleep(0.01)
PY
sleep 1
allowed=$(lab_gate session list --user ana --json | field "r['flows']")
denied=$(counter vpn-in deny flow-limit)
echo "5000 flows tried: $allowed tracked, $denied denied"
expect "the session has its share" same "$allowed" 4096
expect "the rest is denied as flow-limit" same "$denied" 904
expect "bob still opens flows" lab_get phone http://10.30.2.9/
expect_done
