#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option that `--help` or a manual names is run here, and does what it is for: a field of the request to
sallyportd, another answer, a file, or the refusal the documentation tells of. An option that is in no row fails.

    test_options.py FOLDER-OF-PROGRAMS
"""
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAMS = os.path.abspath(sys.argv.pop(1))
SALLYPORT = os.path.join(PROGRAMS, 'sallyport')
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(TOP, 'tests', 'support'))
from fake_daemon import FakeDaemon  # noqa: E402

KEY = 'sallyportGatewayKeyForTestsAAAAAAAAAAAAAAAA='
POLICY = '''sallyport: 1
roles:
  engineer: { match: [ {idp: corp, group: eng} ] }
networks: { git: 10.30.2.9 }
rules:
  - { name: eng-git, allow: {from: engineer, to: git, services: tcp/80}, expires: 2096-11-23 }
fixtures:
  pool: [ 100.64.0.0/16 ]
  sessions:
    - {user: ana, idp: corp, groups: [eng], address: 100.64.0.7}
    - {user: ana, idp: partner, groups: [], address: 100.64.0.8}
'''
GATEWAY = '''sallyport: 1
interfaces: { edge: [eth0], inside: [lan0], tunnel: vpn0 }
vpn: { pool: [100.99.0.0/16] }
'''
RECORD = {'v': 1, 'seq': 7, 'time': '2026-11-22T03:10:00.123456789Z', 'event': 'deny', 'src': '10.0.0.1', 'dst': '10.0.0.2'}
LAST_WEEK = time.strftime('%Y-%m-%dT%H:%M:%S.000000000Z', time.gmtime(time.time() - 7 * 86400))
REPLIES = {
    'status': {'state': 'enforcing', 'plane': 'ebpf', 'hooks': [], 'rule_counters': [
        {'rule': 'eng-git', 'packets': 1, 'bytes': 1, 'line': 1}], 'warnings': []},
    'explain': {'verdict': 'deny', 'rule': 'r', 'reason': 'policy', 'generation': 'abc', 'source': '10.0.0.1',
                'hook': 'vpn-in', 'message': 'm', 'plane': 'ebpf'},
    'audit.query': {'records': [RECORD], 'more': False, 'after_seq': 9, 'after_packets_seq': 7},
    'apply': {'generation': 'abc', 'revision': 2, 'rules': 1, 'tests': 0, 'milliseconds': 1, 'diagnostics': [],
              'changes': {'sessions': 0}},
    'rollback': {'returning': True, 'generation': 'abc', 'revision': 2},
    'plan': {'same': True, 'rules': [], 'changes': [], 'diagnostics': [], 'generation': 'abc', 'against': 'abc'},
    'rules': {'rules': [
        {'rule': 'eng-git', 'mode': 'enforce', 'file': 'policy.yaml', 'line': 6,
         'watched_since': '2026-01-01T00:00:00.000000000Z', 'last_hit': None},
        {'rule': 'yearly', 'mode': 'audit', 'file': 'policy.yaml', 'line': 7,
         'watched_since': '2026-01-01T00:00:00.000000000Z', 'last_hit': LAST_WEEK}]},
    'session.close': {'closed': [], 'kernel_ns': 1},
}


def capture():
    """One TCP segment from ana to git, as a pcap file of raw IP."""
    tcp = struct.pack('!HHIIBBHHH', 40000, 80, 1, 0, 5 << 4, 2, 1024, 0, 0)
    ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, socket.inet_aton('100.64.0.7'),
                     socket.inet_aton('10.30.2.9'))
    total = sum(struct.unpack('!10H', ip))
    total = ~((total & 0xffff) + (total >> 16)) & 0xffff
    frame = ip[:10] + struct.pack('!H', total) + ip[12:] + tcp
    return struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101) + struct.pack('<IIII', 1000, 0, len(frame),
                                                                                   len(frame)) + frame


def fields_of_ops():
    """Op -> the fields an administrator may give it, as src/daemon/ops/ops.c has them."""
    with open(os.path.join(TOP, 'src/daemon/ops/ops.c'), encoding='utf-8') as file:
        text = file.read()
    lists = {name: re.findall(r'"([a-z_*]+)"', words)
             for name, words in re.findall(r'const char \*const (\w+)\[\] = \{([^}]*)\}', text)}
    ops = {op: lists[fields] for op, fields in re.findall(r'\{ "([a-z.]+)", (\w+), \w+, \w+ \}', text)}
    with open(os.path.join(TOP, 'src/audit/query.h'), encoding='utf-8') as file:
        ops['audit.query'] = re.findall(r'X\("([a-z_]+)"', file.read()) + ['follow', 'limit']
    return ops


class Daemon(FakeDaemon):
    """Answers as REPLIES says; keeps the requests, and refuses fields that sallyportd does not know."""

    def __init__(self, root):
        self.known, self.requests, self.strange = fields_of_ops(), [], []
        super().__init__(root)

    def answer(self, request):
        op = request['op']
        fields = {name: value for name, value in request.items() if name not in ('op', 'v', 'id')}
        self.strange += [(op, name) for name in fields if name not in self.known.get(op, [])]
        if op != 'status' or fields or not self.requests:
            self.requests.append((op, fields))
        return REPLIES.get(op, {})


class Asks:
    """The option is a field of the request, which has it only then."""

    def __init__(self, *words, **fields):
        self.words, self.fields = words, fields

    def check(self, test, base, done):
        without = base.requests[-1][1] if base.requests else {}  # refused without it
        _, request = done.requests[-1]
        for name, value in self.fields.items():
            test.assertEqual(request.get(name), value, done)
            test.assertNotEqual(without.get(name), value, base)


class Refused:
    """It cannot be had, and is not passed over: usage, with these words."""

    def __init__(self, *words, says):
        self.words, self.says = words, says

    def check(self, test, _base, done):
        test.assertEqual(done.code, 2, done)
        test.assertIn(self.says, done.stderr)
        test.assertEqual(done.requests, [])


class Shows:
    """What is printed, or the exit code, is another one."""

    def __init__(self, *words, text='', code=None, absent=''):
        self.words, self.text, self.code, self.absent = words, text, code, absent

    def check(self, test, base, done):
        test.assertNotEqual((base.code, base.stdout, base.stderr), (done.code, done.stdout, done.stderr), done)
        test.assertIn(self.text, done.stdout + done.stderr)
        test.assertNotIn(self.text or '\0', base.stdout + base.stderr)
        if self.code is not None:
            test.assertEqual(done.code, self.code, done)


class Elsewhere:
    """Another test does: it runs the option."""

    def __init__(self, path):
        self.path, self.words = path, None


class Done:
    def __init__(self, code, stdout, stderr, requests):
        self.code, self.stdout, self.stderr, self.requests = code, stdout, stderr, requests

    def __repr__(self):
        return f'exit {self.code}\n{self.stdout}{self.stderr}{self.requests}'


LOGIN, CLIENT = 'tests/unit/cli/test_login.py', 'tests/identity/client.sh'
USER, IDP = 'tests/unit/cli/test_user.py', 'tests/unit/cli/test_idp.py'
INIT, BACKUP = 'tests/netns/init.sh', 'tests/netns/backup.sh'
FILE_EXPLAIN = ['explain', 'policy.yaml', '--plane', 'reference', '--from', 'ana', '--to', '10.30.2.9:80', '--idp', 'corp']
# (a command that works, {option: what it does to it}); the options of a verb may stand in several rows
ROWS = [
    (['init'], {name: Elsewhere(INIT) for name in
                ('edge', 'inside', 'pool', 'portal-name', 'admin-from', 'yes', 'force')}),
    (['check', 'policy.yaml', '--plane', 'reference'], {
        'gateway': Shows('gateway.yaml', text='tunnel is closed'),
        'plane': Shows('slow', text='--plane slow', code=2)}),
    (FILE_EXPLAIN, {
        'from': Shows('anonymous', text='DENY'),
        'to': Shows('10.30.2.9:81', text='DENY'),
        'idp': Shows('partner', text='100.64.0.8'),
        'on': Shows('nowhere', text='nowhere', code=2),
        'at': Shows('2096-11-24T00:00', text='DENY'),
        'plane': Shows('slow', text='--plane slow', code=2),
        'record': Refused('{}', says='leave FILE out')}),
    (['explain', 'policy.yaml', '--plane', 'reference', '--from', 'role:engineer', '--to', '10.30.2.9'], {
        'gateway': Shows('gateway.yaml', text='100.99.'),
        'service': Shows('tcp/80', text='ALLOW')}),
    (['explain', 'policy.yaml', '--plane', 'reference', '--from', 'anonymous', '--to', '10.30.2.9:80'], {
        'exit-code': Shows(code=10)}),
    (['explain', '--from', 'ana', '--to', '10.30.2.9:80'], {
        'from': Asks('anonymous', **{'from': 'anonymous'}),
        'to': Asks('git:ssh', to='git:ssh'),
        'idp': Asks('corp', idp='corp'),
        'on': Asks('lan0', on='lan0'),
        'service': Asks('tcp/443', service='tcp/443'),
        'at': Asks('2026-11-23T19:00', at='2026-11-23T19:00'),
        'plane': Asks('reference', plane='reference'),
        'gateway': Refused('gateway.yaml', says='goes with FILE'),
        'record': Refused('{}', says='leave the other questions out'),
        'exit-code': Shows(code=10)}),
    (['explain', '--record', '{"seq":2}'], {
        'record': Asks('{"seq":3}', record={'seq': 3}),
        'plane': Asks('reference', plane='reference'),
        'gateway': Refused('gateway.yaml', says='goes with FILE'),
        'on': Refused('lan0', says='leave the other questions out'),
        'idp': Refused('corp', says='leave the other questions out')}),
    (['replay', 'policy.yaml', '--pcap', 'one.pcap', '--plane', 'reference'], {
        'pcap': Shows('none.pcap', text='none.pcap'),
        'hook': Shows('inside-in', text='inside-in'),
        'plane': Shows('slow', text='--plane slow', code=2),
        'from': Refused('records.jsonl', says='one of --pcap CAPTURE and --from AUDIT'),
        'gateway': Shows('gateway.yaml')}),
    (['replay', 'policy.yaml', '--from', 'none.jsonl'], {
        'hook': Refused('vpn-in', says='go with --pcap'),
        'plane': Refused('reference', says='go with --pcap')}),
    (['plan', 'policy.yaml'], {
        'against': Shows('none.yaml', text='none.yaml'),
        'gateway': Refused('gateway.yaml', says='is for --against')}),
    (['plan', 'policy.yaml', '--against', 'policy.yaml'], {'gateway': Shows('none.yaml', text='none.yaml')}),
    (['apply', 'policy.yaml'], {
        'force': Asks(force=True),
        'confirm': Asks('10m', confirm={'seconds': 600, 'probes': [], 'probes_confirm': False}),
        'probe': Refused('tcp:10.30.2.9:80', says='go with --confirm'),
        'probe-confirms': Refused(says='go with --confirm')}),
    (['apply', 'policy.yaml', '--confirm', '1m'], {
        'probe': Asks('tcp:10.30.2.9:80', confirm={
            'seconds': 60, 'probes': ['tcp:10.30.2.9:80'], 'probes_confirm': False}),
        'probe-confirms': Asks(confirm={'seconds': 60, 'probes': [], 'probes_confirm': True})}),
    (['rollback'], {
        'force': Asks(force=True),
        'confirm': Asks('10m', confirm={'seconds': 600, 'probes': [], 'probes_confirm': False}),
        'probe': Refused('tcp:10.30.2.9:80', says='go with --confirm'),
        'probe-confirms': Refused(says='go with --confirm')}),
    (['detach', '--yes'], {'why': Asks('moved', why='moved')}),
    (['detach'], {'yes': Asks(yes=True)}),
    (['backup'], {'with-audit': Elsewhere(BACKUP)}),
    (['restore'], {'yes': Elsewhere(BACKUP)}),
    (['status'], {
        'rules': Asks(rules=True), 'watch': Elsewhere(LOGIN), 'iface': Elsewhere(LOGIN), 'state': Elsewhere(LOGIN)}),
    (['report', 'unused'], {
        'since': Shows('1d', text='yearly'),
        'exit-code': Shows(code=10)}),
    (['ban', '203.0.113.7'], {'for': Asks('1h', for_s=3600), 'reason': Asks('trial', reason='trial')}),
    (['session', 'open', '--user', 'ana', '--idp', 'corp', '--pubkey', KEY], {
        'user': Asks('bob', user='bob'), 'subject': Asks('4711', subject='4711'), 'idp': Asks('partner', idp='partner'),
        'groups': Asks('eng,ops', groups=['eng', 'ops']),
        'pubkey': Asks(KEY.replace('A=', 'E='), device={'name': 'device', 'public_key': KEY.replace('A=', 'E=')}),
        'device': Asks('desk', device={'name': 'desk', 'public_key': KEY}),
        'max': Asks('10h', max_s=36000), 'idle': Asks('5m', idle_s=300)}),
    (['session', 'list'], {'user': Asks('ana', user='ana'), 'idp': Asks('corp', idp='corp'), 'all': Asks(all=True)}),
    (['session', 'extend', '3'], {'max': Asks('1h', max_s=3600)}),
    (['session', 'revoke', 'ana'], {'idp': Asks('corp', idp='corp'), 'why': Asks('lost', why='lost')}),
    (['session', 'revoke'], {'device': Asks('laptop', device='laptop')}),
    (['peer', 'add', '--pubkey', KEY, '--name', 'bot'], {
        'pubkey': Asks(KEY.replace('A=', 'E='), public_key=KEY.replace('A=', 'E=')), 'name': Asks('cat', name='cat'),
        'user': Asks('ana', user='ana')}),
    (['peer', 'add', '--pubkey', KEY, '--name', 'bot', '--user', 'ana', '--idp', 'corp'], {
        'user': Asks('bob', user='bob'), 'idp': Asks('partner', idp='partner'), 'subject': Asks('4711', subject='4711')}),
    (['peer', 'list'], {'user': Asks('ana', user='ana'), 'idp': Asks('corp', idp='corp')}),
    (['user', 'add'], {'idp': Elsewhere(USER), 'groups': Elsewhere(USER), 'password-fd': Elsewhere(USER)}),
    (['user', 'passwd'], {'idp': Elsewhere(USER), 'password-fd': Elsewhere(USER)}),
    (['user', 'groups'], {'idp': Elsewhere(USER)}),
    (['user', 'remove'], {'idp': Elsewhere(USER)}),
    (['user', 'list'], {'idp': Elsewhere(USER)}),
    (['idp', 'verify'], {name: Elsewhere(IDP) for name in ('id-token', 'jwks', 'nonce', 'at')}),
    (['audit'], {
        'limit': Asks('7', limit=7), 'event': Asks('deny,gap', event='deny,gap'), 'user': Asks('ana', user='ana'),
        'session': Asks('3', session=3), 'verdict': Asks('deny', verdict='deny'), 'rule': Asks('eng-git', rule='eng-git'),
        'reason': Asks('policy', reason='policy'), 'hook': Asks('edge-tc', hook='edge-tc'),
        'since': Asks('10m', since='10m'), 'until': Asks('2h', until='2h'), 'idp': Asks('corp', idp='corp'),
        'src': Asks('10.0.0.0/8', src='10.0.0.0/8'), 'dst': Asks('2001:db8::/32', dst='2001:db8::/32'),
        'after': Asks('5', after_seq=5), 'after-packets': Asks('6', after_packets_seq=6),
        'follow': Elsewhere('tests/netns/daemon_people.sh')}),
    (['audit'], {'limit': Asks('0', limit=10000), 'session': Refused('ana', says='a number'),
                 'after': Refused('-1', says='a number'), 'after-packets': Refused('', says='a number')}),
    (['login'], {name: Elsewhere(LOGIN) for name in (
        'idp', 'user', 'password-fd', 'device', 'pubkey', 'config', 'force', 'new-key', 'ca', 'fingerprint', 'watch', 'qr',
        'state')}),
    (['logout'], {'all': Elsewhere(LOGIN), 'state': Elsewhere(LOGIN)}),
    (['up'], {'iface': Elsewhere('tests/support/portal.sh'), 'state': Elsewhere(CLIENT)}),
    (['down'], {'iface': Elsewhere('tests/support/portal.sh')}),
]
COMMON = {'json', 'root', 'help'}


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, **more)


def verbs():
    return re.findall(r'^  ([a-z]+(?: [a-z]+)?) (?=[ A-Z[])', run(SALLYPORT, '--help').stdout, re.M)


def options_of_help(*verb):
    return set(re.findall(r'^  --([a-z-]+)', run(SALLYPORT, *verb, '--help').stdout, re.M)) - COMMON


def options_of_manual():
    """Verb -> the options its entry of sallyport(1) names."""
    with open(os.path.join(TOP, 'man/sallyport.1'), encoding='utf-8') as file:
        text = file.read()
    found, known = {}, verbs()
    for entry in re.split(r'^\.It Cm ', text, flags=re.M)[1:]:
        words = entry.split('\n.It ')[0].split('\n.El')[0].split('\n.Sh')[0]
        verb = max((name for name in known if re.match(re.escape(name) + r'\b', words)), key=len, default=None)
        if verb:
            found.setdefault(verb, set()).update(re.findall(r'(?:Fl|,) -([a-z][a-z-]+)', words))
    return found


def rows_of(verb):
    return [options for base, options in ROWS if ' '.join(base[:len(verb.split())]) == verb]


class Options(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.daemon = Daemon(self.folder)
        for name, content in (('policy.yaml', POLICY.encode()), ('gateway.yaml', GATEWAY.encode()), ('one.pcap', capture())):
            with open(os.path.join(self.folder, name), 'wb') as file:
                file.write(content)

    def run_words(self, words):
        self.daemon.requests = []
        done = run(SALLYPORT, *words, '--root', self.folder, cwd=self.folder,
                   env={**os.environ, 'HOME': self.folder, 'XDG_CONFIG_HOME': self.folder, 'LC_ALL': 'C.UTF-8'})
        return Done(done.returncode, done.stdout, done.stderr, self.daemon.requests)

    def test_each_option_does_what_it_is_for(self):
        for words, options in ROWS:
            base = None
            for name, effect in options.items():
                if isinstance(effect, Elsewhere):
                    continue
                base = base or self.run_words(words)
                before = words
                if f'--{name}' in words:  # another value in the place of that one
                    at = words.index(f'--{name}')
                    before = words[:at] + words[at + 1 + len(effect.words):]
                with self.subTest(' '.join(words), option=name):
                    effect.check(self, base, self.run_words([*before, f'--{name}', *effect.words]))
        self.assertEqual(self.daemon.strange, [], 'fields that sallyportd does not know')

    def test_what_another_test_runs_it_runs(self):
        for words, options in ROWS:
            for name, effect in options.items():
                if isinstance(effect, Elsewhere):
                    with open(os.path.join(TOP, effect.path), encoding='utf-8') as file:
                        text = file.read()
                    short = '|(?<![\\w-])-f' if name == 'follow' else ''
                    self.assertTrue(re.search(rf'--{name}(?![a-z-]){short}', text), (words, name, effect.path))

    def test_each_option_of_help_has_a_row(self):
        for verb in verbs():
            if verb == 'bench':  # its options are the benchmarks' own
                continue
            self.assertEqual(set().union(*map(set, rows_of(verb))), options_of_help(*verb.split()), verb)

    def test_the_manual_and_help_name_the_same_options(self):
        manual = options_of_manual()
        self.assertGreater(sum(map(len, manual.values())), 40)
        for verb in verbs():
            with self.subTest(verb):
                self.assertIn(verb, manual)
                if verb != 'bench':
                    self.assertEqual(manual[verb] - COMMON, options_of_help(*verb.split()), verb)

    def test_so_do_those_of_the_daemons(self):
        for program in ('sallyportd', 'sallyport-vpnd', 'sallyport-portal'):
            with open(os.path.join(TOP, f'man/{program}.8'), encoding='utf-8') as file:
                manual = set(re.findall(r'^\.It Fl (?:\w , )?-([a-z-]+)', file.read(), re.M)) - {'help'}
            shown = run(os.path.join(PROGRAMS, program), '--help').stdout
            self.assertEqual(manual, set(re.findall(r'^  (?:-\w, )?--([a-z-]+)', shown, re.M)), program)

    def test_json_and_root_go_with_each_verb(self):
        for verb in verbs():
            if verb != 'bench':
                text = run(SALLYPORT, *verb.split(), '--help').stdout
                self.assertIn('--json', text)
                self.assertIn('--root', text)

    def test_the_daemons_take_each_option_they_name(self):
        values = {'root': self.folder, 'gateway-name': 'g', 'engine-user': 'root', 'queues': '3', 'user': 'nobody'}
        for program in ('sallyportd', 'sallyport-vpnd', 'sallyport-portal', 'sallyport-watchdog'):
            path = os.path.join(PROGRAMS, program)
            named = re.findall(r'^  (?:-\w, )?--([a-z-]+)', run(path, '--help').stdout, re.M)
            self.assertGreaterEqual(len(named), 3)
            for name in named:
                words = [f'--{name}', values[name]] if name in values else [f'--{name}']
                self.assertEqual(run(path, *words, '--version').returncode, 0, (program, words))
            self.assertEqual(run(path, '--no-such-option', '--version').returncode, 2)

    def test_the_daemons_say_what_is_wrong_with_their_words(self):
        for program, words, said in (
                ('sallyportd', ('--rot', '/x'), 'unknown option --rot; did you mean --root?'),
                ('sallyportd', ('--engine-usr=nobody',), 'unknown option --engine-usr; did you mean --engine-user?'),
                ('sallyportd', ('--root',), '--root needs a value'),
                ('sallyportd', ('--unload=now',), '--unload takes no value'),
                ('sallyportd', ('-x',), 'unknown option -x'),
                ('sallyportd', ('start',), '"start" is one word too many'),
                ('sallyportd', ('--yes',), '--yes goes with --unload'),
                ('sallyport-portal', ('--usr', 'nobody'), 'unknown option --usr; did you mean --user?'),
                ('sallyport-portal', ('serve',), '"serve" is one word too many'),
                ('sallyport-vpnd', ('--manged', 'vpn0'), 'unknown option --manged; did you mean --managed?'),
                ('sallyport-vpnd', ('vpn0', 'vpn1'), '"vpn1" is one word too many'),
                ('sallyport-vpnd', ('--queues', '0', 'vpn0'), '--queues takes 1 to')):
            done = run(os.path.join(PROGRAMS, program), *words)
            self.assertEqual((done.returncode, done.stdout), (2, ''), (program, words))
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertIn(f'{program}: {said}', done.stderr)

    def test_help_that_cannot_be_written_is_a_failure(self):
        for program in ('sallyport', 'sallyportd', 'sallyport-vpnd', 'sallyport-portal', 'sallyport-watchdog'):
            for word in ('--help', '--version'):
                with open('/dev/full', 'w', encoding='ascii') as full:
                    done = subprocess.run([os.path.join(PROGRAMS, program), word], stdout=full, stderr=subprocess.PIPE, text=True,
                                          timeout=60, check=False)
                self.assertEqual(done.returncode, 1, (program, word))
                self.assertIn('could be written to the output', done.stderr)


if __name__ == '__main__':
    unittest.main()
