#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Bans: a banned sender is dropped on the edge at once, what is under way too, in both families, while applies go on,
# without the daemon and after it started again; and the hooks of docs/examples do it. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

gets4() { lab_get stranger http://192.0.2.1:8080/ >/dev/null; }
gets6() { lab_get stranger 'http://[2001:db8:1::1]:8080/' >/dev/null; }
is_banned() { lab_gate bans --json | grep -qF "\"$1\""; }
policy() { lab_policy "$@" | sed 's|expose: \[ |&{name: web, to: self, services: [tcp/8080, tcp/5400, udp/5400]}, |'; }
talk="/usr/bin/python3 $lab_top/tests/support/talk.py"
call() { lab_run stranger "talk-$1" $talk call "$2" "$3" 5400 "$1"; } # call NAME tcp|udp ADDRESS : on and on
listens() { lab_in gateway ss -Htuln | grep -c ':5400 ' | grep -q 2; } # TCP and UDP
heard() { grep -c "^$1 " "$LAB_DIR/heard"; }
hears() { [ "$(heard "$1")" -gt "$2" ]; }
goes_on() { local now; now=$(heard "$1"); lab_wait 20 hears "$1" $((now + 3)); }
dropped() { counter edge-in deny blocklist; }
is_dropped() { [ "$(dropped)" -gt "$1" ]; } # more than so many are
ended() { # ended NAME... : nothing more of them arrives, though they speak on
	local before
	before=$(dropped)
	lab_wait 10 is_dropped "$before" && lab_wait 5 lab_stays 1 heard_of_all "$@" && lab_wait 5 is_dropped $((before + 1))
}
heard_of_all() { local name; for name; do heard "$name"; done; }
answers() { grep -c 'bytes from' "$LAB_DIR/pinging"; }
has_answers() { [ "$(answers)" -gt "$1" ]; }
explained() { lab_gate explain --from "$1" --to "$2"; } # explained FROM TO

lab_up
lab_start_daemon && lab_start_engine && policy >"$LAB_DIR/policy.yaml" && lab_gate apply "$LAB_DIR/policy.yaml" || exit 1
lab_sign_in laptop ana corp eng || exit 1
lab_start_web gateway 192.0.2.1 8080 hello
lab_start_web gateway 2001:db8:1::1 8080 hello
lab_run gateway heard $talk serve 5400
lab_wait 20 listens
call tcp4 tcp 192.0.2.1 && call tcp6 tcp 2001:db8:1::1 && call udp4 udp 192.0.2.1 && call udp6 udp 2001:db8:1::1
for name in tcp4 tcp6 udp4 udp6; do expect "$name: the stranger talks" goes_on $name; done
expect "the stranger is let in" gets4
expect "the stranger is let in, IPv6" gets6

expect "an address is banned" lab_gate ban 192.0.2.66 --reason "trial"
expect "what was under way ended" ended tcp4 udp4
expect "it is not let in" fails gets4
expect "the other family is" gets6
for name in tcp6 udp6; do expect "$name: it goes on" goes_on $name; done
expect "explain says so" grep -q 'blocklist' <(explained 192.0.2.66 192.0.2.1:8080)
expect "and which ban" grep -q '192.0.2.66/32 is banned: trial' <(explained 192.0.2.66 192.0.2.1:8080)
expect "of nobody else" fails grep -q 'banned' <(explained 192.0.2.67 192.0.2.1:8080)
expect "a prefix of IPv6 is banned" lab_gate ban 2001:db8:1::40/122
expect "what was under way ended, IPv6" ended tcp6 udp6
expect "it is not let in, IPv6" fails gets6
expect "explain says so, IPv6" grep -q '2001:db8:1::40/122 is banned' <(explained 2001:db8:1::66 "[2001:db8:1::1]:8080")
expect "both are listed" eval 'is_banned 192.0.2.66/32 && is_banned 2001:db8:1::40/122'
expect "nobody else is" lab_in laptop ping -c 2 -i 0.2 -W 2 10.30.2.9

lab_run laptop pinging ping -i 0.05 10.30.2.9
pinging_pid=$lab_pid
expect "ana's tunnel carries" lab_wait 5 has_answers 5
expect "her way in is banned" lab_gate ban 192.0.2.11 --for 1h
expect "what was under way ended" lab_wait 5 lab_stays 1 answers
before=$(answers)
expect "her ban is ended" lab_gate unban 192.0.2.11
expect "it goes on" lab_wait 20 has_answers "$before"
lab_kill "$pinging_pid"

policy '{ name: more, allow: {from: engineer, to: payroll, services: ssh} }' >"$LAB_DIR/second.yaml"
(lab_gate apply "$LAB_DIR/second.yaml" && lab_gate apply "$LAB_DIR/policy.yaml") >"$LAB_DIR/applies" 2>&1 &
applies_pid=$!
tries=0
while lab_lives "$applies_pid"; do
	! gets4 || expect "a revision lets the banned sender in" false
	! gets6 || expect "a revision lets the banned sender in, IPv6" false
	tries=$((tries + 1))
done
expect "the banned sender was tried while policies were applied" [ "$tries" -gt 0 ]
expect "each was applied" same "$(grep -c ^applied "$LAB_DIR/applies")" 2

lab_kill "$lab_daemon_pid"
expect "the daemon gone, it is dropped" fails gets4
lab_start_daemon || exit 1
expect "the daemon back, it is dropped" fails gets4
expect "and IPv6" fails gets6
expect "and listed" is_banned 192.0.2.66/32
expect "unbanning what is none is refused" fails lab_gate unban 192.0.2.67
expect "so is everybody" fails lab_gate ban 0.0.0.0/0
expect "a ban with an end" lab_gate ban 192.0.2.66 --for 2s
expect "ends" lab_wait 15 gets4
expect "and what had been cut off goes on" goes_on udp4

# the hooks, as fail2ban and CrowdSec run them
mkdir -p "$LAB_DIR/bin"
printf '#!/bin/sh\nexec nsenter --net=/run/netns/%s-gateway %s "$@" --root %s\n' "$LAB" "$(command -v sallyport)" \
	"$LAB_ROOT" >"$LAB_DIR/bin/sallyport"
chmod +x "$LAB_DIR/bin/sallyport"
crowdsec() { PATH="$LAB_DIR/bin:$PATH" "$lab_top/docs/examples/crowdsec-sallyport" "$@"; }
fail2ban() {
	PATH="$LAB_DIR/bin:$PATH" sh -c "$(sed -n "s/^$1 = //p" "$lab_top/docs/examples/fail2ban-sallyport.conf" |
		sed 's/<ip>/192.0.2.66/; s/<bantime>/600/; s/<name>/sshd/; s/<failures>/5/')"
}
expect "CrowdSec's hook bans" crowdsec add 192.0.2.66 3600 ssh-bf '{}'
expect "it is dropped then" fails gets4
expect "and unbans" crowdsec del 192.0.2.66 0 ssh-bf '{}'
expect "it is let in then" gets4
expect "and unbans what is none" crowdsec del 192.0.2.66 0 ssh-bf '{}'
expect "fail2ban's hook bans" fail2ban actionban
expect "it is dropped again" fails gets4
expect "and unbans" fail2ban actionunban
expect "it is let in again" gets4
expect "both are on record" [ "$(lab_gate audit --json --event ban,unban | grep -c .)" -gt 6 ]
expect_done
