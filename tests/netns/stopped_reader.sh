#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The daemon is stopped (SIGSTOP) while more packets are denied than the ring holds. When it goes on,
# the records it writes and the gap it owns up to add up to the kernel's counter, exactly.
# (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

# Records of bob's denials at vpn-in, and what gaps say, from the log itself.
recorded() {
	/usr/bin/python3 - "$LAB_ROOT"/var/log/sallyport/audit.jsonl* <<-'PY'
	import json, sys
	denied = gaps = 0
	for path in sys.argv[1:]:
	    for line in open(path):
	        r = json.loads(line)
	        if r["event"] == "deny" and r["hook"] == "vpn-in":
	            denied += r["packets"]
	        if r["event"] == "gap":
	            gaps += r["packets"]
	print(denied, gaps)
	PY
}

# Events the kernel could not place, while nobody answers `status`.
kernel_lost() {
	bpftool -j map dump pinned "$LAB_ROOT/sys/fs/bpf/sallyport/v1/sp_event_stats" |
		field "sum(v['value']['lost'] for e in r for v in e['formatted']['values'])"
}

lab_up
lab_ready || exit 1
# nothing but bob's stream may be lost in between: the office is silent
kill -STOP "$lab_daemon_pid"
for _ in 1 2 3 4 5 6 7 8 9 10; do # how much a second brings depends on the machine
	lab_in phone timeout 60 /usr/bin/python3 "$lab_top/tests/support/stream.py" send 10.30.2.9 5001 10000 2 >/dev/null
	[ "$(kernel_lost)" -eq 0 ] || break
done
kill -CONT "$lab_daemon_pid"
attempted() { lab_gate status --json | field "r['events']['attempted']"; }
lab_wait 5 lab_gate status
settled() { local a b; a=$(recorded); sleep 1; b=$(recorded); [ "$a" = "$b" ]; }
lab_wait 30 settled
read -r denied gaps <<<"$(recorded)"
counted=$(lab_gate status --json | field "sum(h['deny']['packets'] for h in r['hooks'] if h['hook'] == 'vpn-in')")
lost=$(lab_gate status --json | field "r['events']['lost']")
echo "kernel: $counted denied at vpn-in, $lost events lost; log: $denied in records, $gaps in gaps"
expect "the ring overflowed" [ "$lost" -gt 0 ]
expect "the gaps say exactly what was lost" same "$gaps" "$lost"
expect "records and gaps are the kernel's counter" same $((denied + gaps)) "$counted"
expect "the log is whole" lab_gate audit verify
expect_done
