#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The packages on a Debian that has nothing else: installed, a gateway run from what is in them, upgraded while a person
# is signed in, removed, purged. Run by tests/package/packages.sh in a root of its own, as root.
#
#   installed.sh FOLDER     of the .deb files
#
#   laptop 192.0.2.11 ──── wan0 192.0.2.1  gw  lan0 10.30.0.1 ──── office 10.30.2.9
#                                                                    (10.30.9.4 is denied to everybody)
#
# There is no systemd in such a root: the services are the ExecStart lines of the installed units, started and stopped
# here as systemd would.
set -u
debs=$1
source "$(dirname "$0")/../support/expect.sh"
LAB_DIR=$(mktemp -d)
export DEBIAN_FRONTEND=noninteractive
apt_quiet() { apt-get -qq -y -o Dpkg::Use-Pty=0 "$@" >>"$LAB_DIR/apt.log" 2>&1; }
at() { local host=$1; shift; nsenter --net="/run/netns/$host" -- "$@"; }
wait_for() { # wait_for COMMAND… : until it succeeds; 60 s at the most
	local deadline=$((SECONDS + 60))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.1
	done
}

# ---- services ----

declare -A service_pid
start_unit() { # start_unit UNIT [INSTANCE] : its ExecStart, in the gateway's namespace
	local line
	line=$(sed -n 's/^ExecStart=//p' "/lib/systemd/system/$1")
	nsenter --net=/run/netns/gw -- ${line//%i/${2:-}} >>"$LAB_DIR/$1.log" 2>&1 </dev/null &
	service_pid[$1]=$!
}
stop_unit() {
	kill "${service_pid[$1]}" 2>/dev/null
	wait "${service_pid[$1]}" 2>/dev/null
}
start_gateway() {
	mkdir -p /run/wireguard # RuntimeDirectory=
	start_unit sallyportd.service
	start_unit sallyport-vpnd@.service vpn0
	start_unit sallyport-portal.service
}
serves() {
	local code
	at gw sallyport status --json >/dev/null
	code=$?
	[ $code -eq 0 ] || [ $code -eq 8 ]
}
has_portal() { at gw sallyport status --json | grep -q '"fingerprint"'; }

# ---- surroundings ----

wire() { # wire HOST IFACE ADDRESS PEER IFACE ADDRESS
	ip link add "$2" netns "$1" type veth peer name "$5" netns "$4"
	ip -n "$1" address add "$3" dev "$2"
	ip -n "$1" link set "$2" up
	ip -n "$4" address add "$6" dev "$5"
	ip -n "$4" link set "$5" up
}
web() { # web ADDRESS LOG : notes who was there
	nsenter --net=/run/netns/office -- python3 -m http.server --bind "$1" --directory "$LAB_DIR/www" 80 >>"$LAB_DIR/$2" 2>&1 &
	web_pids+=($!)
}
web_pids=()
get() { at "$1" curl -sf --noproxy '*' --max-time 3 "http://$2/" >/dev/null; }
surroundings() {
	local host
	for host in gw laptop office; do
		ip netns add $host
		ip -n $host link set lo up
	done
	wire gw wan0 192.0.2.1/24 laptop eth0 192.0.2.11/24
	wire gw lan0 10.30.0.1/16 office eth0 10.30.2.9/16
	ip -n office address add 10.30.9.4/16 dev eth0
	ip -n office route add default via 10.30.0.1
	ip -n laptop route add default via 192.0.2.1
	ip -n gw route add default via 192.0.2.254
	mkdir "$LAB_DIR/www"
	web 10.30.2.9 office.log
	web 10.30.9.4 payroll.log
	mount -t bpf bpf /sys/fs/bpf 2>/dev/null || true # as systemd does
}
end() {
	local pid
	at laptop sallyport down --iface wg0 >/dev/null 2>&1
	for pid in "${service_pid[@]}" "${web_pids[@]}" ${probe_pid:-}; do kill "$pid" 2>/dev/null; done
}
trap end EXIT

# ---- a laptop's package, and a gateway's in its place ----

uri=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
	awk '$1 == "bookworm" && $2 == "main" && !n {n = 1; print $3}')
echo "deb $uri bookworm-backports main" >/etc/apt/sources.list.d/backports.list
apt_quiet update && apt_quiet install --no-install-recommends python3 curl iproute2 nftables || exit 75

