#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A backup made while people work becomes a working gateway elsewhere, sessions and audit chain included; a bad one
# changes nothing. (Topology: tests/support/lab.sh.)
set -u
source "$(dirname "$0")/../support/lab.sh"
source "$lab_top/tests/support/expect.sh"
trap lab_down EXIT

backup=$LAB_DIR/gateway.tar
reaches() { lab_in "$1" ping -c 1 -W 1 10.30.2.9 >/dev/null 2>&1; }
restore() { sallyport restore "$@" --root "$LAB_ROOT" >"$LAB_DIR/said" 2>&1; }
state() { (cd "$LAB_ROOT" && find etc var/lib/sallyport var/log -type f ! -name lock -exec sha256sum {} + | sort); }

lab_up
lab_ready >/dev/null || exit 1
expect "ana is through" lab_wait 10 reaches laptop
mkdir -p "$LAB_ROOT/etc/sallyport/policy.d" && echo '# kept' >"$LAB_DIR/elsewhere.yaml"
ln -s "$LAB_DIR/elsewhere.yaml" "$LAB_ROOT/etc/sallyport/policy.d/linked.yaml"
expect "a backup, while it runs" lab_gate backup "$backup" --with-audit
expect "for root alone to read" same "$(stat -c %a "$backup")" 600
lab_gate backup "$backup" 2>/dev/null
expect "none is overwritten" same $? 1
expect "tar reads it" eval 'tar tf "$backup" | grep -q "^var/lib/sallyport/sallyport.db$"'
lab_gate session open --user carl --idp corp --groups eng --device late --pubkey "$(wg genkey | wg pubkey)" >/dev/null

restore "$backup" --yes
expect "not over what the kernel judges by" same $? 1
expect "it says how that ends" grep -q 'detach --yes' "$LAB_DIR/said"
lab_gate detach --yes 2>/dev/null
wait "$lab_daemon_pid"
lab_kill "$lab_engine_pid"
before=$(state)
restore "$backup"
expect "not over a gateway without --yes" same $? 2
head -c "$(($(stat -c %s "$backup") - 4096))" "$backup" >"$LAB_DIR/short.tar"
expect "one that is cut short is refused" fails restore "$LAB_DIR/short.tar" --yes
/usr/bin/python3 - "$backup" "$LAB_DIR/changed.tar" <<'PY'
import sys
data = open(sys.argv[1], 'rb').read()
assert b'listen: 51820' in data
open(sys.argv[2], 'wb').write(data.replace(b'listen: 51820', b'listen: 51821', 1))
PY
expect "one that was changed is refused" fails restore "$LAB_DIR/changed.tar" --yes
expect "the file is named" grep -q 'etc/sallyport/sallyport.yaml is not as it was saved' "$LAB_DIR/said"
(cd "$LAB_DIR" && mkdir -p evil/etc/sallyport && echo x >evil/outside && tar cf evil.tar -P -C evil etc/sallyport/../../outside)
expect "one that climbs out of its folders is refused" fails restore "$LAB_DIR/evil.tar" --yes
echo "not for a backup" >"$LAB_DIR/outside"
/usr/bin/python3 - "$LAB_DIR" <<'PY'
import io, sys, tarfile
for name, kind in ('hard', tarfile.LNKTYPE), ('soft', tarfile.SYMTYPE):
    with tarfile.open(f'{sys.argv[1]}/{name}.tar', 'w') as tar:
        link = tarfile.TarInfo('etc/sallyport/sallyport.yaml')
        link.type, link.linkname = kind, f'{sys.argv[1]}/outside'
        header = bytearray(link.tobuf(tarfile.GNU_FORMAT))
        if name == 'hard':  # a mode with the bits of a file makes it one to who reads the mode alone
            header[100:108] = b'0100644\0'
            header[148:156] = b' ' * 8
            header[148:156] = b'%06o\0 ' % sum(header)
        tar.fileobj.write(header)
        tar.offset += len(header)
        through = tarfile.TarInfo('etc/sallyport/sallyport.yaml')
        through.size = 4
        tar.addfile(through, io.BytesIO(b'evil'))
PY
for kind in hard soft; do
	expect "one with a $kind link to elsewhere is refused" fails restore "$LAB_DIR/$kind.tar" --yes
	expect "as what no backup holds" grep -q 'it holds what no backup' "$LAB_DIR/said"
	expect "what it points to is as it was" grep -qx 'not for a backup' "$LAB_DIR/outside"
	expect "and has no other name" same "$(stat -c %h "$LAB_DIR/outside")" 1
done
expect "and all is as it was" same "$(state)" "$before"

# ---- another machine: nothing is there ----
mkdir "$LAB_DIR/lost" # the bpffs stays where it is mounted
mv "$LAB_ROOT"/etc "$LAB_ROOT"/var "$LAB_ROOT"/run "$LAB_DIR/lost"
expect "restored where nothing was" restore "$backup"
expect "what a link pointed to is a file" grep -q kept "$LAB_ROOT/etc/sallyport/policy.d/linked.yaml"
lab_start_daemon && lab_start_engine || exit 1
lab_client_set laptop
expect "ana is through, without signing in" lab_wait 20 reaches laptop
expect "who came after the backup is not known" same "$(lab_gate session list --user carl --json)" ""
expect "the audit chain verifies, and goes on" eval 'lab_gate audit verify >/dev/null && [ "$(wc -l <"$LAB_ROOT/var/log/sallyport/audit.jsonl")" -gt "$(tar xOf "$backup" var/log/sallyport/audit.jsonl | wc -l)" ]'
lab_gate status --json >/dev/null
expect "its key is the one every client knows" same "$(lab_gate status --json | field "r['tunnel_key']")" \
	"$(wg pubkey <"$LAB_DIR/lost/var/lib/sallyport/tunnel.key")"

# ---- over a gateway that is there ----
lab_gate detach --yes 2>/dev/null
wait "$lab_daemon_pid"
rm -f "$LAB_ROOT/etc/sallyport/policy.d/linked.yaml"
expect "with --yes it takes the place of what is there" restore "$backup" --yes
expect "which is put aside" eval 'ls -d "$LAB_ROOT"/etc/sallyport.before-* "$LAB_ROOT"/var/lib/sallyport.before-* >/dev/null'
expect "and nothing else is left" fails eval 'ls -d "$LAB_ROOT"/*/*.restoring "$LAB_ROOT"/*/*/*.restoring 2>/dev/null | grep -q .'
expect "the gateway starts by it" lab_start_daemon
expect_done
