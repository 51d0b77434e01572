#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What a reboot takes away (pins, links, the nft table, vpn0, ip_forward) is taken away while the daemon is
# down. On start the last confirmed generation is in force before anything is forwarded, and sessions are known.
# (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

reaches() { lab_in "$1" ping -c 1 -W 1 "$2" >/dev/null 2>&1; }

lab_up
lab_ready || exit 1
expect "ana reaches git" reaches laptop 10.30.2.9
# of several files, which are the policy from then on: nobody needs them on the disk any more
mkdir "$LAB_DIR/policy.d"
(echo "sallyport: 1"; echo "rules:"; grep "name: eng-git" "$LAB_DIR/policy.yaml") >"$LAB_DIR/policy.d/git.yaml"
sed -i -e "/name: eng-git/d" -e "s,^sallyport: 1$,&\ninclude: policy.d/*.yaml," "$LAB_DIR/policy.yaml"
expect "a rule moves into a file that is included" lab_gate apply "$LAB_DIR/policy.yaml"
expect "ana reaches git by it" reaches laptop 10.30.2.9
where() { lab_gate explain --from ana --to 10.30.2.9/icmp --json | field "r['file'] + ':' + str(r['line'])"; }
expect "explain names that file" same "$(where)" "$LAB_DIR/policy.d/git.yaml:3"
rm -r "$LAB_DIR/policy.d" "$LAB_DIR/policy.yaml"
generation=$(lab_gate status --json | field "r['generation']")
# another policy runs at the reboot, which nobody has confirmed
lab_policy | sed "/name: eng-git/d" >"$LAB_DIR/unconfirmed.yaml"
lab_start_watchdog
lab_gate apply --confirm 1h "$LAB_DIR/unconfirmed.yaml" >/dev/null 2>&1 &
waiting=$!
is_pending() { lab_gate status --json | field "r['pending'] is not None and r['generation'] != '$generation'" | grep -qx True; }
expect "it runs, and waits" lab_wait 20 is_pending
expect "ana does not reach git by it" fails reaches laptop 10.30.2.9
lab_kill "$lab_watchdog_pid"
lab_kill $waiting
lab_kill "$lab_daemon_pid"
lab_kill "$lab_engine_pid"
rm -rf "$LAB_ROOT/sys/fs/bpf/sallyport" # not umount: mount namespaces of engines would keep it
ip -n "$LAB-gateway" link delete vpn0
lab_in gateway nft flush ruleset
lab_in gateway sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
rm -rf "$LAB_ROOT/run" "$LAB_ROOT/var/run"

lab_start_daemon || exit 1
lab_start_engine || exit 1
expect "the generation is the same" same "$(lab_gate status --json | field "r['generation']")" "$generation"
reverted() { lab_gate history --json | /usr/bin/python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["state"])'; }
expect "what nobody confirmed is on record as reverted" same "$(reverted)" reverted
expect "status says so" grep -q '"reverted"' <(lab_gate status --json)
expect "and the audit log" grep -q '"event":"revert"' <(lab_gate audit --json)
expect "every hook is there" same "$(lab_gate status --json | field "len(r['hooks'])")" 7
expect "bob's session is known" same "$(lab_gate session list --user bob --json | field "r['state']")" live
lab_client_set laptop
lab_client_set phone
expect "ana reaches git again" lab_wait 20 reaches laptop 10.30.2.9
expect "bob still does not" fails reaches phone 10.30.2.9
expect "the log is whole over both lives" lab_gate audit verify

# an interface that goes and comes back is governed again
ip -n "$LAB-gateway" link delete lan0
ip -n "$LAB-gateway" link add lan0 type veth peer name eth0 netns "$LAB-office"
lab_address gateway lan0 10.30.0.1/16 2001:db8:30::1/48
lab_address office eth0 10.30.2.9/16 2001:db8:30::2:9/48
ip -n "$LAB-office" route add default via 10.30.0.1
expect "lan0 made anew: ana reaches git" lab_wait 20 reaches laptop 10.30.2.9
expect "lan0 made anew: its hooks are back" lab_wait 10 eval '[ "$(lab_gate status --json | field "len(r[\"hooks\"])")" = 7 ]'
expect "and the inside cannot open connections to ana" fails reaches office "$(lab_address_of laptop 4)"
expect_done
