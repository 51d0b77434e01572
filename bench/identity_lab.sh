#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The lab of `sallyport bench identity`: identity_lab.sh SOURCE-TREE. Says one line of JSON when it is ready, then
# does what it reads: "client" (the laptop's tunnel off and on), each answered with a line; and takes the lab down
# at the end of its input.
#
#    laptop 192.0.2.11 ── tunnel ── gateway: sallyportd, sallyport-vpnd, sallyport-portal ── office 10.30.2.9
#    phone  192.0.2.12, .101 to .116: many people            evil 192.0.2.31: the providers corp, many, never
set -u
LAB=${LAB:-sp-bench$$}
source "$1/tests/support/lab.sh"
source "$1/tests/support/portal.sh"
trap lab_down EXIT
exec 3>&1 >&2 # talk is for stderr

policy() {
	cat <<-'YAML'
	sallyport: 1
	roles:
	  engineer: { match: [ {idp: local, group: eng}, {idp: corp, group: eng}, {idp: many, group: eng}, {idp: never, group: eng} ] }
	networks:
	  office: 10.30.0.0/16
	  git:    10.30.2.9
	edge:
	  expose: [ {name: tunnel, to: self, service: udp/51820}, {name: portal, to: self, service: tcp/443} ]
	protect: [ {name: admin-ssh, from: office, to: self, service: tcp/22} ]
	rules:
	  - { name: probes, allow: {from: engineer, to: git, services: udp/5000} }
	YAML
}

lab_up_with_portal
for number in $(seq 101 116); do ip -n "$LAB-phone" address add "192.0.2.$number/24" dev eth0; done
cat >"$LAB_DIR/bends.json" <<-'JSON'
	{ "bends": [
		{ "name": "corp", "token": { "pending": 1 } },
		{ "name": "many", "people": 30000 },
		{ "name": "never", "token": { "status": 400, "json": { "error": "authorization_pending" } } }
	] }
JSON
lab_start_evil "$LAB_DIR/bends.json" || exit 1
while read -r name issuer _; do
	lab_provider_file "$name" "$issuer" "refresh: 1d"
done < <("${lab_evil[@]}" --list)
lab_start_daemon && lab_start_engine || exit 1
policy >"$LAB_DIR/policy.yaml"
lab_gate apply "$LAB_DIR/policy.yaml" >>"$LAB_DIR/apply.log" && lab_start_portal || exit 1
lab_wait 20 eval '[ $(lab_api stranger GET providers | grep -o "\"state\":\"ok\"" | wc -l) -ge 4 ]' || exit 1
lab_login laptop --idp corp --config "$LAB_DIR/laptop.conf" >>"$LAB_DIR/login.log" 2>&1 && lab_tunnel_up laptop || exit 1
printf '{"lab":"%s","folder":"%s","socket":"%s","portal_pid":%d,"daemon_pid":%d,"key":"%s","address":"%s"}\n' "$LAB" "$LAB_DIR" \
	"$LAB_ROOT/run/sallyport/control.sock" "$lab_portal_pid" "$lab_daemon_pid" "$(lab_key laptop)" "$(lab_address_of laptop 4)" >&3
while read -r word; do
	[ "$word" = client ] && lab_client_set laptop
	echo done >&3
done
