#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# After a session is over its person still reaches the portal and the resolvers through the tunnel, to sign
# in again from within, and nothing else: with sallyportd dead as well, and not once they were revoked.
# (Topology: tests/support/lab.sh; besides: a resolver 10.30.0.53 in the office, the portal at tcp/8443.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

lab_up
cat >"$LAB_ROOT/etc/sallyport/sallyport.yaml" <<-YAML
	sallyport: 1
	plane: ebpf
	interfaces: { edge: [wan0], inside: [lan0], tunnel: vpn0 }
	vpn: { listen: 51820, pool: [100.64.0.0/16, "fd00:64::/64"], endpoint: 192.0.2.1, dns: [10.30.0.53] }
	portal: { url: "https://192.0.2.1:8443", listen: "0.0.0.0:8443", user: "65534" }
YAML
ip -n "$LAB-office" address add 10.30.0.53/16 dev eth0
lab_run office resolver.log /usr/bin/python3 -c '
import socket, threading
def names():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("10.30.0.53", 53))
    while True:
        data, who = s.recvfrom(512)
        s.sendto(b"answer to " + data, who)
threading.Thread(target=names, daemon=True).start()
s = socket.create_server(("10.30.0.53", 53))
while True:
    c, _ = s.accept()
    c.sendall(b"answer by tcp")
    c.close()
'
lab_ready || exit 1
lab_start_web office 10.30.2.9 80 git || exit 1
lab_run office payroll.log /usr/bin/python3 "$lab_top/tests/support/web.py" 10.30.9.4 80 payroll
lab_run gateway portal.log /usr/bin/python3 "$lab_top/tests/support/web.py" 0.0.0.0 8443 portal
lab_wait 10 lab_get gateway http://10.30.0.1:8443/ || exit 1

