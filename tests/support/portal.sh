# SPDX-License-Identifier: GPL-3.0-or-later
# Signing in, in a lab: a portal on the gateway, identity providers behind the bridge, people at their
# devices. Sourced behind lab.sh, before lab_up_with_portal.
#
#    laptop, phone, stranger ──┐
#      idp 192.0.2.30 ─────────┼── internet ── wan0 192.0.2.1:443 sallyport-portal
#     evil 192.0.2.31 ─────────┘                      (uid 65534, nobody; in a real machine sallyport-portal)
#
# The providers speak https with certificates of the lab's authority, $LAB_DIR/ca.pem; the portal makes its
# own, which clients know by its fingerprint.

source "$(dirname "${BASH_SOURCE[0]}")/expect.sh"

LAB_HOSTS+=(idp evil)
LAB_PORTAL_USER=65534 # nobody
LAB_PORTAL=https://192.0.2.1
LAB_IDP=https://192.0.2.30
LAB_IDP_OPTIONS=() # of provider.mjs
lab_providers=$LAB_ROOT/etc/sallyport/idp.d

lab_up_with_portal() {
	lab_up || return
	lab_wire idp eth0 192.0.2.30/24 2001:db8:1::30/64
	lab_wire evil eth0 192.0.2.31/24 2001:db8:1::31/64
	lab_make_authority
	cat >>"$LAB_ROOT/etc/sallyport/sallyport.yaml" <<-YAML
		portal: { listen: "192.0.2.1:443", url: "$LAB_PORTAL", user: $LAB_PORTAL_USER }
	YAML
	mkdir -p "$lab_providers"
	cp "$LAB_DIR/ca.pem" "$lab_providers/lab-ca.pem"
	lab_local_file
	chgrp -R "$LAB_PORTAL_USER" "$lab_providers" # what `sallyport user` writes is for the group alone
}

# ---- certificates ----

lab_make_authority() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=the lab" -addext basicConstraints=critical,CA:TRUE \
		-keyout "$LAB_DIR/ca.key" -out "$LAB_DIR/ca.pem" 2>/dev/null
}

# lab_certificate FOLDER NAME ADDRESS [DAYS [AUTHORITY]] : NAME.pem and NAME.key for that address
lab_certificate() {
	local at=$1/$2 authority=${5:-$LAB_DIR/ca}
	mkdir -p "$1"
	openssl req -new -newkey rsa:2048 -nodes -subj "/CN=$2" -keyout "$at.key" -out "$at.csr" 2>/dev/null
	openssl x509 -req -in "$at.csr" -CA "$authority.pem" -CAkey "$authority.key" -CAcreateserial -days "${4:-2}" \
		-extfile <(echo "subjectAltName=IP:$3") -out "$at.pem" 2>/dev/null
}

# ---- the files of the gateway ----

