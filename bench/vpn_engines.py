# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines that are compared: where their programs are, how a pair of them is started.

Each start gives a Pair: what to measure against (an address on side b) and whose memory and processor
time to count. WireGuard engines, ours included, are driven by the stock `wg` alike.
"""
import os
import shutil
import time

from vpn_lab import Failed, SIDES, inner, outer, run, wait_for

OURS, NULL, GO, VETH, OPENVPN = 'sallyport-vpnd', 'sallyport-vpnd-null', 'wireguard-go', 'veth', 'openvpn'
NAMES = (OURS, GO, NULL, VETH, OPENVPN)
SHORT = {OURS: 'sp', NULL: 'null', GO: 'go', OPENVPN: 'ov'}
MTU = 1420
# what some engines want to be told; the others do not look
ENVIRONMENT = {'LOG_LEVEL': 'error', 'SALLYPORT_BENCH_NULL_CIPHER': '1'}
SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'


class Pair:
    def __init__(self, name, address, processes=()):
        self.name, self.address, self.processes = name, address, list(processes)

    def pids(self):
        for process in self.processes:
            process.must_live()
        return [process.pid for process in self.processes]


def find(name, here, override=None):
    """The program of an engine, or None. @here: the folder of this runner, in a build or installed."""
    if name == VETH:
        return ''
    if override:
        return os.path.abspath(override) if os.access(override, os.X_OK) else None
    beside = {OURS: [os.path.join(here, '..', 'src', 'vpnd', OURS)], NULL: [os.path.join(here, NULL)]}
    for path in beside.get(name, []):
        if os.access(path, os.X_OK):
            return os.path.abspath(path)
    return shutil.which(name, path=os.environ.get('PATH', '') + ':' + SYSTEM_PATH)


def version(name, path):
    """What the program says of itself, one line."""
    if name == VETH:
        return 'kernel ' + os.uname().release
    try:
        lines = run([path, '--version']).strip().splitlines()
    except Failed:
        return 'unknown'
    if not lines:
        return 'unknown'
    said = ' '.join(lines[0].split()[:2]) if name == OPENVPN else lines[0]
    try:
        return f'{said} (package {run(["dpkg-query", "-W", "-f", "${Version}", name]).strip()})'
    except (Failed, FileNotFoundError):
        return said


def start(lab, name, path, slot):
    if name == VETH:
        return Pair(name, outer('b'))
    pair = Pair(name, inner(slot, 'b'))
    try:
        (_start_openvpn if name == OPENVPN else _start_wireguard)(lab, pair, path, slot)
        lab.wait_reachable(pair.address)
    except Failed as failure:
        said = '; '.join(p.tail() for p in pair.processes if p.tail())
        stop(lab, pair)
        raise Failed(f'{failure}{" (it says: " + said + ")" if said else ""}') from None
    return pair


def stop(lab, pair):
    for process in pair.processes:
        lab.stop(process)
    pair.processes = []


def _start_wireguard(lab, pair, path, slot):
    port = 51820 + slot
    link = {side: SHORT[pair.name] + side for side in SIDES}
    keys = {side: run(['wg', 'genkey']).strip() for side in SIDES}
    public = {side: run(['wg', 'pubkey'], keys[side] + '\n').strip() for side in SIDES}
    for side in SIDES:
        pair.processes.append(lab.start(side, path, '-f', link[side], env=ENVIRONMENT))
    for side, other, process in zip(SIDES, reversed(SIDES), pair.processes):
        socket = f'/run/wireguard/{link[side]}.sock'
        wait_for(lambda: os.path.exists(socket) or not process.is_alive(), f'{pair.name}: {socket}')
        process.must_live()
        lab.run(side, 'wg', 'setconf', link[side], '/dev/stdin', text=(
            f'[Interface]\nPrivateKey = {keys[side]}\nListenPort = {port}\n'
            f'[Peer]\nPublicKey = {public[other]}\nAllowedIPs = {inner(slot, other)}/32\n'
            f'Endpoint = {outer(other)}:{port}\n'))
        _set_up(lab, side, link[side], slot)


def _set_up(lab, side, link, slot):
    lab.run(side, 'ip', 'address', 'add', inner(slot, side) + '/24', 'dev', link)
    lab.run(side, 'ip', 'link', 'set', link, 'mtu', str(MTU), 'up')


def _certificate(lab, side):
    """A self-signed certificate; gives its fingerprint."""
    key, certificate = f'{lab.folder}/{side}.key', f'{lab.folder}/{side}.crt'
    if not os.path.exists(certificate):
        run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
             '-keyout', key, '-out', certificate, '-days', '2', '-subj', f'/CN={side}'])
    text = run(['openssl', 'x509', '-in', certificate, '-noout', '-fingerprint', '-sha256'])
    return key, certificate, text.strip().split('=')[1]


def _start_openvpn(lab, pair, path, slot):
    port = 51820 + slot
    made = {side: _certificate(lab, side) for side in SIDES}
    for side, other in (('b', 'a'), ('a', 'b')):
        role = ['--tls-client'] if side == 'a' else ['--tls-server', '--dh', 'none']
        pair.processes.append(lab.start(
            side, path, '--dev', SHORT[OPENVPN] + side, '--dev-type', 'tun', '--proto', 'udp4', '--disable-dco',
            '--local', outer(side), '--remote', outer(other), '--port', str(port), '--tun-mtu', str(MTU),
            '--ifconfig', inner(slot, side), inner(slot, other), *role,
            '--key', made[side][0], '--cert', made[side][1], '--peer-fingerprint', made[other][2],
            '--data-ciphers', 'CHACHA20-POLY1305', '--cipher', 'CHACHA20-POLY1305',
            '--sndbuf', '4194304', '--rcvbuf', '4194304', '--txqueuelen', '1000', '--verb', '1'))
    time.sleep(1)
