#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The packages on a Debian that has nothing else, under its own systemd: installed, a gateway run by its units, upgraded
# while a person is signed in, removed, purged; with the commands of docs/install.md as it prints them. Run by tests/package/packages.sh in a root of its own, where systemd is
# the first process, as root.
#
#   installed.sh --fetch FOLDER     before systemd is started and while there is a network: what apt will install
#   installed.sh FOLDER             of the .deb files
#
#   laptop 192.0.2.11 ──── wan0 192.0.2.1  (here)  lan0 10.30.0.1 ──── office 10.30.2.9
#                                                                       (10.30.9.4 is denied to everybody)
set -u
source "$(dirname "$0")/../support/expect.sh"
source "$(dirname "$0")/../support/page.sh"
source "$(dirname "$0")/lab.sh"
fetch() {
	local uri
	uri=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
		awk '$1 == "bookworm" && $2 == "main" && !n {n = 1; print $3}')
	echo "deb $uri bookworm-backports main" >/etc/apt/sources.list.d/backports.list
	apt_quiet update && apt_quiet install openresolv python3 curl iproute2 nftables procps kmod && apt_quiet install --download-only "$1"/sallyport-client_*.deb &&
		apt_quiet install --download-only -t bookworm-backports "$1"/sallyport_*.deb && apt_quiet install --download-only wireguard-tools
}
LAB_DIR=$(mktemp -d)
[ "$1" != --fetch ] || { fetch "$2" || { tail "$LAB_DIR/apt.log"; exit 75; }; exit 0; }

debs=$1
readonly UNITS=(sallyportd.service sallyport-vpnd@vpn0.service sallyport-portal.service sallyport-watchdog.service)
run() { same "$(state "${UNITS[@]}")" 'active '; }
restarts() { systemctl show -P NRestarts "${UNITS[@]}" | grep . | tr '\n' ' '; }
pid_of() { systemctl show -P MainPID "$1"; }
said() { journalctl -q --no-pager -o cat -u "$1" | grep -q -- "$2"; }

# ---- surroundings ----

surroundings() {
	ip link set lo up
	ip netns add laptop
	ip netns add office
	wire wan0 192.0.2.1/24 laptop 192.0.2.11/24
	wire lan0 10.30.0.1/16 office 10.30.2.9/16
	ip -n office address add 10.30.9.4/16 dev eth0
	ip route add default via 192.0.2.254
	mkdir "$LAB_DIR/www"
	web office 10.30.2.9 office.log
	web office 10.30.9.4 payroll.log
}
end() {
	local pid
	at laptop sallyport down --iface wg0 >/dev/null 2>&1
	for pid in "${helpers[@]}"; do kill "$pid" 2>/dev/null; done
}
trap end EXIT

# ---- what the page says ----

page=$(dirname "$0")/../../docs/install.md
known=(
	'CHECK_PACKAGE=1 ./check --only package' # runs this
	'apt install -t bookworm-backports ./sallyport_*_amd64.deb'
	'apt install ./sallyport-client_*_amd64.deb'
	'apt install ./sallyport_*.deb'
	'apt purge sallyport'
	'apt remove sallyport'
	'sallyport __complete'
	'sallyport apply /etc/sallyport/policy.yaml'
	'sallyport bench' # is of another package
	'sallyport detach --yes'
	'sallyport init'
	'sallyport login'
	'sallyport user add NAME --groups staff'
	'sallyportd --unload --yes'
	'systemctl enable --now sallyportd sallyport-vpnd@vpn0 sallyport-portal'
)
words=(apt sallyport sallyportd systemctl CHECK_PACKAGE=1)
expect "the page's commands are those tried here" same "$({ page_commands "$page" "${words[@]}"; page_quoted "$page" "${words[@]}"; } | LC_ALL=C sort -u)" \
	"$(printf '%s\n' "${known[@]}")"
