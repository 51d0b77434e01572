#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The portal alone against clients that mean no good: slow ones, many, oversized and ambiguous requests, plain
# HTTP on its port; then 10 000 sign-ins that nobody finishes. Each case ends by asking whether somebody else
# is still served. No gateway, no namespace: loopback addresses, a scripted provider.
set -u
source "$(dirname "$0")/../../tools/surroundings.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
portal=${LAB_BUILD:-$top/build}/src/portal/sallyport-portal
LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/sallyport-hardening.XXXXXX")
source "$top/tests/support/expect.sh"
end() {
	local pids
	pids=$(jobs -rp)
	[ -z "$pids" ] || kill $pids 2>/dev/null
	wait
	rm -rf "$LAB_DIR"
}
trap end EXIT

read -r PORTAL IDP < <(/usr/bin/python3 -c 'import socket
s = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(x.getsockname()[1] for x in s))')
root=$LAB_DIR/root
mkdir -p "$root/etc/sallyport/idp.d"
chmod 755 "$LAB_DIR"
cat >"$root/etc/sallyport/sallyport.yaml" <<-YAML
	sallyport: 1
	interfaces: { edge: [wan0], tunnel: vpn0 }
	portal: { listen: "127.0.0.1:$PORTAL", url: "https://localhost:$PORTAL", user: 65534 }
YAML
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=idp -addext "subjectAltName=IP:127.0.0.1" \
	-keyout "$LAB_DIR/idp.key" -out "$root/etc/sallyport/idp.d/ca.pem" 2>/dev/null
cat >"$root/etc/sallyport/idp.d/corp.yaml" <<-YAML
	type: oidc
	issuer: "https://127.0.0.1:$IDP"
	client-id: gate
	ca: ca.pem
YAML
# ana, "correct horse"
cat >"$root/etc/sallyport/idp.d/local.yaml" <<-'YAML'
	type: local
	users:
	  ana: { password: "$argon2id$v=19$m=19456,t=2,p=1$//3KCLASrQlcjM8icAR9mg$vlcpW6PeDU7CqqJgJwQ2naK8aj3y4Ylo7frrzNTpF9Y", groups: [eng] }
YAML
/usr/bin/python3 "$top/tests/support/still_provider.py" "$IDP" "$root/etc/sallyport/idp.d/ca.pem" "$LAB_DIR/idp.key" \
	>"$LAB_DIR/idp.log" 2>&1 &
"$portal" --root "$root" >"$LAB_DIR/portal.log" 2>&1 &
pid=$!
attack() { /usr/bin/python3 "$top/tests/support/bad_https.py" "$PORTAL" "$@"; }
rss_kb() { awk '/VmRSS/ { print $2 }' "/proc/$pid/status"; }
wait_for() { # wait_for COMMAND… : within 20 s
	for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
	return 1
}

expect 'it serves, without a gateway' wait_for attack served
expect 'its provider is known' wait_for attack provider ok
if [ "$(id -u)" = 0 ]; then
	expect 'it is somebody else' grep -qP '^Uid:\t65534\t65534\t65534\t65534' "/proc/$pid/status"
	expect 'its key is its own' same "$(stat -c '%u %a' "$root/var/lib/sallyport/portal/key" "$root/var/lib/sallyport/tls/key.pem" | sort -u)" '65534 600'
fi
expect 'it has no capability' same "$(awk '/^Cap(Prm|Eff|Inh|Amb)/ { print $2 }' "/proc/$pid/status" | sort -u)" 0000000000000000
expect 'it can gain none' grep -qP '^NoNewPrivs:\t1' "/proc/$pid/status"
expect 'its calls are filtered' grep -qP '^Seccomp:\t2' "/proc/$pid/status"
expect 'a sign-in without a gateway says so' attack no_gateway

for case in no_token smuggling lengths headers bodies hosts methods addresses queries kinds asset heads twice not_json plain_http garbage pipelined; do
	expect "$case" attack $case
	expect "  others are served after it" attack served
done
expect 'a byte a second holds a connection for 10 s, no longer' attack slow_headers
expect 'nor does a body' attack slow_body
expect 'nor silence' attack silence
expect 'one address has 64 connections, and no more' attack connections
expect '600 slow connections from many addresses keep nobody out' attack slow_crowd
expect 'all of them went' wait_for attack few_descriptors "$pid"

before=$(rss_kb)
expect '10 000 unfinished sign-ins' attack unfinished 10000
after=$(rss_kb)
echo "     resident: $before KiB before, $after KiB with them"
expect 'they take bounded memory: under 64 MiB' [ "$after" -lt 65536 ]
expect 'the provider is left alone while nobody asks' attack provider ok
expect 'and a real one begins and polls' attack unfinished 1
expect 'nothing was said twice' [ "$(wc -l <"$LAB_DIR/portal.log")" -lt 40 ]
kill "$pid"
expect 'it ends when told to' wait "$pid"
expect_done