expect "a laptop's package installs" apt_quiet install --no-install-recommends "$debs"/sallyport-client_*.deb
expect "it signs in" grep -q '^  login ' <(sallyport --help)
expect "and is no gateway" fails sallyport apply /dev/null
expect "and loads no BPF" fails grep -q libbpf <(ldd /usr/bin/sallyport)
expect "the gateway's package installs in its place" apt_quiet install --no-install-recommends -t bookworm-backports "$debs"/sallyport_*.deb
expect "which the laptop's then has left" fails dpkg -s sallyport-client
expect "the users are made" id sallyport-portal sallyport-vpnd
expect "the portal reads idp.d by its group" same "$(stat -c '%a %G' /etc/sallyport/idp.d)" "2750 sallyport-portal"
expect "no engine without a cipher came with it" same "$(find / -xdev -path /proc -prune -o -name '*vpnd-null*' -print | grep -v "^$debs" | head -1)" ""
expect "the version is one" same "$(sallyport --version)" "sallyport $(dpkg-query -W -f '${Version}' sallyport | sed 's/+.*//')"

# ---- a gateway from what was installed ----

surroundings
expect "init writes a configuration" at gw sallyport init --yes --admin-from 10.30.0.0/16
start_gateway
expect "the daemon serves" wait_for serves
add_ana() { at gw sallyport user add ana --groups staff --password-fd 3 3<<<"ana's secret"; }
expect "a first person is added" add_ana
sed -i '/^rules:/a\  - { name: payroll-closed, deny: {from: any, to: 10.30.9.4} }' /etc/sallyport/policy.yaml
sed -i '/^tests:/,$d' /etc/sallyport/policy.yaml
expect "the policy is applied" at gw sallyport apply /etc/sallyport/policy.yaml
expect "the portal serves" wait_for has_portal
fingerprint=$(at gw sallyport status --json | sed -n 's/.*"fingerprint": *"\([^"]*\)".*/\1/p')
sign_in() {
	at laptop sallyport login https://192.0.2.1 --fingerprint "$fingerprint" --device laptop --idp local --user ana \
		--password-fd 3 3<<<"ana's secret"
}
up() { WG_QUICK_USERSPACE_IMPLEMENTATION=sallyport-vpnd at laptop sallyport up --iface wg0; }
apt_quiet install --no-install-recommends wireguard-tools
expect "ana signs in" wait_for sign_in
expect "her tunnel comes up" up
expect "she reaches the office" wait_for get laptop 10.30.2.9
expect "not what is denied" fails get laptop 10.30.9.4

# ---- upgraded while she is there ----

newer=$LAB_DIR/newer
dpkg-deb -R "$debs"/sallyport_*.deb "$newer" && sed -i 's/^Version: .*/&+later/' "$newer/DEBIAN/control" &&
	dpkg-deb -b "$newer" "$LAB_DIR/sallyport-later.deb" >/dev/null
: >"$LAB_DIR/payroll.log"
denials() { grep -c payroll-closed /var/log/sallyport/packets.jsonl; }
before=$(denials)
tried() { [ "$(denials)" -gt "$before" ]; }
while :; do get laptop 10.30.9.4; done &
probe_pid=$!
upgrade() { at gw dpkg -i "$LAB_DIR/sallyport-later.deb" >>"$LAB_DIR/apt.log" 2>&1; }
has_table() { at gw nft list table inet sallyport >/dev/null 2>&1; }
expect "the upgrade installs" upgrade
expect "nothing was let go" has_table
for unit in sallyportd.service sallyport-portal.service sallyport-vpnd@.service; do stop_unit $unit; done
start_gateway
expect "the new daemon serves" wait_for serves
expect "she reaches the office still, without a new sign-in" wait_for get laptop 10.30.2.9
expect "it is the same session" grep -q ana <(at gw sallyport session list)
expect "while she tried" wait_for tried
kill $probe_pid; wait $probe_pid 2>/dev/null
expect "no packet passed that may not, all the while" same "$(grep -c GET "$LAB_DIR/payroll.log")" 0

# ---- and taken away ----

expect "the package is removed" at gw apt-get -qq -y -o Dpkg::Use-Pty=0 remove sallyport
expect "its programs are out of the kernel" same "$(find /sys/fs/bpf -name '*sallyport*')" ""
expect "and its table" fails has_table
expect "and its tunnel interface" fails at gw ip link show vpn0
expect "the configuration stays" test -s /etc/sallyport/policy.yaml
for unit in "${!service_pid[@]}"; do stop_unit "$unit"; done
expect "it is purged" apt_quiet purge sallyport
left() { find /etc /usr /lib /var /run -xdev -name '*sallyport*' | grep -vE '^/usr/(share/doc/)?sallyport-client|/apt/|wireguard'; }
expect "nothing of it is left" same "$(left | tr '\n' ' ')" ""
expect "nor its users" fails id sallyport-portal
expect_done