# does COMMAND [MORE] : one of them, where the packages are; apt asks nothing and takes what lies ready
does() {
	local command
	command=$(sed -E "s/^apt (install|remove|purge)/apt-get -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends \\1/; s/_amd64/_$(dpkg --print-architecture)/; s/\\bNAME\\b/ana/" <<<"$1")
	(cd "${folder:-$debs}" && bash -c "$command ${2:-}") >>"$LAB_DIR/apt.log" 2>&1
}

# ---- a laptop's package, and a gateway's in its place ----

expect "a laptop's package installs" does 'apt install ./sallyport-client_*_amd64.deb'
expect "it signs in" grep -q '^  login ' <(sallyport --help)
expect "and is no gateway" fails sallyport apply /dev/null
expect "and loads no BPF" fails grep -q libbpf <(ldd /usr/bin/sallyport)
expect "the gateway's package installs in its place" does 'apt install -t bookworm-backports ./sallyport_*_amd64.deb'
expect "which the laptop's then has left" fails dpkg -s sallyport-client
expect "the users are made" id sallyport-portal sallyport-vpnd
expect "the portal reads idp.d by its group" same "$(stat -c '%a %G' /etc/sallyport/idp.d)" "2750 sallyport-portal"
expect "no engine without a cipher came with it" same "$(find / -xdev -path /proc -prune -o -name '*vpnd-null*' -print | grep -v "^$debs" | head -1)" ""
expect "the version is one" same "$(sallyport --version)" "sallyport $(dpkg-query -W -f '${Version}' sallyport | sed 's/+.*//')"
expect "nothing runs yet" same "$(state "${UNITS[@]}")" 'inactive '
expect "nor will after a boot" same "$(systemctl is-enabled "${UNITS[@]}" | sort -u)" disabled
oddities() { systemd-analyze verify --man=no "${UNITS[@]}" 2>&1 | grep -v FileDescriptorStorePreserve; } # since 254
expect "systemd finds nothing odd in the units" same "$(oddities)" ""

# ---- a gateway from what was installed ----

surroundings
expect "init writes a configuration" does 'sallyport init' '--yes --admin-from 10.30.0.0/16'
expect "the units are enabled and started at once" does 'systemctl enable --now sallyportd sallyport-vpnd@vpn0 sallyport-portal'
expect "a first person is added" does 'sallyport user add NAME --groups staff' "--password-fd 3 3<<<\"ana's secret\""
expect "completion is answered by the program" grep -q '^session' <(sallyport __complete ses)
sed -i '/^rules:/a\  - { name: payroll-closed, deny: {from: any, to: 10.30.9.4} }' /etc/sallyport/policy.yaml
sed -i '/^tests:/,$d' /etc/sallyport/policy.yaml
expect "the policy is applied" does 'sallyport apply /etc/sallyport/policy.yaml'
has_portal() { sallyport status --json | grep -q '"fingerprint"'; }
expect "the portal serves" wait_for has_portal
shown() { sallyport status --json | sed -n 's/.*"fingerprint": *"\([^"]*\)".*/\1/p'; } # the certificate's fingerprint
fingerprint=$(shown)
sign_in() {
	at laptop sallyport login https://192.0.2.1 --fingerprint "$fingerprint" --device laptop --idp local --user ana \
		--password-fd 3 3<<<"ana's secret"
}
up() { WG_QUICK_USERSPACE_IMPLEMENTATION=sallyport-vpnd at laptop sallyport up --iface wg0; }
expect "ana signs in" wait_for sign_in
expect "her tunnel comes up" up
expect "she reaches the office" wait_for get laptop 10.30.2.9
expect "not what is denied" fails get laptop 10.30.9.4
expect "all is well" wait_for sallyport status
confirmed() { # an apply that waits, and is confirmed from elsewhere
	local pid
	sallyport apply --confirm 60s /etc/sallyport/policy.yaml >>"$LAB_DIR/apt.log" 2>&1 &
	pid=$!
	wait_for sallyport confirm && wait $pid
}
expect "an apply waits to be confirmed: its watchdog came with sallyportd" confirmed
expect "and nothing had to be started twice" same "$(restarts)" "0 0 0 0 "