git() { [ "$(lab_get laptop http://10.30.2.9/)" = git ]; }
payroll() { lab_get laptop http://10.30.9.4/ >/dev/null; }
portal() { [ "$(lab_get laptop http://100.64.0.1:8443/)" = portal ]; }
name() {
	lab_in laptop /usr/bin/python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
s.sendto(b"gate", ("10.30.0.53", 53))
assert s.recv(512) == b"answer to gate"
' 2>/dev/null
}
name_by_tcp() {
	lab_in laptop /usr/bin/python3 -c '
import socket
s = socket.create_connection(("10.30.0.53", 53), timeout=2)
assert s.recv(512) == b"answer by tcp"
' 2>/dev/null
}
pings() { lab_in "$1" ping -c 1 -W 1 "$2" >/dev/null 2>&1; }
sign_in() { # sign_in OPTIONS… : ana again, on the same device
	lab_gate session open --user ana --idp corp --groups eng --device laptop \
		--pubkey "$(wg pubkey <"$LAB_DIR/laptop.key")" "$@" >/dev/null
}
state() { lab_gate session list --json | grep '"user": *"ana"' | field "r['state']"; }
is_parked() { [ "$(state)" = expired ]; }
is() { same "$("${@:2}")" "$1"; } # is WANTED COMMAND…
explained() { # explained FIELD TARGET
	lab_gate explain --from ana --to "$2" --json | field "r['$1']"
}
told_at_once() { # ICMP "prohibited" ends the attempt: curl gives up before its time, 7 instead of 28
	lab_in laptop curl -s --max-time 5 --noproxy '*' http://10.30.2.9/ >/dev/null
	[ $? -eq 7 ]
}
record() { # record VERDICT PORT : the newest of ana's that says `expired`
	lab_gate audit --json --user ana --reason expired --event "$1" 2>/dev/null |
		/usr/bin/python3 -c '
import json, sys
found = [r for r in map(json.loads, sys.stdin) if r.get("dport") == int(sys.argv[1])]
print(json.dumps(found[-1]) if found else "")' "$2"
}
only_portal_and_names() { # only_portal_and_names WHEN
	expect "$1: the portal answers" portal
	expect "$1: names are answered, by UDP" name
	expect "$1: and by TCP" name_by_tcp
	expect "$1: git does not" fails git
	expect "$1: nor payroll" fails payroll
	expect "$1: nor the resolver's ping" fails pings laptop 10.30.0.53
	expect "$1: nor the gateway's" fails pings laptop 10.30.0.1
}

expect "signed in, ana reaches git" git
expect "and the portal by no rule" fails portal
expect "she signs in for 3 s" sign_in --max 3s
expect "which are over" lab_wait 10 is_parked
only_portal_and_names "her time is up"
expect "she is told at once, and not reset" told_at_once
expect "nobody inside reaches her" fails pings office "$(lab_address_of laptop 4)"
expect "her refused packet is on record with her name" lab_wait 5 eval '[ -n "$(record deny 80)" ]'
expect "so is her way to the portal" lab_wait 5 eval '[ -n "$(record allow 8443)" ]'
expect "explain says so of git" is deny explained verdict 10.30.2.9:80
expect "with what she can do" eval 'explained message 10.30.2.9:80 | grep -q "sign in again"'
expect "and of the portal" is "allow expired" eval 'echo "$(explained verdict 10.30.0.1:8443) $(explained reason 10.30.0.1:8443)"'
for verdict in allow:8443 deny:80; do
	expect "explain gives the record's own answer ($verdict)" is True eval \
		'lab_gate explain --record "$(record ${verdict%:*} ${verdict#*:})" --json | field "r[\"same\"] and r[\"reproduced\"]"'
done

lab_kill "$lab_daemon_pid"
only_portal_and_names "without sallyportd"
lab_start_daemon || exit 1
only_portal_and_names "sallyportd is back"
expect "it knows she is parked" is_parked
expect "she signs in again, from within" sign_in --max 1h
expect "and reaches git" git
expect "the portal is a matter of rules again" fails portal

expect "she signs in for as long as she is there" sign_in --max 1h --idle 2s
sleep 2.5
only_portal_and_names "she was silent"
for _ in 1 2 3; do portal; done
expect "what she asks the portal does not wake her session" fails git
expect "which sallyportd has parked" lab_wait 5 is_parked

sign_in --max 1h
expect "signed in once more, she reaches git" git
sign_in --max 1s
lab_wait 10 is_parked
expect "parked once more: the portal answers" portal
expect "an administrator revokes her" lab_gate session revoke ana
expect "the portal is silent" fails portal
expect "so are the names" fails name
expect "and git" fails git

# revoked in the middle of something: what is still sent to her is on record as that, with her name
stream() { # stream NAME ADDRESS : ana reads from this server what never ends
	lab_run office "served-$1-$2" /usr/bin/python3 -c '
import socket, sys, time
s = socket.create_server((sys.argv[1], 22), family=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
c, _ = s.accept()
try:
    while True:
        c.sendall(b"more\n")
        time.sleep(0.1)
except OSError as e:
    print(type(e).__name__, flush=True)
' "$2"
	lab_run laptop "read-$1-$2" /usr/bin/python3 -c '
import socket, sys, time
def connected():
    while True:
        try:
            return socket.create_connection((sys.argv[1], 22), timeout=5)
        except OSError:
            time.sleep(0.1)
s = connected()
idle = socket.create_connection((sys.argv[1], 22)) # not accepted: nothing is ever sent on it
s.settimeout(None)
try:
    for line in s.makefile():
        print(line, end="", flush=True)
except OSError as e:
    print(type(e).__name__, flush=True)
try:
    idle.recv(1)
except OSError as e:
    print("idle", type(e).__name__, flush=True)
' "$2"
}
revoked() { # revoked PROTOCOL : the newest denial of ana's that says so
	lab_gate audit --json --user ana --reason revoked --event deny 2>/dev/null | grep "\"proto\":\"$1\"" | tail -n 1
}
servers=(10.30.2.9 2001:db8:30::2:9)
reads() { # reads NAME : she reads from the servers
	local server
	for server in "${servers[@]}"; do stream "$1" "$server"; done
	for server in "${servers[@]}"; do expect "$1: she reads from $server" lab_wait 5 grep -q more "$LAB_DIR/read-$1-$server"; done
}
both_are_told() { # both_are_told NAME : the servers and she
	local server
	for server in "${servers[@]}"; do
		expect "$1: $server is told at once that it is over" lab_wait 5 grep -q ConnectionResetError "$LAB_DIR/served-$1-$server"
		expect "$1: so is she, who only reads from it" lab_wait 5 grep -qx ConnectionResetError "$LAB_DIR/read-$1-$server"
	done
}
expect "ana signs in" sign_in --max 1h
reads denied
lab_policy '{ name: shut, deny: {from: engineer, to: git, services: tcp/22} }' >"$LAB_DIR/shut.yaml"
expect "a policy denies it" lab_gate apply "$LAB_DIR/shut.yaml"
both_are_told denied
lab_policy >"$LAB_DIR/open.yaml"
expect "another allows it" lab_gate apply "$LAB_DIR/open.yaml"
reads revoked
flood() { # flood ADDRESS : ana sends datagrams there and begins connections, whatever becomes of her
	lab_run laptop "flood-$1" /usr/bin/python3 -c '
import socket, sys, time
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
end = time.monotonic() + 120
while time.monotonic() < end:
    try:
        s.sendto(bytes(1000), (sys.argv[1], 5001))
    except OSError:
        pass # what the gateway says against it
    with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as c:
        c.connect_ex((sys.argv[1], 5001))
    time.sleep(0.0003)
' "$1"
	floods+=("$lab_pid")
}
came() { lab_in office nft list counter inet flood came | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }
still() { lab_stays 0.5 came; }
floods=()
lab_in office nft -f - <<-'NFT'
	table inet flood {
		counter came { }
		chain arriving {
			type filter hook input priority 0;
			udp dport 5001 counter name came
		}
	}
NFT
for server in "${servers[@]}"; do flood "$server"; done
expect "she floods the servers" lab_wait 5 eval '[ "$(came)" -gt 500 ]'
denied=$(counter vpn-in deny revoked)
expect "she is revoked" lab_gate session revoke ana
expect "none of her flood arrives any more" lab_wait 5 still
arrived=$(came)
both_are_told revoked
expect "all of it was denied, while her peer was still there to be told" lab_wait 5 eval \
	'[ "$(counter vpn-in deny revoked)" -gt $((denied + 100)) ]'
expect "and nothing arrived" same "$(came)" "$arrived"
for flood in "${floods[@]}"; do lab_kill "$flood"; done
for server in "${servers[@]}"; do
	expect "and of her connection to $server on which nobody says anything" \
		lab_wait 5 grep -qx "idle ConnectionResetError" "$LAB_DIR/read-revoked-$server"
done
expect "then her peer is gone" lab_wait 5 eval '! lab_in gateway wg show vpn0 peers | grep -q .'
expect "nobody inside reaches her" fails pings office "$(lab_address_of laptop 4)"
expect "nor by IPv6" fails pings office "$(lab_address_of laptop 6)"
for proto in tcp icmp icmp6; do
	expect "it is on record as revoked, with her name ($proto)" lab_wait 5 eval '[ -n "$(revoked $proto)" ]'
	expect "and how it ended ($proto)" is "the session is over: revoked" eval 'revoked $proto | field "r[\"message\"]"'
	expect "explain gives the record's own answer ($proto)" is True eval \
		'lab_gate explain --record "$(revoked $proto)" --json | field "r[\"same\"] and r[\"reproduced\"]"'
done
expect "the log is whole" lab_gate audit verify
expect_done
