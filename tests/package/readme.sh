#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# README.md followed to the letter by somebody with other names: other interfaces, networks, pool, port, people, roles and
# files. Files and commands are read from the page. Run behind installed.sh, in the same root.
#
#   readme.sh FOLDER     of the .deb files
#
#   home 198.51.100.11 ──── out7 198.51.100.1  (here)  in7 10.77.0.1 ──── works 10.77.2.9, payroll 10.77.9.4
set -u
debs=$1
source "$(dirname "$0")/../support/expect.sh"
source "$(dirname "$0")/../support/page.sh"
source "$(dirname "$0")/lab.sh"
readme=$(dirname "$0")/../../README.md
LAB_DIR=$(mktemp -d)
end() {
	local pid
	at home sallyport down >/dev/null 2>&1
	for pid in "${helpers[@]}"; do kill "$pid" 2>/dev/null; done
}
trap end EXIT

here() { # the page's names on stdin, this machine's on stdout
	sed -E 's/\bwan0\b/out7/g; s/\blan0\b/in7/g; s/\bvpn0\b/tun7/g; s/100\.64\.0\.0\/16/10.99.16.0\/20/; s/fd00:64::/fd99:7::/
		s/\b51820\b/41194/g; s/192\.0\.2\.0\/28/10.77.0.0\/24/; s/\b10\.30\./10.77./g; s/gate\.example\.org/door.example.net/g
		s/\bengineer\b/builder/g; s/\beng\b/crew/g; s/\bana\b/dora/g; s/\bpolicy\.yaml/access.yaml/g
		s/^apt install/apt-get -qq -y --no-install-recommends install/; s#\./build/deb/#'"$debs"'/#; s/^sudo //'
}
known=(
	'apt install -t bookworm-backports ./build/deb/sallyport_*.deb'
	'sallyport check /etc/sallyport/policy.yaml --gateway /etc/sallyport/sallyport.yaml'
	'systemctl daemon-reload'
	'systemctl enable --now sallyportd sallyport-vpnd@vpn0 sallyport-portal'
	'sallyport login https://gate.example.org'
	'sudo sallyport up'
	'sallyport status'
	'sallyport logout'
)
mapfile -t pages < <(page_commands "$readme" apt sallyport 'sudo sallyport' systemctl)
expect "the page's commands are those tried here" same "$(printf '%s\n' "${pages[@]}")" "$(printf '%s\n' "${known[@]}")"
quotes() { page_quoted "$readme" sallyport | grep -xF "$1" >/dev/null; }
does() { # does COMMAND [MORE] : as the page shows it, with this machine's names
	bash -c "$(here <<<"$1") ${2:-}" >"$LAB_DIR/said.log" 2>&1
}
does_at_home() { WG_QUICK_USERSPACE_IMPLEMENTATION=sallyport-vpnd at home bash -c "$(here <<<"$1") ${2:-}" >"$LAB_DIR/said.log" 2>&1; }
for command in 'sallyport user add ana --groups eng' 'sallyport apply /etc/sallyport/policy.yaml'; do
	expect "its text says: $command" quotes "$command"
done

for host in laptop office; do ip netns delete $host; done
ip link delete wan0
ip link delete lan0
ip netns add home
ip netns add works
wire out7 198.51.100.1/24 home 198.51.100.11/24
wire in7 10.77.0.1/16 works 10.77.2.9/16
ip -n works address add 10.77.9.4/16 dev eth0
ip route add default via 198.51.100.254
echo 198.51.100.1 door.example.net >>/etc/hosts
mkdir "$LAB_DIR/www"
web works 10.77.2.9 git.log
web works 10.77.9.4 payroll.log

expect "1: it is installed" does "${known[0]}"
page_yaml "$readme" 1 | here >/etc/sallyport/sallyport.yaml
page_yaml "$readme" 2 | here >/etc/sallyport/access.yaml
expect "3: the policy is one" does "${known[1]}"
expect "4: dora is added" does 'sallyport user add ana --groups eng' "--password-fd 3 3<<<'dora is here'"
expect "5: the services start" eval 'does "${known[2]}" && does "${known[3]}"'
expect "6: the policy is applied" does 'sallyport apply /etc/sallyport/policy.yaml'
fingerprint() { sallyport status --json | sed -n 's/.*"fingerprint": *"\([^"]*\)".*/\1/p'; }
expect "   the portal serves" wait_for eval '[ -n "$(fingerprint)" ]'
sign_in() {
	does_at_home 'sallyport login https://gate.example.org' "--fingerprint $(fingerprint) --idp local --user dora --password-fd 3 3<<<'dora is here'"
}
apt_quiet install wireguard-tools
expect "she signs in" wait_for sign_in
expect "and brings the tunnel up" does_at_home 'sudo sallyport up'
expect "she reaches git" wait_for get home 10.77.2.9
expect "and not payroll" fails get home 10.77.9.4
expect "for the reason the page gives" grep -q 'Payroll is reached through the bastion only\|payroll-closed' /var/log/sallyport/packets.jsonl
expect "the gateway's status has nothing amiss" wait_for does 'sallyport status'
expect "she takes the tunnel away" at home sallyport down
expect "and signs out" does_at_home 'sallyport logout'
expect "it is taken away" apt_quiet purge sallyport
[ $expect_failed -eq 0 ] || journalctl -q --no-pager -o short-monotonic -u 'sallyport*' >"$LAB_DIR/journal.log"
expect_done