# ---- systemctl, while she is there ----

machine=/etc/sallyport/sallyport.yaml
cp $machine "$LAB_DIR/machine.yaml"
ip link add lan1 type veth peer name lan1-far && ip link set lan1 up && ip link set lan1-far up
sed -i 's/inside: *\[ *lan0/&, lan1/' $machine
lists_lan1() { sallyport status --json | grep -q '"lan1"'; }
expect "reload takes an interface that was added to sallyport.yaml" systemctl reload sallyportd
expect "programs sit on it" wait_for lists_lan1
sed -i 's/listen: 51820/listen: none/' $machine
expect "a fault makes the reload fail" fails systemctl reload sallyportd
expect "and the journal says where" said sallyportd 'sallyport.yaml:[0-9]*:[0-9]*'
expect "the daemon goes on" run
cp "$LAB_DIR/machine.yaml" $machine
expect "without the interface it is taken back" systemctl reload sallyportd
ip link delete lan1
expect "the engine reloads" systemctl reload sallyport-vpnd@vpn0
expect "she is still through" get laptop 10.30.2.9
certify() { # certify DAYS : a certificate as certbot leaves it, root's alone
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$1" -subj /CN=192.0.2.1 -addext subjectAltName=IP:192.0.2.1 \
		-keyout "$live/privkey.pem" -out "$live/fullchain.pem" 2>/dev/null
}
live=/etc/letsencrypt/live/gate
(umask 077 && mkdir -p $live && certify 90)
sed -i "s#^portal:#&\n  tls: { cert: $live/fullchain.pem, key: $live/privkey.pem }#" $machine
file_is_shown() { same "$(shown)" "$(openssl x509 -in $live/fullchain.pem -outform DER | sha256sum | cut -d' ' -f1)"; }
expect "the portal takes a certificate of root's" eval 'systemctl reload sallyportd && systemctl restart sallyport-portal && wait_for file_is_shown'
(umask 077 && certify 91)
expect "after a renewal, the hook that operations.md shows" bash -c "$(sed -n '/^#!\/bin\/sh/,/^```/p' "$(dirname "$0")/../../docs/operations.md" | grep -v '^```')"
expect "has the portal show the new one" wait_for file_is_shown

session() { sallyport session list --json | grep -oE '"(id|session)": *"?[0-9a-f]+' | sort | tr '\n' ' '; }
signed_in=$(session)
still_through() { wait_for get laptop 10.30.2.9 && same "$(session)" "$signed_in" && run; }
in_order() { local unit; for unit in "$@"; do systemctl restart "$unit" || return; done; }
expect "restarted, daemon first: she is through, by the same session" eval 'in_order "${UNITS[@]}" && still_through'
expect "the engine first" eval 'in_order "${UNITS[@]:1}" "${UNITS[0]}" && still_through'
expect "all at once" eval 'systemctl restart "${UNITS[@]}" && still_through'
has_table() { nft list table inet sallyport >/dev/null 2>&1; }
expect "stopped, all of them" systemctl stop "${UNITS[@]}"
expect "the kernel judges on" eval 'has_table && ip link show vpn0 >/dev/null'
expect "and started again" eval 'systemctl start "${UNITS[@]}" && still_through'
kill_one() { kill -KILL "$(pid_of "$1")" && wait_for eval "[ \$(systemctl show -P NRestarts $1) -gt ${2:-0} ]" && wait_for run; }
for unit in "${UNITS[@]}"; do
	expect "killed, $unit is started again" kill_one "$unit"
done
expect "and she is through" still_through

