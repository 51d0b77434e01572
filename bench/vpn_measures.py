# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured of a pair of engines. Each step gives {measure: value}; it raises Failed with the
reason rather than give a figure it did not see."""
import json
import os
import subprocess
import time

from vpn_lab import Failed, cpu_seconds, resident_mb, run, wait_for

# step -> the measures it gives, in the order of a report
STEPS = {
    'tcp1': ('tcp1', 'tcp1_per_core'),
    'tcp1r': ('tcp1r',),
    'tcp4': ('tcp4',),
    'tcp4r': ('tcp4r',),
    'udp64': ('udp64',),
    'paced': ('paced_delivered', 'paced_cpu'),
    'smooth': ('smooth_delivered', 'smooth_cpu'),
    'rtt': ('rtt50', 'rtt99'),
    'rss': ('rss_idle', 'rss'),
}
SIZE = 64
PACE = 100000
BURST = 64  # one sendmmsg
DRAIN = 0.3  # seconds a receiver still listens when the sender has stopped
LISTEN = '0A'


class Steps:
    """@tools: the folder of sp-bench-udp and sp-bench-rtt."""

    def __init__(self, lab, tools, seconds):
        self.lab, self.seconds = lab, seconds
        self.udp, self.rtt = os.path.join(tools, 'sp-bench-udp'), os.path.join(tools, 'sp-bench-rtt')

    def measure(self, step, pair):
        pids = pair.pids()
        if step.startswith('tcp'):
            return self.tcp(pair, pids, 4 if '4' in step else 1, step.endswith('r'))
        return {'udp64': self.flood, 'paced': self.paced, 'smooth': self.smooth, 'rtt': self.ping}[step](pair, pids)

    def warm_up(self, pair):
        self._iperf3(pair, 1, False, 1)

    def tcp(self, pair, pids, streams, is_reverse):
        before = cpu_seconds(pids)
        gbits = self._iperf3(pair, streams, is_reverse, self.seconds)
        cpu = cpu_seconds(pair.pids()) - before
        result = {f'tcp{streams}{"r" if is_reverse else ""}': gbits}
        if streams == 1 and not is_reverse and pids:
            if cpu <= 0:
                raise Failed('the engines used no processor time')
            result['tcp1_per_core'] = gbits * self.seconds / cpu
        return result

    def flood(self, pair, _):
        _, received = self._datagrams(pair, 0)
        if received['received'] < 100:
            raise Failed(f'{received["received"]} datagrams arrived')
        return {'udp64': received['pps'] / 1000}

    def paced(self, pair, pids):
        return self._paced(pair, pids, 'paced', BURST)

    def smooth(self, pair, pids):
        return self._paced(pair, pids, 'smooth', 1)

    def _paced(self, pair, pids, name, burst):
        before = cpu_seconds(pids)
        sent, received = self._datagrams(pair, PACE, burst)
        cpu = cpu_seconds(pair.pids()) - before
        if sent['pps'] < 0.5 * PACE:
            raise Failed(f'the sender came to {sent["pps"]:.0f} packets/s only: the machine is too busy')
        return {f'{name}_delivered': received['received'] / sent['sent'],
                f'{name}_cpu': cpu / sent['sent'] * PACE if pids else None}

    def ping(self, pair, _):
        port = str(self.lab.port())
        echo = self._ready('b', self.rtt, 'echo', pair.address, port)
        try:
            text = run([*self.lab.enter('a'), self.rtt, 'ping', pair.address, port, str(SIZE), str(self.seconds)],
                       seconds=self.seconds + 15)
        finally:
            self.lab.stop(echo)
        said = json.loads(text)
        if said['count'] < 100:
            raise Failed(f'{said["count"]} answers, {said["lost"]} lost')
        return {'rtt50': said['p50_us'], 'rtt99': said['p99_us']}

    def memory(self, pair):
        pids = pair.pids()
        return resident_mb(pids) if pids else None

    def _ready(self, side, *words):
        """Start a tool that says when it listens."""
        process = self.lab.start(side, *words, output=subprocess.PIPE)
        if process.child.stdout.readline() != 'ready\n':
            self.lab.stop(process)
            raise Failed(f'{os.path.basename(words[0])}: {process.tail()}')
        return process

    def _datagrams(self, pair, rate, burst=1):
        port = str(self.lab.port())
        receiver = self._ready('b', self.udp, 'receive', pair.address, port)
        try:
            sent = json.loads(run([*self.lab.enter('a'), self.udp, 'send', pair.address, port, str(SIZE),
                                   str(self.seconds), str(rate), str(burst)], seconds=self.seconds + 15))
            time.sleep(DRAIN)
        finally:
            text = self.lab.stop(receiver)
        if not text:
            raise Failed(f'the receiver said nothing: {receiver.tail()}')
        return sent, json.loads(text)

    def _iperf3(self, pair, streams, is_reverse, seconds):
        """Gbit/s that arrived."""
        port = self.lab.port()
        server = self.lab.start('b', 'iperf3', '-s', '-1', '-p', str(port))
        words = ['iperf3', '-c', pair.address, '-p', str(port), '-t', str(seconds), '-P', str(streams), '-J',
                 '--connect-timeout', '3000', *(['-R'] if is_reverse else [])]
        try:
            wait_for(lambda: listens(server.pid, port), 'iperf3 -s', 5)
            text = run([*self.lab.enter('a'), *words], seconds=seconds + 15)
        finally:
            self.lab.stop(server)
        try:
            bits = json.loads(text)['end']['sum_received']['bits_per_second']
        except (ValueError, KeyError, TypeError):
            raise Failed(f'iperf3: {text[-200:]!r}') from None
        if bits <= 0:
            raise Failed('iperf3: nothing arrived')
        return bits / 1e9


def listens(pid, port):
    """Whether somebody in the namespace of @pid listens on this TCP port."""
    for table in ('tcp', 'tcp6'):
        try:
            with open(f'/proc/{pid}/net/{table}', encoding='ascii') as file:
                for line in file.readlines()[1:]:
                    fields = line.split()
                    if fields[3] == LISTEN and int(fields[1].rsplit(':', 1)[1], 16) == port:
                        return True
        except FileNotFoundError:
            return False
    return False
