#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A corrupt database, peers file and audit log: each is named and moved aside, nothing is taken for an
# empty one silently, and nobody gets in who was not in. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

lab_up
lab_ready || exit 1
state=$LAB_ROOT/var/lib/sallyport
reaches() { lab_in "$1" ping -c 1 -W 1 10.30.2.9 >/dev/null; }
warned() { lab_gate status --json | field "[w['code'] for w in r['warnings']]" | grep -q "$1"; }
moved() { compgen -G "$1.corrupt-*" >/dev/null; }

expect "ana reaches git" reaches laptop
lab_kill "$lab_daemon_pid"
head -c 200000 /dev/urandom >"$state/peers.conf"
lab_start_daemon
expect "a corrupt peers file is moved aside" moved "$state/peers.conf"
expect "status says so" warned peers-file-moved
expect "ana still reaches git: the database has her" lab_wait 10 reaches laptop

lab_kill "$lab_daemon_pid"
printf '{"broken\n' >>"$LAB_ROOT/var/log/sallyport/audit.jsonl"
lab_start_daemon
expect "a corrupt audit log is moved aside" moved "$LAB_ROOT/var/log/sallyport/audit.jsonl"
expect "the log goes on" lab_gate audit --limit 5

lab_kill "$lab_daemon_pid"
rm -f "$state"/sallyport.db-wal "$state"/sallyport.db-shm
dd if=/dev/urandom of="$state/sallyport.db" bs=4096 count=4 conv=notrunc status=none
lab_start_daemon
expect "a corrupt database is moved aside" moved "$state/sallyport.db"
expect "status says so" warned database-moved
expect "bob is no better off" fails reaches phone
sessions=$(lab_gate session list --json | wc -l)
echo "     $sessions sessions in the new database"
expect "no session is made up" same "$sessions" 0
expect "a policy can be applied again" lab_gate apply "$LAB_DIR/policy.yaml" --force
expect "and ana signs in again" lab_sign_in laptop ana corp eng
expect_done