# as the unit has it, but in seconds instead of two minutes
mkdir -p /run/systemd/system/sallyportd.service.d
printf '[Service]\nWatchdogSec=4\n' >/run/systemd/system/sallyportd.service.d/soon.conf
expect "the unit has a watchdog" same "$(systemctl show -P WatchdogUSec sallyportd)" 2min
systemctl daemon-reload && systemctl restart sallyportd
hung=$(pid_of sallyportd)
kill -STOP "$hung"
expect "sallyportd hangs: she is through, for the kernel judges" get laptop 10.30.2.9
exchanged() { [ "$(pid_of sallyportd)" != "$hung" ] && run; }
expect "its watchdog ends it, and it is started again" wait_for exchanged
expect "the journal says so" said sallyportd 'Watchdog timeout'
rm -r /run/systemd/system/sallyportd.service.d
systemctl daemon-reload && systemctl restart sallyportd
expect "and she is through" still_through

# ---- the off switch, and back ----

expect "detach" does 'sallyport detach --yes'
gone() { ! has_table && ! ip link show vpn0 2>/dev/null && [ -z "$(find /sys/fs/bpf -name '*sallyport*')" ]; }
expect "nothing of it is in the kernel" gone
expect "systemd leaves sallyportd stopped, as no failure" wait_for eval '[ "$(systemctl is-active sallyportd)" = inactive ]'
expect "systemctl start puts it back" systemctl start sallyportd
expect "with her session" still_through
systemctl stop "${UNITS[@]}"
expect "what they left in the kernel is taken away" does 'sallyportd --unload --yes'
rm -rf /run/sallyport /run/wireguard/vpn0.sock
expect "as after a boot, what is enabled starts" systemctl start multi-user.target
expect "and she is through" still_through

# ---- upgraded while she is there ----

newer=$LAB_DIR/newer folder=$LAB_DIR/later
mkdir "$folder"
dpkg-deb -R "$debs"/sallyport_*.deb "$newer" && sed -i 's/^Version: .*/&+later/' "$newer/DEBIAN/control" &&
	dpkg-deb -b "$newer" "$folder/sallyport_later.deb" >/dev/null
: >"$LAB_DIR/payroll.log"
denials() { grep -c payroll-closed /var/log/sallyport/packets.jsonl; }
before=$(denials)
tried() { [ "$(denials)" -gt "$before" ]; }
while :; do get laptop 10.30.9.4; done &
probe_pid=$!
helpers+=($probe_pid)
pids() { systemctl show -P MainPID "${UNITS[@]}" | grep . | tr '\n' ' '; }
old_pids=$(pids)
expect "the upgrade installs" does 'apt install ./sallyport_*.deb'
other_pids() { local pid; for pid in $old_pids; do [[ " $(pids)" != *" $pid "* ]] || return 1; done; }
expect "all of them are started anew" eval 'other_pids && run'
expect "nothing was let go" has_table
expect "she reaches the office still, by the same session" still_through
expect "while she tried" wait_for tried
kill $probe_pid; wait $probe_pid 2>/dev/null
expect "no packet passed that may not, all the while" same "$(grep -c GET "$LAB_DIR/payroll.log")" 0
systemctl stop sallyport-portal
expect "an upgrade with the portal stopped" apt_quiet install --reinstall "$folder/sallyport_later.deb"
expect "leaves it stopped" same "$(state sallyport-portal)" "inactive "
systemctl start sallyport-portal

# ---- and taken away ----

expect "the package is removed" does 'apt remove sallyport'
expect "nothing of it is in the kernel" gone
expect "no service runs" same "$(systemctl list-units --state=active,activating,failed --no-legend 'sallyport*')" ""
expect "the configuration stays" test -s /etc/sallyport/policy.yaml
expect "it is purged" does 'apt purge sallyport'
left() { find /etc /usr /lib /var /run -xdev -name '*sallyport*' | grep -v "^$debs"; }
expect "nothing of it is left" same "$(left | tr '\n' ' ')" ""
expect "nor its users" fails id sallyport-portal
[ $expect_failed -eq 0 ] || journalctl -q --no-pager -o short-monotonic -u 'sallyport*' >"$LAB_DIR/journal.log"
expect_done
