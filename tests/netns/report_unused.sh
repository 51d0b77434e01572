#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# sallyport report unused names the rules without a hit: as packets come, over a restart of sallyportd, and what was
# decided while it was away. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

report() { lab_gate report unused --json "$@"; }
unused() { report --since "$1" | field "*sorted(x['rule'] for x in r['unused'])"; } # unused SPAN : their names
is_unused() { [[ " $(unused "${2:-1h}") " == *" $1 "* ]]; }
is_used() { ! is_unused "$@"; }
of() { report --since "${3:-1h}" | field "*(x['$2'] for x in r['unused'] if x['rule'] == '$1')"; } # of RULE KEY [SPAN]
pings() { lab_in laptop ping -c 1 -W 2 10.30.2.9 >/dev/null; }

lab_up
lab_ready '{ name: watched, deny: {from: contractor, to: git}, mode: audit }' || exit 1
expect "no rule for people is used" same "$(unused 1h | tr ' ' '\n' | grep -c 'eng-git\|payroll-closed\|watched')" 3
expect "never" same "$(of eng-git last_hit)" None
expect "in a window of which not all is known" same "$(of eng-git whole_window)" False
expect "all is known of the last second" lab_wait 20 eval '[ "$(of eng-git whole_window 1s)" = True ]'
expect "some are: exit code 10" eval 'report --exit-code >/dev/null; [ $? -eq 10 ]'
expect "in words" grep -q 'eng-git (.*policy.yaml:[0-9]*)  no hit; watched since' <(lab_gate report unused)
expect "of so many rules" grep -q '[0-9]* of 5 rules without a hit for 30 d' <(lab_gate report unused 2>&1)

expect "ana pings" lab_wait 20 pings
expect "her rule is used" lab_wait 20 is_used eng-git
expect "in the last hour, not in the last seconds" lab_wait 30 is_unused eng-git 2s
hit=$(of eng-git last_hit 2s)
fails lab_in phone ping -c 1 -W 1 10.30.2.9 >/dev/null
expect "a rule in audit is used by what it would have denied" lab_wait 20 is_used watched

lab_kill "$lab_daemon_pid" TERM
lab_start_daemon || exit 1
expect "the daemon back, it knows when" same "$(of eng-git last_hit 1s)" "$hit"
expect "and since when it watches" is_unused payroll-closed
lab_kill "$lab_daemon_pid"
fails lab_get laptop http://10.30.9.4:80/ >/dev/null
lab_start_daemon || exit 1
expect "what was decided while it was away is a hit" lab_wait 20 is_used payroll-closed
expect "a window of nonsense is refused" fails report --since soon
expect_done
