# SPDX-License-Identifier: GPL-3.0-or-later
"""Two namespaces and a cable.

       a                                b
    10.201.0.1/24 wire ───veth─── wire 10.201.0.2/24        MTU 1500
    10.202.N.1/24 tunnel N                tunnel N 10.202.N.2/24

Everything stands in a mount namespace of its own with an empty /run: the names of namespaces and the
engines' control sockets cannot meet those of the machine, and the kernel takes all of it back when the
last process is gone, however it went.
"""
import ctypes
import os
import signal
import subprocess
import tempfile
import time

CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)

SIDES = ('a', 'b')
HOST = {'a': 1, 'b': 2}


class Failed(Exception):
    """A step that did not work; the text says which and why."""


def outer(side):
    return f'10.201.0.{HOST[side]}'


def inner(slot, side):
    return f'10.202.{slot}.{HOST[side]}'


def _call(what, result):
    if result != 0:
        raise Failed(f'{what}: {os.strerror(ctypes.get_errno())}')


def _die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Process:
    """A child in one namespace. Its output goes to a file, of which tail() gives the end."""

    def __init__(self, lab, side, words, env=None, output=None):
        self.words = words
        self.log = tempfile.TemporaryFile(dir=lab.folder)
        self.child = subprocess.Popen(  # pylint: disable=consider-using-with
            [*lab.enter(side), *words], stdin=subprocess.DEVNULL, stdout=output or self.log, stderr=self.log,
            env={**os.environ, **(env or {})}, preexec_fn=_die_with_parent, text=True)
        self.pid = self.child.pid

    def is_alive(self):
        return self.child.poll() is None

    def tail(self):
        self.log.seek(0)
        text = self.log.read().decode(errors='replace').strip()
        return text[-300:].replace('\n', ' | ')

    def must_live(self):
        if not self.is_alive():
            raise Failed(f'{os.path.basename(self.words[0])} ended with {self.child.returncode}: {self.tail()}')

    def stop(self, grace=3):
        """End it: asked first, then forced. Gives what it wrote to a pipe, if it has one."""
        if self.is_alive():
            self.child.terminate()
        try:
            text, _ = self.child.communicate(timeout=grace)
        except subprocess.TimeoutExpired:
            self.child.kill()
            text, _ = self.child.communicate()
        return text


class Lab:
    """Use as a context manager; it ends every process it started."""

    def __init__(self):
        self.processes = []
        self.folder = '/run/sp-bench'
        self.next_port = 20000

    def __enter__(self):
        _call('a mount namespace', LIBC.unshare(CLONE_NEWNS))
        _call('private mounts', LIBC.mount(b'none', b'/', None, MS_REC | MS_PRIVATE, None))
        _call('an empty /run', LIBC.mount(b'sp-bench', b'/run', b'tmpfs', 0, b'mode=0755'))
        for folder in ('/run/wireguard', '/run/netns', self.folder):
            os.makedirs(folder, 0o700)
        for side in SIDES:
            run(['ip', 'netns', 'add', side])
        self.run('a', 'ip', 'link', 'add', 'wire', 'mtu', '1500', 'type', 'veth',
                 'peer', 'name', 'wire', 'mtu', '1500', 'netns', 'b')
        for side in SIDES:
            self.run(side, 'ip', 'link', 'set', 'lo', 'up')
            self.run(side, 'ip', 'address', 'add', outer(side) + '/24', 'dev', 'wire')
            self.run(side, 'ip', 'link', 'set', 'wire', 'up')
        self.wait_reachable(outer('b'))
        return self

    def __exit__(self, *_):
        while self.processes:
            self.stop(self.processes[-1])

    def enter(self, side):
        return ['nsenter', f'--net=/run/netns/{side}']

    def run(self, side, *words, text=None):
        return run([*self.enter(side), *words], text)

    def start(self, side, *words, env=None, output=None):
        process = Process(self, side, list(words), env, output)
        self.processes.append(process)
        return process

    def stop(self, process):
        if process in self.processes:
            self.processes.remove(process)
        return process.stop()

    def port(self):
        """A port not used before, so that no measurement sees stragglers of another."""
        self.next_port += 1
        return self.next_port

    def wait_reachable(self, address, seconds=8):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            done = subprocess.run([*self.enter('a'), 'ping', '-c1', '-W1', '-q', address],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            if done.returncode == 0:
                return
            time.sleep(0.05)
        raise Failed(f'{address} does not answer')


def run(words, text=None, seconds=20):
    """Run to the end; gives its output."""
    try:
        done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=seconds,
                              check=False, preexec_fn=_die_with_parent)
    except subprocess.TimeoutExpired:
        raise Failed(f'{" ".join(words)}: not done after {seconds} s') from None
    if done.returncode:
        raise Failed(f'{" ".join(words)}: {(done.stderr + done.stdout).strip()[-300:]}')
    return done.stdout


def wait_for(condition, what, seconds=5):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f'{what}: not after {seconds} s')
        time.sleep(0.02)


def family(pid):
    """A process and its descendants."""
    found = [pid]
    try:
        for task in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{task}/children', encoding='ascii') as file:
                for child in file.read().split():
                    found += family(int(child))
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def cpu_seconds(pids):
    """User and kernel time of these processes and their descendants so far."""
    total = 0
    for pid in (p for top in pids for p in family(top)):
        with open(f'/proc/{pid}/stat', encoding='ascii') as file:
            fields = file.read().rsplit(')', 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf('SC_CLK_TCK')


def resident_mb(pids):
    """VmRSS of these processes and their descendants."""
    total = 0
    for pid in (p for top in pids for p in family(top)):
        with open(f'/proc/{pid}/status', encoding='ascii') as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith('VmRSS:'))
    return total / 1024
