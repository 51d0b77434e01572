#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# sallyport init on a router that is in use: its answers at a terminal, the two files it writes, and a gateway made of
# nothing else. What the office reached it still reaches, the administrator's ssh stays open, and a person who signs in
# reaches the office.
#
#      laptop ──┐                        gateway, nothing configured
#      phone  ──┼── internet ── wan0 (default route by the stranger) ── lan0 ── office
#   stranger  ──┘   who has 9.9.9.9 too
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$(dirname "$0")/../support/portal.sh"
trap lab_down EXIT
LAB_HOSTS+=(new) # a machine of the office that has no address yet

lab_up
etc=$LAB_ROOT/etc/sallyport
rm -r "$etc"
lab_in stranger ip address add 9.9.9.9/32 dev lo
lab_in stranger ip route add 10.30.0.0/16 via 192.0.2.1
lab_in gateway ip route add default via 192.0.2.66
lab_in gateway sysctl -qw net.ipv4.ip_forward=1
lab_start_web stranger 9.9.9.9 80 "the internet"
lab_start_web gateway 192.0.2.1 22 "the administrator's way in"
lab_start_web office 10.30.2.9 80 "the git server"
lab_wait 5 lab_get office http://9.9.9.9

# At a terminal: Enter takes what was found; the name is typed.
answer() { # answer LOG COMMAND… : with the answers of stdin, one for each question
	/usr/bin/python3 - "$@" 3<&0 <<-'PY'
	import os, pty, sys
	answers = open(3).read().split("\n")
	log, command = open(sys.argv[1], "wb"), sys.argv[2:]
	pid, end = pty.fork()
	if pid == 0:
	    os.execvp(command[0], command)
	seen = b""
	while True:
	    try:
	        part = os.read(end, 4096)
	    except OSError:
	        break
	    if not part:
	        break
	    seen += part
	    log.write(part)
	    if seen.endswith(b": ") and answers:
	        os.write(end, answers.pop(0).encode() + b"\n")
	        seen = b""
	sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	PY
}
asked() {
	printf '\n\ngate.example.org\n\n\n' | (
		export SSH_CONNECTION="192.0.2.12 50222 192.0.2.1 22"
		answer "$LAB_DIR/init.log" nsenter --net="/run/netns/$LAB-gateway" sallyport init --root "$LAB_ROOT"
	)
}
expect "init asks, writes and checks" asked
expect "it found the interfaces" grep -q 'interface to the internet \[wan0\]' "$LAB_DIR/init.log"
expect "it ends with the next command" grep -q "sallyport apply $etc/policy.yaml" "$LAB_DIR/init.log"
expect "the typed name is in the file" grep -q 'endpoint: "gate.example.org"' "$etc/sallyport.yaml"
expect "nobody else reads them" same "$(stat -c %a "$etc/sallyport.yaml" "$etc/policy.yaml" | tr '\n' ' ')" "640 640 "
cp "$etc/policy.yaml" "$LAB_DIR/first.yaml"
again() { lab_gate init --yes "$@" >"$LAB_DIR/again.log" 2>&1; }
expect "what is there is not written over" fails again
expect "and is whole" cmp -s "$etc/policy.yaml" "$LAB_DIR/first.yaml"
export SSH_CONNECTION="192.0.2.12 50222 192.0.2.1 22"
expect "by force it is, and kept beside" again --force
expect "as it was" cmp -s "$etc/policy.yaml.before-init" "$LAB_DIR/first.yaml"
other=$LAB_DIR/other
chosen() {
	lab_in gateway sallyport init --yes --root "$other" --edge wan0 --inside none --pool 100.80.0.0/16 \
		--portal-name gate.example.org --admin-from 198.51.100.0/24 >"$LAB_DIR/chosen.log" 2>&1
}
expect "each choice may be an option" chosen
expect "and stands in the files" grep -qE 'edge:.*wan0' "$other/etc/sallyport/sallyport.yaml"
for word in 100.80.0.0/16 gate.example.org; do
	expect "$word too" grep -q "$word" "$other/etc/sallyport/sallyport.yaml"
done
expect "the way in of administrators" grep -q 198.51.100.0/24 "$other/etc/sallyport/policy.yaml"
expect "no inner interface" fails grep -q lan0 "$other/etc/sallyport/sallyport.yaml"
unset SSH_CONNECTION
expect "a pool in use is refused" fails again --force --pool 10.30.64.0/20

sed -i "s/^portal:/portal:\n  user: $LAB_PORTAL_USER/" "$etc/sallyport.yaml"
lab_start_daemon && lab_start_engine
mkdir -p "$lab_providers"
add_ana() { lab_gate user add ana --groups staff --password-fd 3 3<<<"ana's secret" >/dev/null; }
expect "a first person is added" add_ana
chgrp -R "$LAB_PORTAL_USER" "$lab_providers"
apply() { lab_gate apply "$etc/policy.yaml" >"$LAB_DIR/apply.log"; }
expect "the policy is applied without --force" apply
lab_start_portal
expect "the office reaches the internet as before" lab_wait 4 lab_get office http://9.9.9.9
expect "and its router by ping" lab_in office ping -q -c1 -W2 10.30.0.1
cat >"$LAB_DIR/dhcp.py" <<-'PY'
	import socket, sys
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
	if sys.argv[1] == "server":
	    s.bind(("", 67))
	    print("heard", s.recvfrom(100), flush=True)
	else:
	    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"new0")
	    s.bind(("", 68))
	    s.sendto(b"discover", ("255.255.255.255", 67))
PY
lab_run gateway dhcp.log /usr/bin/python3 "$LAB_DIR/dhcp.py" server
ip -n "$LAB-office" link add new0 link eth0 netns "$LAB-new" type macvlan mode bridge
lab_in new ip link set new0 up
lab_in new ip route add 255.255.255.255 dev new0
discovered() { lab_in new /usr/bin/python3 "$LAB_DIR/dhcp.py" client && grep -q "heard.*'0.0.0.0'" "$LAB_DIR/dhcp.log"; }
expect "who has no address yet reaches the DHCP server of the gateway" lab_wait 4 discovered
expect "the administrator's way in stays open" lab_wait 4 lab_get phone http://192.0.2.1:22
expect "to nobody else" fails lab_get laptop http://192.0.2.1:22
expect "ana signs in" lab_login_local laptop ana --config "$LAB_DIR/laptop.conf"
expect "her tunnel comes up" lab_tunnel_up laptop
expect "she reaches the office" lab_wait 4 lab_get laptop http://10.30.2.9
expect "a stranger does not" fails lab_get stranger http://10.30.2.9
expect_done
