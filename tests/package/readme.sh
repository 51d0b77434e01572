#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# README.md followed to the letter by somebody with other names: other interfaces, networks, pool, port, people, roles and
# files. Files and commands are read from the page. Run behind installed.sh, in the same root.
#
#   readme.sh FOLDER     of the .deb files
#
#   home 198.51.100.11, login.example.net 198.51.100.12 ──── out7 198.51.100.1  (here)  in7 10.77.0.1 ──── works 10.77.2.9, payroll 10.77.9.4
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
		s/\b51820\b/41194/g; s/192\.0\.2\.0\/28/10.77.0.0\/24/; s/\b10\.30\./10.77./g; s/gate\.example\.org/door.example.net/g; s/login\.example\.org/login.example.net/g
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
does() { # does COMMAND [MORE] : as the page shows it, with this machine's names
	bash -c "$(here <<<"$1") ${2:-}" >"$LAB_DIR/said.log" 2>&1
}
does_at_home() { WG_QUICK_USERSPACE_IMPLEMENTATION=sallyport-vpnd at home bash -c "$(here <<<"$1") ${2:-}" >"$LAB_DIR/said.log" 2>&1; }
quoted=(
	'sallyport apply --confirm 60s FILE'
	'sallyport apply /etc/sallyport/policy.yaml'
	'sallyport audit -f'
	'sallyport bench' # not of the gateway's package
	'sallyport confirm'
	'sallyport doctor'
	'sallyport explain'
	'sallyport idp test corp'
	'sallyport init'
	'sallyport peer add'
	'sallyport peer config'
	'sallyport plan'
	'sallyport session open'
	'sallyport session revoke'
	'sallyport status'
	'sallyport user add ana --groups eng'
)
expect "and those its text names" same "$(page_quoted "$readme" sallyport | LC_ALL=C sort -u)" "$(printf '%s\n' "${quoted[@]}")"

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
ip -n home address add 198.51.100.12/24 dev eth0
echo 198.51.100.12 login.example.net >>/etc/hosts
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=login.example.net -addext subjectAltName=DNS:login.example.net \
	-keyout "$LAB_DIR/login.key" -out /usr/local/share/ca-certificates/login.crt 2>/dev/null
update-ca-certificates >/dev/null 2>&1
at home python3 "$(dirname "$0")/../support/still_provider.py" 443 /usr/local/share/ca-certificates/login.crt "$LAB_DIR/login.key" 198.51.100.12 https://login.example.net &
helpers+=($!)

expect "1: it is installed" does "${known[0]}"
does 'sallyport doctor' # exits 8 where something is lacking
expect "doctor looks at the machine" grep -q "^ok *xdp" "$LAB_DIR/said.log"
expect "1: init writes the first files" does 'sallyport init' "--yes --admin-from 10.77.0.0/24 --root '$LAB_DIR/init'"
expect "   that are ones" sallyport check "$LAB_DIR/init/etc/sallyport/policy.yaml" --gateway "$LAB_DIR/init/etc/sallyport/sallyport.yaml"
page_yaml "$readme" 1 | here >/etc/sallyport/sallyport.yaml
page_yaml "$readme" 2 | here >/etc/sallyport/access.yaml
expect "3: the policy is one" does "${known[1]}"
expect "   explain answers" eval 'does "sallyport explain" "/etc/sallyport/access.yaml --from role:builder --to 10.77.2.9:80" && grep -q "^ALLOW .*rule crew-git" "$LAB_DIR/said.log"'
page_yaml "$readme" 3 | here >/etc/sallyport/idp.d/corp.yaml
expect "4: the provider is reached" does 'sallyport idp test corp'
expect "   dora is added" does 'sallyport user add ana --groups eng' "--password-fd 3 3<<<'dora is here'"
expect "5: the services start" eval 'does "${known[2]}" && does "${known[3]}"'
expect "6: the policy is applied" does 'sallyport apply /etc/sallyport/policy.yaml'
expect "   and would change nothing again" does 'sallyport plan' /etc/sallyport/access.yaml
fingerprint() { sallyport status --json | sed -n 's/.*"fingerprint": *"\([^"]*\)".*/\1/p'; }
expect "   the portal serves" wait_for eval '[ -n "$(fingerprint)" ]'
offers_corp() { curl -sk --noproxy '*' https://door.example.net/api/v1/providers | grep -q '"corp"'; }
expect "   and offers the provider of the page" wait_for offers_corp
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

# ---- step 7: carl, by an administrator ----

(umask 077 && wg genkey >"$LAB_DIR/carl.key")
carl="--user carl --idp local"
expect "7: his device is enrolled" does 'sallyport peer add' "--name phone $carl --pubkey $(wg pubkey <"$LAB_DIR/carl.key")"
expect "   the file for his app" does 'sallyport peer config' phone
(umask 077 && awk -v key="$(cat "$LAB_DIR/carl.key")" '/^PrivateKey/ {print "PrivateKey = " key; next} {print}' "$LAB_DIR/said.log" >"$LAB_DIR/carl0.conf")
carl_up() { WG_QUICK_USERSPACE_IMPLEMENTATION=sallyport-vpnd at home wg-quick up "$LAB_DIR/carl0.conf" >"$LAB_DIR/said.log" 2>&1; }
expect "   which wg-quick takes" carl_up
expect "   without a session he reaches nothing" fails get home 10.77.2.9
expect "   it lets him pass" does 'sallyport session open' "$carl --groups crew --device phone --pubkey $(wg pubkey <"$LAB_DIR/carl.key")"
expect "   he reaches git" wait_for get home 10.77.2.9
expect "   the gateway says why" eval 'does "sallyport explain" "--from carl --to 10.77.9.4:80" && grep -q payroll-closed "$LAB_DIR/said.log"'
sallyport audit -f >"$LAB_DIR/follows.log" 2>&1 &
helpers+=($!)
refused_as_shown() { ! get home 10.77.2.9:22 && grep -q 'deny *carl.* -> 10.77.2.9:22 ' "$LAB_DIR/follows.log"; }
expect "   what is refused is shown while it happens" wait_for refused_as_shown
expect "   revoked" does 'sallyport session revoke' carl
expect "   he reaches nothing" fails get home 10.77.2.9
at home wg-quick down "$LAB_DIR/carl0.conf" >/dev/null 2>&1
expect "it is taken away" apt_quiet purge sallyport
[ $expect_failed -eq 0 ] || journalctl -q --no-pager -o short-monotonic -u 'sallyport*' >"$LAB_DIR/journal.log"
expect_done
