#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Two gateways on one machine, each in a lab of its own (tests/support/lab.sh draws one): the same
# addresses, the same names of interfaces, nothing shared.
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap 'lab_kill "$other" TERM; lab_down' EXIT

# The second one runs as a process of its own, holds still when it is ready, and ends with us.
other=""
if [ "${1:-}" = --second ]; then
	trap lab_down EXIT
	lab_up
	lab_start_web office 10.30.2.9 80 "second git" || exit 1
	lab_ready >&2 || exit 1
	lab_get laptop http://10.30.2.9/ || exit 1
	echo ready
	read -r _ # until the first lab has revoked its session
	lab_get laptop http://10.30.2.9/
	exit
fi

coproc SECOND { LAB=$LAB-b exec "$0" --second; }
other=$SECOND_PID
lab_up
lab_start_web office 10.30.2.9 80 "first git"
lab_ready || exit 1
expect "ana of the first lab reaches the first git" same "$(lab_get laptop http://10.30.2.9/)" "first git"
read -r -t 60 -u "${SECOND[0]}" page
read -r -t 60 -u "${SECOND[0]}" ready
expect "ana of the second reaches the second" same "$page $ready" "second git ready"
expect "revoking in the first" lab_gate session revoke ana
expect "stops ana there" fails lab_get laptop http://10.30.2.9/
echo go >&"${SECOND[1]}"
read -r -t 20 -u "${SECOND[0]}" page
expect "and not in the second" same "$page" "second git"
wait $other
other=""
trap lab_down EXIT
expect_done
