# SPDX-License-Identifier: GPL-3.0-or-later
# What the scenarios of this folder share: a machine of its own is the gateway, the others are namespaces. Sourced behind
# tests/support/expect.sh.

export DEBIAN_FRONTEND=noninteractive
apt_quiet() { apt-get -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends "$@" >>"$LAB_DIR/apt.log" 2>&1; }
at() { local host=$1; shift; nsenter --net="/run/netns/$host" -- "$@"; }
wait_for() { # wait_for COMMAND… : until it succeeds; 60 s at the most
	local deadline=$((SECONDS + 60))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.1
	done
}
state() { systemctl is-active "$@" | sort -u | tr '\n' ' '; }
wire() { # wire IFACE ADDRESS HOST ADDRESS
	ip link add "$1" type veth peer name eth0 netns "$3"
	ip address add "$2" dev "$1"
	ip link set "$1" up
	ip -n "$3" address add "$4" dev eth0
	ip -n "$3" link set eth0 up
	ip -n "$3" link set lo up
	ip -n "$3" route add default via "${2%/*}"
}
web() { # web HOST ADDRESS LOG : notes who was there
	nsenter --net="/run/netns/$1" -- python3 -m http.server --bind "$2" --directory "$LAB_DIR/www" 80 >>"$LAB_DIR/$3" 2>&1 &
	helpers+=($!)
}
helpers=()
get() { # get HOST ADDRESS
	at "$1" curl -sf --noproxy '*' --max-time 3 "http://$2/" >/dev/null
}
