#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# From source, as docs/install.md says: what is built in build/ is installed, and a gateway run from it by its units'
# commands. Folders, network and processes are its own: all that is written lies over this machine's, and goes with it.
set -u
cd "$(dirname "$(readlink -f "$0")")/../.." || exit
source tools/surroundings.sh
source tests/support/expect.sh
source tests/support/page.sh
page=$PWD/docs/install.md
if [ "${1:-}" != --inside ]; then
	unshare --mount --net --pid --fork true 2>/dev/null || { echo "skip: it takes namespaces of its own"; exit 77; }
	exec unshare --mount --net --pid --fork --kill-child --mount-proc bash "$0" --inside
fi

LAB_DIR=$(mktemp -d)
trap 'umount -l "$LAB_DIR"; rmdir "$LAB_DIR"' EXIT
mount -t tmpfs -o mode=755 none "$LAB_DIR"
overlay() { # overlay FOLDER : what is written there is kept aside
	local aside=$LAB_DIR/$1
	mkdir -p "$aside/upper" "$aside/work" && mount -t overlay overlay -o "lowerdir=$1,upperdir=$aside/upper,workdir=$aside/work" "$1"
}
overlay /usr/local && overlay /etc && overlay /var && mount -t tmpfs -o mode=755 none /run && mount -t bpf bpf /sys/fs/bpf ||
	{ echo "skip: folders of its own cannot be had here"; exit 77; }
wait_for() {
	local deadline=$((SECONDS + 60))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.1
	done
}
does() { # does COMMAND [MORE] : as the page shows it
	bash -c "$1 ${2:-}" >"$LAB_DIR/said.log" 2>&1
}

known=('tools/deps && tools/build && meson install -C build' 'systemd-sysusers; systemd-tmpfiles --create; systemctl daemon-reload')
mapfile -t lines < <(page_quoted "$page" tools/deps 'systemd-sysusers;')
expect "the page's lines are those tried here" same "$(printf '%s\n' "${lines[@]}")" "$(printf '%s\n' "${known[@]}")"
expect "what is built is installed" does "${known[0]##*&& }" --no-rebuild # the first two made build/
for program in sallyport sallyportd sallyport-vpnd sallyport-portal sallyport-watchdog; do
	expect "$program is found" eval 'path=$(command -v $program) && [[ $path = /usr/local/* ]] && $program --version >/dev/null'
done
command -v systemd-sysusers >/dev/null || { echo "skip: there is no systemd-sysusers"; exit 77; }
does "${known[1]%;*}" # without a systemd that runs, the third fails: its manager has nothing to read
expect "the users are made" id sallyport-portal sallyport-vpnd
expect "the portal reads idp.d by its group" same "$(stat -c '%a %G' /etc/sallyport/idp.d)" "2750 sallyport-portal"
expect "a page of the manual is found" test -e "$(MANPATH=/usr/local/share/man man -w sallyportd 2>/dev/null || ls /usr/local/share/man/man8/sallyportd.8*)"

# ---- a gateway ----

ip link set lo up
for name in wan0 lan0; do
	ip link add "$name" type veth peer name "$name-far" && ip link set "$name" up && ip link set "$name-far" up
done
ip address add 192.0.2.1/24 dev wan0 && ip address add 10.30.0.1/16 dev lan0 && ip route add default via 192.0.2.254
expect "init writes a configuration" does 'sallyport init' '--yes --admin-from 10.30.0.0/16'
expect "in /etc, whatever the prefix" test -s /etc/sallyport/sallyport.yaml
mkdir -p /run/sallyport /run/wireguard # what systemd makes for its units
unit() { # unit NAME : its command, in the background
	local command
	command=$(sed -n 's/^ExecStart=//p' "/usr/local/lib/systemd/system/$1.service" | sed 's/%i/vpn0/')
	[[ $command = /usr/local/sbin/sallyport* ]] || return
	$command >"$LAB_DIR/$1.log" 2>&1 </dev/null &
}
for name in sallyport-portal sallyport-vpnd@ sallyport-watchdog sallyportd; do
	expect "the unit $name starts what was installed" unit "$name"
done
expect "a person is added" does 'sallyport user add ana --groups staff' "--password-fd 3 3<<<'ana is here'"
answers() { sallyport status; [ $? -le 8 ] && sallyport status --json | grep -q '"fingerprint"'; }
expect "all of them are there" wait_for answers
expect "the policy is applied" wait_for does 'sallyport apply /etc/sallyport/policy.yaml'
expect "and nothing is amiss" wait_for sallyport status
expect_done