# lab_provider_file NAME ISSUER [LINE…] : an OpenID provider of idp.d
lab_provider_file() {
	local name=$1 issuer=$2
	shift 2
	{
		printf 'type: oidc\nissuer: "%s"\nclient-id: sallyport\nca: lab-ca.pem\n' "$issuer"
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"$lab_providers/$name.yaml"
}

# ana and bob, with the passwords "ana's secret" and "bob's secret"
lab_local_file() {
	cat >"$lab_providers/local.yaml" <<-YAML
		type: local
		users:
		  ana: { password: "$(lab_hash "ana's secret")", groups: [eng] }
		  bob: { password: "$(lab_hash "bob's secret")", groups: [vendors] }
	YAML
}

# The Argon2id hash of a password, as `sallyport user` would write it.
lab_hash() {
	/usr/bin/python3 - "$1" <<-'PY'
	import ctypes, ctypes.util, sys
	sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
	password, text = sys.argv[1].encode(), ctypes.create_string_buffer(128)
	assert sodium.sodium_init() >= 0
	assert sodium.crypto_pwhash_str(text, password, ctypes.c_ulonglong(len(password)), ctypes.c_ulonglong(2), ctypes.c_size_t(19 << 20)) == 0
	print(text.value.decode())
	PY
}

# Engineers reach git, vendors nothing; both by local password, at corp, and at each PROVIDER named. In
# $LAB_SESSION what a role's session is like.
lab_people_policy() { # lab_people_policy [PROVIDER…]
	local idp engineers="" vendors=""
	for idp in local corp "$@"; do
		engineers+="{idp: $idp, group: eng}, "
		vendors+="{idp: $idp, group: vendors}, "
	done
	cat <<-YAML
		sallyport: 1
		roles:
		  engineer:   { match: [ ${engineers%, } ], session: ${LAB_SESSION:-{max: 10h\}} }
		  contractor: { match: [ ${vendors%, } ], session: ${LAB_SESSION:-{max: 10h\}} }
		networks:
		  office: 10.30.0.0/16
		  git:    10.30.2.9
		services:
		  ssh: tcp/22
		edge:
		  expose: [ {name: tunnel, to: self, service: udp/51820}, {name: portal, to: self, service: tcp/443} ]
		protect: [ {name: admin-ssh, from: office, to: self, service: ssh} ]
		rules:
		  - { name: eng-git, allow: {from: engineer, to: git, services: [tcp/80, icmp/echo, udp/5000-5009]} }
		  - { name: own-portal, allow: {from: [engineer, contractor], to: self, services: tcp/443} }
	YAML
}

# Everything but the providers: both processes, the policy, the portal, the git server.
lab_portal_ready() { # lab_portal_ready [PROVIDER…]
	lab_start_web office 10.30.2.9 80 "the git server" && lab_start_daemon && lab_start_engine &&
		lab_people_policy "$@" >"$LAB_DIR/policy.yaml" &&
		lab_gate apply "$LAB_DIR/policy.yaml" >>"$LAB_DIR/apply.log" && lab_start_portal
}

# ---- processes ----

lab_start_portal() {
	lab_run gateway portal.log sallyport-portal --root "$LAB_ROOT"
	lab_portal_pid=$lab_pid
	lab_wait 15 lab_portal_answers || { tail -5 "$LAB_DIR/portal.log" >&2; return 1; }
	lab_wait 15 lab_portal_is_known # it serves people before sallyportd has heard of it
}
lab_portal_is_known() {
	lab_fingerprint=$(lab_gate status --json | field "(r['portal'] or {}).get('fingerprint') or ''" 2>/dev/null) &&
		[ -n "$lab_fingerprint" ]
}

lab_portal_answers() { lab_api stranger GET providers; }

# lab_api HOST METHOD PATH [JSON [TOKEN]] : the answer's body; fails unless it is a 2xx. Whose server it is does not
# matter here.
lab_api() {
	local words=(-s --max-time 30 --noproxy '*' -k -X "$2" -o "$LAB_DIR/$1.answer" -w '%{http_code}')
	[ -z "${4:-}" ] || words+=(-H 'Content-Type: application/json' -d "$4")
	[ -z "${5:-}" ] || words+=(-H "Authorization: Bearer $5")
	: >"$LAB_DIR/$1.answer"
	lab_in "$1" curl "${words[@]}" "$LAB_PORTAL/api/v1/$3" >"$LAB_DIR/$1.status"
	cat "$LAB_DIR/$1.answer"
	[[ $(lab_status "$1") = 2* ]]
}

lab_status() { cat "$LAB_DIR/$1.status"; } # of the last answer to HOST

# oidc-provider on the host idp. Its keys are new each time; what it granted is kept over a restart.
lab_start_idp() {
	local node
	node=$(cd "$lab_top" && tools/node) || return 1
	[ -f "$LAB_DIR/idp/idp.pem" ] || lab_certificate "$LAB_DIR/idp" idp 192.0.2.30
	lab_run idp idp.log "$node" "$lab_top/tests/idp/provider.mjs" --issuer "$LAB_IDP" --listen 192.0.2.30:443 \
		--cert "$LAB_DIR/idp/idp.pem" --key "$LAB_DIR/idp/idp.key" --state "$LAB_DIR/idp/state.json" \
		--admin 127.0.0.1:9000 "${LAB_IDP_OPTIONS[@]}"
	lab_idp_pid=$lab_pid
	lab_wait 20 lab_in idp curl -sf --noproxy '*' --cacert "$LAB_DIR/ca.pem" "$LAB_IDP/.well-known/openid-configuration"
}

# lab_idp groups ana eng,ops | revoke ana | delay 500 : what its administrator does
lab_idp() { lab_in idp curl -sf --noproxy '*' -d "${3:-}" "http://127.0.0.1:9000/$1/$2"; }

# The evil provider on the host evil, with the bends of a file.
lab_start_evil() { # lab_start_evil BENDS
	local node
	node=$(cd "$lab_top" && tools/node) || return 1
	lab_certificate "$LAB_DIR/evil" good 192.0.2.31
	lab_certificate "$LAB_DIR/evil" name 192.0.2.99
	lab_certificate "$LAB_DIR/evil" old 192.0.2.31 -1
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=another lab" -addext basicConstraints=critical,CA:TRUE \
		-keyout "$LAB_DIR/evil/other-ca.key" -out "$LAB_DIR/evil/other-ca.pem" 2>/dev/null
	lab_certificate "$LAB_DIR/evil" stranger 192.0.2.31 2 "$LAB_DIR/evil/other-ca"
	lab_evil=("$node" "$lab_top/tests/idp/evil.mjs" --address 192.0.2.31 --certs "$LAB_DIR/evil" --bends "$1")
	lab_run evil evil.log "${lab_evil[@]}"
	lab_evil_pid=$lab_pid
	lab_wait 20 grep -q listening "$LAB_DIR/evil.log"
}

# ---- people ----

# lab_login HOST [OPTIONS…] : sallyport login on that host, each host with a folder of its own
lab_login() {
	local host=$1
	shift
	lab_in "$host" sallyport login "$LAB_PORTAL" --fingerprint "$lab_fingerprint" --state "$LAB_DIR/$host-state" \
		--device "$host" "$@"
}

# lab_login_local HOST USER [OPTIONS…] : with the password of lab_local_file
lab_login_local() {
	local host=$1 user=$2
	shift 2
	lab_login "$host" --idp local --user "$user" --password-fd 3 "$@" 3<<<"$user's secret"
}

# lab_login_at HOST IDP USER [OPTIONS…] : at a provider, whose page USER approves (scripted)
lab_login_at() {
	local host=$1 idp=$2 user=$3 log="$LAB_DIR/$1-login.log" pid
	shift 3
	: >"$log"
	lab_login "$host" --idp "$idp" --json "$@" >"$log.out" 2>"$log" &
	pid=$!
	lab_wait 20 lab_is_asked "$log" "$pid" && lab_approve "$host" "$user" "$log"
	wait "$pid"
}

lab_is_asked() { grep -q '"prompt"' "$1" || ! lab_lives "$2"; }

# lab_approve HOST USER LOG [OPTIONS…] : what the person does in a browser on that host
lab_approve() {
	local host=$1 user=$2 log=$3 prompt
	shift 3
	prompt=$(grep -m1 '"prompt"' "$log") || return 1
	lab_in "$host" /usr/bin/python3 "$lab_top/tests/idp/approve.py" --ca "$LAB_DIR/ca.pem" --user "$user" "$@" \
		"$(field "r['verification_uri']" <<<"$prompt")" "$(field "r['user_code']" <<<"$prompt")"
}

# lab_client HOST VERB… : our client as root there, its sockets and files apart from other hosts'
lab_client() {
	local host=$1
	shift
	mkdir -p "$LAB_DIR/$host-sockets" "$LAB_DIR/$host-root"
	lab_in "$host" "$lab_top/tests/support/with-sockets" "$LAB_DIR/$host-sockets" \
		sallyport "$@" --root "$LAB_DIR/$host-root"
}

# lab_client_up HOST : the tunnel of its last login, as wg0 by wg-quick; what it is goes into $LAB_DIR/HOST.conf
lab_client_up() {
	lab_client "$1" up --state "$LAB_DIR/$1-state" --iface wg0 >>"$LAB_DIR/$1-up.log" 2>&1 || return 1
	cp "$LAB_DIR/$1-state"/*/tunnel.conf "$LAB_DIR/$1.conf"
	lab_client_widen "$1"
}

# lab_client_widen HOST : the networks its person adds by hand, in the engine of lab_client_up
lab_client_widen() {
	local peer prefixes prefix
	read -r peer prefixes < <(lab_client_wg "$1" show wg0 allowed-ips)
	lab_client_wg "$1" set wg0 peer "$peer" allowed-ips "${prefixes// /,},$(lab_routes)" || return 1
	for prefix in "${LAB_ROUTES[@]}"; do ip -n "$LAB-$1" route replace "$prefix" dev wg0; done
}
lab_client_wg() { lab_in "$1" "$lab_top/tests/support/with-sockets" "$LAB_DIR/$1-sockets" wg "${@:2}"; }

lab_client_down() { lab_client "$1" down --iface wg0; } # before lab_down: its engine is nobody's child

lab_token() { field "r['token']" <"$(echo "$LAB_DIR/$1-state"/*/session.json)"; } # what HOST's client keeps

lab_key() { sed -n 's/^PrivateKey = //p' "$LAB_DIR/$1.conf" | wg pubkey; } # the public one of HOST's device

# Newest audit record of that event: lab_record EVENT [USER]
lab_record() { lab_gate audit --json --event "$1" ${2:+--user "$2"} --limit 1; }

# lab_sessions USER : how many are live
lab_sessions() { lab_gate session list --user "$1" --json | grep -c '"live"'; }

# In one of three attempts: a busy machine may not answer the first in its two seconds.
lab_reaches() { local i; for i in 1 2 3; do lab_get "$1" http://10.30.2.9/ >/dev/null && return; done; return 1; }
lab_refused() { ! lab_reaches "$1"; }
