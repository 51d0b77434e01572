#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What one may use up. A person opens more flows than a session may have: exactly 4096 are allowed, the
# others are denied with reason flow-limit, and another person is not touched. Then the limits of the policy,
# so slow that nothing comes back while this runs: by session over both families, by source for each, and
# connections to the gateway's own port on the edge. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

# send HOST ADDRESS PORT COUNT [SOCKETS] : so many datagrams by each of so many sockets
send() {
	lab_in "$1" /usr/bin/python3 - "${@:2}" <<-'PY'
	import socket, sys
	for _ in range(int((sys.argv[4:] or [1])[0])):
	    family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
	    with socket.socket(family, socket.SOCK_DGRAM) as s:
	        for _ in range(int(sys.argv[3])):
	            s.sendto(b"x", (sys.argv[1], int(sys.argv[2])))
	PY
}

# hear HOST PORT : a line in HOST-PORT for each datagram; nothing is answered
hear() {
	lab_run "$1" "$1-$2" /usr/bin/python3 -uc "
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(('::', $2)); print('ready')
while True: print(s.recvfrom(99)[1][0])"
	lab_wait 10 grep -q ready "$LAB_DIR/$1-$2"
}
heard() { grep -c '[.:]' "$LAB_DIR/$1-$2"; }

# expect_limited TEXT HOOK DENIED HOST PORT HEARD
expect_limited() {
	expect "$1: $3 are denied as limit" lab_wait 10 eval "[ \$(counter $2 deny limit) = $3 ]"
	expect "$1: $6 arrive" lab_wait 10 eval "[ \$(heard $4 $5) = $6 ]"
}

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
denied() { counter vpn-in deny flow-limit; }
lab_wait 10 eval '[ "$(denied)" -ge 904 ]' && lab_wait 5 lab_stays 0.5 denied
allowed=$(lab_gate session list --user ana --json | field "r['flows']")
denied=$(denied)
echo "5000 flows tried: $allowed tracked, $denied denied"
expect "the session has its share" same "$allowed" 4096
expect "the rest is denied as flow-limit" same "$denied" 904
expect "bob still opens flows" lab_get phone http://10.30.2.9/

limited() { # limited [RULE…] : the policy, with limits
	lab_policy "$@" '{ name: vendor-udp, allow: {from: contractor, to: git, services: udp/6000}, limit: person }' \
		'{ name: office-out, allow: {from: [office, "2001:db8:30::/48"], to: ["192.0.2.66", "2001:db8:1::66"], services: udp/7000}, limit: host }' |
		sed 's/^  expose: \[/&{name: door, to: self, service: udp\/8000, limit: few}, /'
	echo 'limits: { person: {packets: 6/h, burst: 6}, host: {packets: 3/h, burst: 3, key: source},'
	echo '  few: {connections: 2/h, burst: 2, key: source/24} }'
}
apply() { limited "$@" >"$LAB_DIR/limited.yaml" && lab_gate apply "$LAB_DIR/limited.yaml"; }
expect "limits are applied" apply
[ "$expect_failed" -eq 0 ] || expect_done
hear office 6000
hear stranger 7000
hear gateway 8000

# one each, for the engine merges datagrams of one flow, and what is merged is one packet
send phone 10.30.2.9 6000 1 4
send phone 2001:db8:30::2:9 6000 1 4
expect_limited "a person's, both families together" vpn-in 2 office 6000 6
send office 192.0.2.66 7000 5
send office 2001:db8:1::66 7000 5
expect_limited "a host's, each family for itself" inside-in 4 stranger 7000 6
send stranger 192.0.2.1 8000 2 5
send laptop 192.0.2.1 8000 2 1
send stranger 2001:db8:1::1 8000 2 5
expect_limited "connections of a network: no packet of what was not opened" edge-in 14 gateway 8000 8

records() { lab_gate audit --event limit --json "$@" | grep -c "$record"; }
record='"user":"bob".*"verdict":"deny","rule":"vendor-udp","reason":"limit","packets":1.*"limit":"person"'
expect "what bob sent beyond it is on record, by name" lab_wait 10 eval '[ "$(records --user bob)" = 2 ]'
record='"rule":"office-out","reason":"limit","packets":1.*"limit":"host"'
expect "and what the office did" lab_wait 10 eval '[ "$(records --hook inside-in)" = 4 ]'
record='"reason":"limit","packets":[0-9]*,"bytes":[0-9]*,"aggregated":true'
expect "and a count of the edge's" lab_wait 10 eval '[ "$(records --hook edge-in)" -ge 1 ]'
expect "explain names the limit" same "$(lab_gate explain --from bob --to 10.30.2.9:6000/udp --json | field "r['limit']")" person
expect "and none where there is none" same "$(lab_gate explain --from bob --to 10.30.2.9:80 --json | field "'limit' in r")" False

expect "another revision is applied" apply '{ name: vendor-ssh, allow: {from: contractor, to: git, services: ssh} }'
send phone 10.30.2.9 6000 1
expect_limited "what was used up stays so" vpn-in 3 office 6000 6
lab_kill "$lab_daemon_pid"
lab_start_daemon || exit 1
expect "and another, after a restart" apply
send phone 10.30.2.9 6000 1
expect_limited "it stays so still" vpn-in 4 office 6000 6
expect "bob signs in again" eval 'lab_gate session revoke bob && lab_sign_in phone bob partner vendors'
sent() { send phone 10.30.2.9 6000 1 && [ "$(heard office 6000)" -gt 6 ]; }
expect "a new session has its own" lab_wait 10 sent
expect_done
