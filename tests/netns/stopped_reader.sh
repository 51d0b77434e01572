#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The daemon is stopped (SIGSTOP) while somebody floods denials. When it goes on, the records it writes and
# those that stand for many add up to the kernel's counter, exactly. And what the ring had no room for is
# owned up to in a gap, exactly (here somebody else adds to the kernel's count of it: the ring takes more than
# the sampling lets anybody write).
# (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

# What the log says: denials at vpn-in with a record of their own, those in aggregated records, and gaps.
recorded() {
	/usr/bin/python3 - "$LAB_ROOT"/var/log/sallyport/*.jsonl* <<-'PY'
	import json, sys
	single = many = gaps = 0
	for path in sys.argv[1:]:
	    for line in open(path):
	        r = json.loads(line)
	        if r["event"] == "deny" and r["hook"] == "vpn-in":
	            if r.get("aggregated"): many += r["packets"]
	            else: single += r["packets"]
	        if r["event"] == "gap":
	            gaps += r["packets"]
	print(single, many, gaps)
	PY
}

# As if the kernel had found no room for some events: 258 on each CPU.
add_lost() {
	bpftool map update pinned "$LAB_ROOT/sys/fs/bpf/sallyport/v1/sp_event_stats" key 0 0 0 0 \
		value 2 1 0 0 0 0 0 0  2 1 0 0 0 0 0 0  9 9 0 0 0 0 0 0  0 0 0 0 0 0 0 0
}

lab_up
lab_ready || exit 1
# nothing but bob's stream may be counted in between: the office is silent
lab_signal "$lab_daemon_pid" STOP
lab_in phone timeout 60 /usr/bin/python3 "$lab_top/tests/support/stream.py" send 10.30.2.9 5001 10000 2 >/dev/null
add_lost
lab_signal "$lab_daemon_pid" CONT
lab_wait 5 lab_gate status
settled() { local a b; a=$(recorded); sleep 2; b=$(recorded); [ "$a" = "$b" ]; }
lab_wait 30 settled
read -r single many gaps <<<"$(recorded)"
counted=$(lab_gate status --json | field "sum(h['deny']['packets'] for h in r['hooks'] if h['hook'] == 'vpn-in')")
lost=$(lab_gate status --json | field "r['events']['lost']")
echo "kernel: $counted denied at vpn-in, $lost events lost; log: $single with a record, $many in aggregated ones, $gaps in gaps"
expect "most have no record of their own" [ "$many" -gt "$single" ]
expect "but some have" [ "$single" -gt 0 ]
expect "together they are the kernel's counter" same $((single + many)) "$counted"
expect "the gap says exactly what was lost" same "$gaps" "$lost"
expect "and something was" [ "$lost" -gt 0 ]
expect "the log is whole" lab_gate audit verify
expect_done
