#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command without a daemon and without root: exit codes, streams, JSON. usage: test_cli.py SALLYPORT"""
import errno
import json
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import textwrap
import unicodedata
import unittest
import unittest.mock
import unittest.mock

PROGRAM = os.path.abspath(sys.argv.pop(1))
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
POLICY = '''sallyport: 1
roles:
  engineer: { match: [ {idp: corp, group: eng} ] }
networks:
  git:     [10.30.2.9, "2001:db8:30::9"]
  payroll: 10.30.9.4
rules:
  - { name: eng-git, allow: {from: engineer, to: git, services: [web, ping]} }
  - { name: payroll-closed, deny: {from: any, to: payroll}, reason: "Payroll is closed" }
fixtures:
  now: "2026-11-23T10:00"
  sessions: [ {user: ana, idp: corp, groups: [eng], address: 100.64.0.7} ]
tests:
  - { from: {user: ana}, to: git, service: tcp/80, expect: EXPECT, rule: eng-git }
services:
  web:  [tcp/80, tcp/443]
  ping: [icmp/echo, icmp6/echo]
'''


def width(text):
    """Columns on a screen."""
    return sum(0 if unicodedata.combining(c) or unicodedata.category(c) == 'Mn' else
               2 if unicodedata.east_asian_width(c) in 'WF' else 1 for c in text)


def ethernet(ethertype, payload):
    return bytes(12) + struct.pack('!H', ethertype) + payload


def tcp(source, destination, sport, dport, flags):
    header = struct.pack('!HHIIBBHHH', sport, dport, 1, 0, 5 << 4, flags, 1024, 0, 0)
    ip = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(header), 1, 0, 64, 6, 0)
    return ip + bytes(map(int, source.split('.'))) + bytes(map(int, destination.split('.'))) + header


def capture(frames):
    text = struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    for number, frame in enumerate(frames):
        text += struct.pack('<IIII', 1000 + number, 0, len(frame), len(frame)) + frame
    return text


class Cli(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.policy = self.write('policy.yaml', POLICY.replace('EXPECT', 'allow'))

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, 'wb') as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def run_it(self, *words, code=0):
        env = {k: v for k, v in os.environ.items() if k not in ('SALLYPORT_ROOT', 'SSH_CONNECTION')}
        done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, env=env, timeout=60, check=False)
        self.assertEqual(done.returncode, code, f'{words}: {done.stdout}{done.stderr}')
        return done

    def ask(self, *words, code=0):
        return json.loads(self.run_it(*words, '--json', code=code).stdout)

    def test_check_passes_a_good_policy(self):
        answer = self.ask('check', self.policy, '--plane', 'reference')
        self.assertEqual((answer['v'], answer['ok'], answer['rules'], answer['failed']), (1, True, 2, 0))
        self.assertEqual([t['verdict'] for t in answer['tests']], ['allow'])

    def test_the_example_of_hours_in_the_documents_passes_its_own_tests(self):
        with open(os.path.join(TOP, 'docs/policy-language.md'), encoding='utf-8') as page:
            section = page.read().split('\n## schedules, when and expires\n')[1].split('\n## ')[0]
        blocks = re.findall(r'^```yaml\n(.*?)^```', section, re.S | re.M)
        path = self.write('hours.yaml', ('''sallyport: 1
roles:
  dba:    { match: {idp: corp, group: dba} }
  vendor: { match: {idp: corp, group: vendors} }
networks: { db: 10.30.8.0/24 }
services: { ssh: tcp/22 }
''' + ''.join(blocks)).encode())
        done = self.run_it('check', path, '--plane', 'reference', '--json')
        self.assertEqual(len(json.loads(done.stdout)['tests']), 4)

    def test_explain_asks_as_of_a_time(self):
        path = self.write('timed.yaml', POLICY.replace('EXPECT', 'allow').replace(
            'services: [web, ping]} }', 'services: [web, ping]}, when: day, expires: 2026-12-01 }').replace(
                'fixtures:', 'settings: { timezone: UTC }\nschedules: { day: {days: daily, from: "08:00", to: "18:00"} }\n'
                'fixtures:').encode())
        for at, verdict in ((None, 'allow'), ('2026-11-24T17:59:59Z', 'allow'), ('2026-11-24T19:00+01:00', 'deny'),
                            ('2026-12-01T17:59', 'allow'), ('2026-12-02T12:00', 'deny')):
            with self.subTest(at=at):
                done = self.run_it('explain', path, '--plane', 'reference', '--json', '--from', 'ana', '--to',
                                   '10.30.2.9:80', *(['--at', at] if at else []))
                self.assertEqual(json.loads(done.stdout)['verdict'], verdict)
        self.run_it('explain', path, '--from', 'ana', '--to', 'git:80', '--at', '2026-11-24T25:00', code=2)

    def test_check_names_a_red_test_and_exits_4(self):
        path = self.write('red.yaml', POLICY.replace('EXPECT', 'deny'))
        done = self.run_it('check', path, '--plane', 'reference', code=4)
        self.assertRegex(done.stderr, r'red\.yaml:14:5: test failed: user ana to git tcp/80: allowed by rule eng-git, expected deny')

    def test_a_policy_comes_by_stdin_too(self):
        with open(self.policy, 'rb') as file:
            done = subprocess.run([PROGRAM, 'check', '-', '--plane', 'reference'], stdin=file, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r'^ok  2 rules, 1 of 1 tests passed')
        shell = subprocess.run(['sh', '-c', '"$1" check - <&-', 'sh', PROGRAM], capture_output=True, text=True, check=False)
        self.assertIn('cannot read stdin: Bad file descriptor (nothing is open there', shell.stderr)
        done = subprocess.run([PROGRAM, 'check', '-'], input='sallyport: 2\n', capture_output=True, text=True, check=False)
        self.assertRegex(done.stderr, r'^stdin:1:\d+: ')
        self.assertEqual(done.returncode, 3)

    def test_a_file_to_write_has_a_name(self):
        for words in (('backup', '-'), ('login', 'https://192.0.2.1', '--config', '-')):
            done = self.run_it(*words, '--root', self.folder.name, code=2)
            self.assertIn(f'{words[-2]} -: it is written to a file and not to the output', done.stderr)
        self.assertFalse(os.path.exists('-'))

    def test_watch_is_not_the_gateways(self):
        with unittest.mock.patch.dict(os.environ, HOME=self.folder.name, XDG_CONFIG_HOME=self.folder.name):
            done = self.run_it('status', '--watch', '--root', self.folder.name, code=2)
        self.assertIn('for the gateway: watch sallyport status', done.stderr)

    def test_what_we_print_for_others_passes_and_fits_its_machine(self):
        with open(os.path.join(TOP, 'README.md'), encoding='utf-8') as file:
            blocks = [textwrap.dedent(block) for block in re.findall(r'```yaml\n(.*?)```', file.read(), re.S)]
        readme = [next(block for block in blocks if word in block) for word in ('rules:', 'interfaces:')]
        pairs = [(os.path.join(TOP, 'docs/examples/policy.yaml'), os.path.join(TOP, 'docs/examples/sallyport.yaml')),
                 (self.write('readme.yaml', readme[0]), self.write('sallyport.yaml', readme[1]))]
        for policy, machine in pairs:
            answer = self.ask('check', policy, '--gateway', machine, '--plane', 'reference')
            self.assertEqual((answer['ok'], answer['diagnostics']), (True, []), policy)

    def test_what_leaves_people_outside_is_a_warning(self):
        machine = self.write('sallyport.yaml', 'sallyport: 1\ninterfaces: { edge: [wan0], inside: [lan0], tunnel: vpn0 }\n'
                             'vpn: { listen: 51820, dns: [10.30.0.53] }\nportal: { url: "https://gate.example.org" }\n')
        self.assertEqual(self.ask('check', self.policy, '--plane', 'reference')['diagnostics'], [])
        os.mkdir(os.path.join(self.folder.name, 'idp.d'))
        self.write('idp.d/crop.yaml', 'type: oidc\nissuer: https://login.example.org\nclient-id: sallyport\n')
        answer = self.ask('check', self.policy, '--gateway', machine, '--plane', 'reference')
        said = ' '.join(item['message'] for item in answer['diagnostics'])
        for part in ('the tunnel is closed', 'the portal is closed', 'cannot ask 10.30.0.53', 'did you mean "crop"?'):
            self.assertIn(part, said)
        self.assertEqual({item['severity'] for item in answer['diagnostics']}, {'warning'})

    def test_check_points_at_an_error_and_exits_3(self):
        path = self.write('bad.yaml', POLICY.replace('from: engineer', 'from: enginer').replace('EXPECT', 'allow'))
        done = self.run_it('check', path, code=3)
        self.assertRegex(done.stderr, r'bad\.yaml:8:36: .*"enginer".*did you mean "engineer"')
        answer = self.ask('check', path, code=3)
        self.assertEqual((answer['ok'], answer['diagnostics'][0]['line']), (False, 8))

    def test_usage_errors_exit_2_and_suggest(self):
        self.assertIn('did you mean "check"', self.run_it('chekc', self.policy, code=2).stderr)
        self.assertIn('did you mean --json', self.run_it('check', self.policy, '--jsn', code=2).stderr)
        self.assertIn('did you mean "session revoke"', self.run_it('session', 'revok', code=2).stderr)
        self.run_it('check', code=2)
        self.run_it('check', self.policy, 'another', code=2)
        self.run_it('explain', self.policy, '--from', 'ana', code=2)
        self.run_it('explain', self.policy, '--from', 'anna', '--to', '10.30.2.9:80', code=2)
        self.run_it('explain', self.policy, '--from', 'ana', '--to', '10.30.2.9:99999', code=2)
        self.run_it('explain', self.policy, '--from', 'ana', '--to', '10.30.2.9:80', '--plane', 'dpdk', code=2)
        self.run_it(code=2)

    def test_every_verb_has_help(self):
        for line in self.run_it('--help').stdout.splitlines():
            if line.startswith('  '):
                verb = re.match(r'[a-z ]+?(?= [A-Z[]|  )', line[2:])[0].split()
                self.assertIn('usage: sallyport ' + ' '.join(verb), self.run_it(*verb, '--help').stdout)
                self.assertEqual(self.run_it('help', *verb).stdout, self.run_it(*verb, '--help').stdout)

    def test_help_stands_in_columns_and_within_the_screen(self):
        for words in ((), ('audit',), ('user', 'groups'), ('session',), ('status',), ('bench',)):
            rows = [line for line in self.run_it(*words, '--help').stdout.splitlines() if line.startswith('  ')]
            starts = {re.match(r'  \S.*?\S {2,}', line).end() for line in rows}
            self.assertEqual(len(starts), 1, f'{words}: {rows}')
            for columns in ('60', '80', '130'):
                with unittest.mock.patch.dict(os.environ, COLUMNS=columns):
                    lines = self.run_it(*words, '--help').stdout.splitlines()
                self.assertLessEqual(max(map(len, lines)), int(columns), words)

    def test_a_first_word_alone_lists_its_verbs(self):
        for group, verbs in {'session': 4, 'peer': 4, 'user': 5, 'idp': 3}.items():
            alone, asked = self.run_it(group, code=2), self.run_it(group, '--help')
            self.assertEqual((alone.stderr, alone.stdout), (asked.stdout, ''))
            self.assertEqual(self.run_it('help', group).stdout, asked.stdout)
            self.assertEqual(len([line for line in asked.stdout.splitlines() if line.startswith('  ')]), verbs)

    def test_what_is_mistyped_gets_the_nearest(self):
        for words, meant in ((('sesion', 'list'), 'session list'), (('sesion', 'lst'), 'session list'),
                             (('sesion',), 'session'), (('session', 'lst'), 'session list'),
                             (('peer', 'confg', 'x'), 'peer config'), (('help', 'statsu'), 'status'),
                             (('hlep',), 'help'), (('stat',), 'status'), (('user', 'ad', 'ana'), 'user add'),
                             (('audit', 'verfy'), 'audit verify')):
            self.assertIn(f'did you mean "{meant}"?', self.run_it(*words, code=2).stderr)
        self.assertIn('did you mean --version?', self.run_it('--verion', code=2).stderr)
        for words in (('re',), ('audit', 'nothing'), ('session', 'x')):  # of several, of none
            self.assertNotIn('did you mean', self.run_it(*words, code=2).stderr)

    def test_common_options_stand_anywhere(self):
        root = self.folder.name
        for words in (('--root', root, '--json', 'session', 'list'), ('session', '--json', f'--root={root}', 'list'),
                      ('session', 'list', '--root', root, '--json'), ('--json', 'session', 'list', '--root', root)):
            answer = json.loads(self.run_it(*words, code=6).stdout)
            self.assertIn(root, answer['error']['message'])
        self.assertIn('--root needs a value', self.run_it('--root', code=2).stderr)
        self.assertIn('usage: sallyport session list', self.run_it('--help', 'session', 'list').stdout)

    def test_an_error_is_json_with_json(self):
        for words, code, word in ((('nonsense', '--json'), 2, 'bad-request'), (('check', '--json'), 2, 'bad-request'),
                                  (('check', self.policy, '--jsn', '--json'), 2, 'bad-request'), (('peer', '--json'), 2, 'bad-request'),
                                  (('check', '/nonexistent', '--json'), 1, 'failed'),
                                  (('status', '--json', '--root', self.folder.name), 6, 'unreachable')):
            answer = json.loads(self.run_it(*words, code=code).stdout)
            self.assertEqual((answer['v'], answer['ok'], answer['error']['code'], answer['error']['exit']),
                             (1, False, word, code), words)
            self.assertTrue(answer['error']['message'])

    def test_tables_keep_within_the_screen_whatever_the_script(self):
        names = ['ana', 'bob', 'somebody-with-a-name-of-length']
        groups = ['engineering', '経理部の人', 'Zoe\u0308', 'ไทย', 'on call', '夜間当直', 'a-group-of-some-length']
        os.makedirs(os.path.join(self.folder.name, 'etc/sallyport/idp.d'))
        self.write('etc/sallyport/idp.d/local.yaml', 'type: local\nusers:\n' + ''.join(
            f'  {name}: {{groups: [{", ".join(groups)}]}}\n' for name in names))
        for columns in (40, 60, 80, 130):
            with unittest.mock.patch.dict(os.environ, COLUMNS=str(columns)):
                lines = self.run_it('user', 'list', '--root', self.folder.name).stdout.splitlines()
            self.assertLessEqual(max(map(width, lines)), columns)
            self.assertTrue(all(word in ' '.join(lines) for word in names + groups))

    def test_sentences_are_broken_at_blanks(self):
        with unittest.mock.patch.dict(os.environ, COLUMNS='60'):
            for words in (('doctor',), ('check', self.policy)):
                lines = subprocess.run([PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                       check=False).stdout.splitlines()
                self.assertFalse([line for line in lines if width(line) > 60 and ' ' in line.strip()], words)

    def said_at_terminal(self, columns, *words):
        """What stderr shows at a terminal so wide; stdout is none."""
        terminal, stderr = pty.openpty()
        self.addCleanup(os.close, terminal)
        termios.tcsetwinsize(stderr, (24, columns))
        env = {k: v for k, v in os.environ.items() if k not in ('SALLYPORT_ROOT', 'COLUMNS')}
        subprocess.run([PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, env=env,
                       cwd=self.folder.name, timeout=60, check=False)
        os.close(stderr)
        said = b''
        while True:
            try:
                said += os.read(terminal, 4096)
            except OSError:
                return said.decode().replace('\r\n', '\n')

    def test_messages_are_broken_at_the_width_of_a_terminal_alone(self):
        self.write('wide.yaml', POLICY.replace('EXPECT', 'deny').replace('git: ', '李小龍李小龍: '))
        for words in (('check', 'wide.yaml'), ('status', '--root', 'nowhere'), ('sesion', 'list'), ('explain', '--to', 'x'),
                      ('audit', 'verify', '/nowhere/at/all/a-name-that-is-longer-than-the-screen-is-wide.jsonl'), ('session',)):
            env = dict(os.environ, COLUMNS='40')
            one = subprocess.run([PROGRAM, *words], capture_output=True, text=True, env=env, cwd=self.folder.name, timeout=60,
                                 check=False).stderr
            for columns in (60, 40):
                said = self.said_at_terminal(columns, *words)
                self.assertEqual(said.split(), one.split())
                for line in said.splitlines():
                    self.assertTrue(width(line) <= columns or ' ' not in line.strip() or '/nowhere' in line or
                                    '--' in line, (columns, line))
            if words != ('session',):
                self.assertTrue(any(len(line) > 60 for line in one.splitlines()), one)

    def test_output_that_cannot_be_written_is_an_error(self):
        for words in (('--help',), ('--version',), ('check', self.policy), ('check', self.policy, '--json'), ('doctor',)):
            with open('/dev/full', 'w', encoding='utf-8') as full:
                done = subprocess.run([PROGRAM, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            self.assertIn('No space left on device', done.stderr)
            self.assertNotEqual(done.returncode, 0, words)
            closed = subprocess.run(['sh', '-c', 'exec "$@" >&-', '-', PROGRAM, *words], stderr=subprocess.PIPE, text=True,
                                    check=False)
            self.assertIn('could be written', closed.stderr)
            self.assertNotEqual(closed.returncode, 0, words)

    def test_explain_names_what_was_meant(self):
        for who, target, meant in (('ana', 'gti:80', 'git'), ('role:enginer', 'git:80', 'engineer'), ('anna', 'git:80', 'ana'),
                                 ('user:anna', 'git:80', 'ana'), ('ana', 'git:wbe', 'web'), ('ana', '10.30.2.9:pign', 'ping')):
            done = self.run_it('explain', self.policy, '--from', who, '--to', target, code=2)
            self.assertRegex(done.stderr, f'did you mean "?{meant}"?')
        for words, meant in ((['--service', 'wbe'], 'web'), (['--service', 'tpc/80'], 'tcp/80'), (['--service', '80/tcp'], 'tcp/80'),
                             (['--service', 'web', '--on', 'wan'], 'wan0')):
            done = self.run_it('explain', self.policy, '--from', 'ana', '--to', 'git', *words, code=2)
            self.assertIn(meant, done.stderr)
        self.run_it('explain', self.policy, '--from', 'ana', '--to', 'git:80', '--service', 'web', code=2)
        self.run_it('explain', self.policy, '--from', 'ana', '--to', 'git:web/udp', code=2)
        self.run_it('explain', self.policy, '--from', 'ana', '--to', '[2001:db8:30::9', code=2)

    def explain(self, who, target, *words, code=0):
        return self.ask('explain', self.policy, '--from', who, '--to', target, '--plane', 'reference', *words, code=code)

    def test_explain_answers(self):
        cases = (
            ('ana', '10.30.2.9:80', 'allow', 'eng-git', 'policy', 'vpn-in'),
            ('role:engineer', '[2001:db8:30::9]:80/tcp', 'allow', 'eng-git', 'policy', 'vpn-in'),
            ('ana', '10.30.9.4/icmp', 'deny', 'payroll-closed', 'policy', 'vpn-in'),
            ('ana', '10.30.2.9:80/udp', 'deny', 'default', 'default', 'vpn-in'),
            ('100.64.0.9', '10.30.2.9:80', 'deny', None, 'no-identity', 'vpn-in'),
            ('anonymous', '10.30.2.9:80', 'deny', 'default', 'default', 'edge-in'),
            ('ana', 'git:80', 'allow', 'eng-git', 'policy', 'vpn-in'),
            ('ana', 'git:http', 'allow', 'eng-git', 'policy', 'vpn-in'),
            ('user:ana', 'git:web', 'allow', 'eng-git', 'policy', 'vpn-in'),
            ('ana', '10.30.2.9:web', 'allow', 'eng-git', 'policy', 'vpn-in'),
            ('role:engineer', '[2001:db8:30::9]:web', 'allow', 'eng-git', 'policy', 'vpn-in'),
            ('ana', 'git:ping', 'allow', 'eng-git', 'policy', 'vpn-in'),
            ('2001:db8:30::9', 'git:ping', 'deny', 'default', 'default', 'inside-in'),
            ('role:engineer', 'git:domain/udp', 'deny', 'default', 'default', 'vpn-in'),
            ('ana', 'payroll/icmp', 'deny', 'payroll-closed', 'policy', 'vpn-in'),
            ('2001:db8:30::9', 'git:80', 'deny', 'default', 'default', 'inside-in'),
            ('10.30.2.9', '10.30.9.4:22', 'deny', 'payroll-closed', 'policy', 'inside-in'),
        )
        for who, target, verdict, rule, reason, hook in cases:
            with self.subTest(who=who, target=target):
                answer = self.explain(who, target)
                self.assertEqual((answer['verdict'], answer['rule'], answer['reason'], answer['hook']),
                                 (verdict, rule, reason, hook))
        for service, port in (('web', 80), ('tcp/443', 443)):
            answer = self.explain('ana', 'git', '--service', service)
            self.assertEqual((answer['verdict'], answer['destination'], answer['proto'], answer['port']),
                             ('allow', '10.30.2.9', 6, port))
        self.assertEqual(self.explain('role:engineer', '2001:db8:30::9', '--service', 'ping')['proto'], 58)
        self.assertEqual(self.explain('ana', '10.30.9.4:22')['message'], 'Payroll is closed')
        self.assertEqual(self.explain('ana', '10.30.9.4:22')['line'], 9)
        self.assertEqual(self.explain('100.64.0.7', '10.30.2.9:80', '--on', 'wan0')['reason'], 'spoofed')

    def test_explain_says_why(self):
        trail = self.explain('ana', '10.30.2.9:80')['trail']
        self.assertEqual([(role['role'], role['by']) for role in trail['roles']], [('engineer', 'group eng of corp')])
        self.assertEqual((trail['hooks'], trail['otherwise']['rule'], trail['near']), (['vpn-in', 'lock'], 'default', []))
        trail = self.explain('ana', '10.30.2.9:81')['trail']
        self.assertEqual((trail['otherwise'], trail['near'][0]['rule'], trail['near'][0]['misses']),
                         (None, 'eng-git', 'services'))
        done = self.run_it('explain', self.policy, '--from', 'ana', '--to', '10.30.2.9:81', '--plane', 'reference')
        for line in ('role   engineer ', 'hook   vpn-in', 'near   rule eng-git '):
            self.assertIn('\n  ' + line, done.stdout)

    def test_explain_exit_code(self):
        self.explain('ana', '10.30.2.9:80', '--exit-code')
        self.explain('ana', '10.30.9.4:80', '--exit-code', code=10)

    def replay(self, text, *words, code=0):
        path = self.write('x.pcap', text)
        done = self.run_it('replay', self.policy, '--pcap', path, '--plane', 'reference', '--json', *words, code=code)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_replay_judges_every_record_in_order_with_flows(self):
        lines = self.replay(capture([
            ethernet(0x0800, tcp('100.64.0.7', '10.30.2.9', 5000, 80, 0x02)),
            ethernet(0x0800, tcp('10.30.2.9', '100.64.0.7', 80, 5000, 0x12)),
            ethernet(0x0800, tcp('10.30.2.9', '100.64.0.7', 81, 5000, 0x12)),
            ethernet(0x0806, bytes(28)),
            ethernet(0x88cc, bytes(20)),
            ethernet(0x0800, tcp('100.64.0.7', '10.30.9.4', 5001, 80, 0x02)),
            b'\x00' * 5,
        ]))
        self.assertEqual([(x['n'], x['verdict'], x['rule'], x['reason']) for x in lines], [
            (1, 'allow', 'eng-git', 'policy'), (2, 'allow', 'eng-git', 'reply'), (3, 'deny', None, 'no-flow'),
            (4, 'allow', None, 'ethertype'), (5, 'deny', None, 'ethertype'), (6, 'deny', 'payroll-closed', 'policy'),
            (7, 'deny', None, 'truncated')])

    KEYS = ('v seq time boot gateway generation revision event user session roles peer src sport dst dport proto iface hook '
            'verdict rule reason packets bytes').split()

    def log(self, *records):
        path = os.path.join(self.folder.name, 'records.jsonl')
        with open(path, 'w', encoding='utf-8') as file:
            for number, record in enumerate(records, 1):
                line = dict.fromkeys(self.KEYS) | {'v': 1, 'seq': number, 'time': '2026-11-22T03:10:00.000000000Z'} | record
                file.write(json.dumps(line | {'prev': '0' * 64}) + '\n')
        return path

    def test_replay_says_what_another_policy_decides_otherwise(self):
        def record(user, roles, src, dst, port, verdict, rule, reason='policy', hook='vpn-in'):
            return {'event': verdict, 'user': user, 'idp': user and 'corp', 'roles': roles, 'src': src, 'sport': 4000, 'dst': dst,
                    'dport': port, 'proto': 'tcp', 'hook': hook, 'verdict': verdict, 'rule': rule, 'reason': reason}
        engineer = ('ana', ['engineer'], '100.64.0.7')
        same = [record(*engineer, '10.30.2.9', 80, 'allow', 'eng-git'), record(*engineer, '10.30.9.4', 80, 'deny', 'closed'),
                record(None, None, '10.30.2.9', '10.30.9.4', 80, 'deny', 'x', hook='inside-in'),
                record(*engineer, '10.30.2.9', 80, 'deny', None, 'malformed'), {'event': 'gap', 'packets': 3},
                {'event': 'deny', 'hook': 'vpn-in', 'verdict': 'deny', 'reason': 'default', 'aggregated': True}]
        answer = self.ask('replay', self.policy, '--from', self.log(*same))
        self.assertEqual([answer[key] for key in ('same', 'records', 'judged', 'undecided', 'differences')], [True, 5, 3, 2, []])
        other = [record(*engineer, '10.30.2.9', 81, 'allow', 'old')] * 2 + [
            record(*engineer, '10.30.2.9', 80, 'deny', 'default', 'default'),
            record('bob', ['vendor'], '100.64.0.8', '10.30.2.9', 80, 'allow', 'old'),
            record(None, None, '10.30.2.9', '100.64.0.9', 80, 'allow', 'old', hook='inside-in')]
        answer = self.ask('replay', self.policy, '--from', self.log(*same, *other), code=1)
        self.assertEqual([(one['user'], one['service'], one['was']['rule'], one['is']['verdict'], one['is']['rule'], one['count'])
                          for one in answer['differences']],
                         [('ana', 'tcp/81', 'old', 'deny', 'default', 2), ('ana', 'tcp/80', 'default', 'allow', 'eng-git', 1),
                          ('bob', 'tcp/80', 'old', 'deny', None, 1)])
        self.assertEqual(answer['unknown'], 1)
        done = self.run_it('replay', self.policy, '--from', self.log(*other), code=1)
        self.assertIn('- ana (corp) to 10.30.2.9 tcp/81: allow by old, now deny by default  (2)\n', done.stdout)
        self.assertIn('+ ana (corp) to 10.30.2.9 tcp/80: deny by default, now allow by eng-git  (1)\n', done.stdout)

    def test_replay_refuses_what_is_no_log(self):
        self.run_it('replay', self.policy, '--from', self.policy, code=2)
        self.run_it('replay', self.policy, '--from', os.path.join(self.folder.name, 'none'), code=2)
        self.run_it('replay', self.policy, '--from', self.log(), '--hook', 'vpn-in', code=2)
        self.run_it('replay', self.policy, '--from', self.log(), '--pcap', self.policy, code=2)

    def test_replay_refuses_what_is_no_capture(self):
        self.replay(b'not a capture at all, but long enough', code=1)
        self.assertEqual([line.get('ok') for line in self.replay(capture([ethernet(0x0806, bytes(28))]) + b'\x01\x02', code=1)], [None, False])

    def test_no_daemon_exits_6(self):
        for verb in (['status'], ['session', 'list'], ['apply', self.policy], ['audit'], ['history']):
            self.run_it(*verb, '--root', self.folder.name, code=6)

    def test_each_failure_of_the_system_says_what_to_do(self):
        folder, away = self.folder.name, os.path.join(self.folder.name, 'away')
        closed, long = self.write('closed', 'x'), os.path.join(folder, 'a' * 300)
        below, loop = os.path.join(closed, 'below'), os.path.join(folder, 'loop')
        os.symlink(loop, loop)
        os.chmod(closed, 0)
        providers = os.path.join(folder, 'etc/sallyport/idp.d')
        os.makedirs(providers)
        root = ('--root', folder)
        runs = [(verb, *before, path, *behind) for path in (away, folder, long, below, loop, closed)
                for verb, before, behind in (
                    ('check', (), ()), ('apply', (), root), ('replay', (self.policy,), ()), ('audit', ('verify',), ()),
                    ('explain', (), ('--from', '10.0.0.1', '--to', '10.0.0.2:80')), ('backup', (), root), ('restore', (), root),
                    ('idp', ('verify', '--idp', 'corp', '--keys'), (self.policy, *root)),
                    ('login', ('https://127.0.0.1:1', '--state', folder, '--ca'), ()),
                    ('login', ('https://127.0.0.1:1', '--state',), ()), ('status', ('--root',), ()))]
        runs += [('user', 'add', 'ana', '--password-fd', '99', *root), ('idp', 'test', 'corp', *root), ('status', *root),
                 ('doctor', '--root', long), ('up', '--state', away), ('login', 'https://127.0.0.1:1', '--state', folder),
                 ('login', 'https://nobody.invalid', '--state', folder), ('user', 'list', '--root', away), ('bench', 'peers')]
        asked = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'] if os.geteuid() == 0 else []
        if asked:
            os.chmod(folder, 0o755)
        words_of_the_system = {os.strerror(number).lower() for number in errno.errorcode}
        for words in runs:
            done = subprocess.run([*asked, PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, check=False)
            self.assertNotEqual(done.returncode, 0, words)
            self.assertTrue(done.stderr.strip(), words)
            for line in done.stderr.splitlines():
                self.assertFalse([text for text in words_of_the_system if line.lower().endswith(text)], (words, line))

    def test_bench_names_what_there_is(self):
        for word, said in (('vnp', 'did you mean "vpn"'), ('nothing-like-it', 'vpn, aead, handshake, peers')):
            self.assertIn(said, self.run_it('bench', word, code=2).stderr)
        self.run_it('bench', code=2)
        self.run_it('bench', '--json', code=2)

    def test_bench_hands_everything_over_to_its_runner(self):
        runner = self.write('sp-bench-vpn', '#!/bin/sh\nfor word; do echo "[$word]"; done\nexit 42\n')
        os.chmod(runner, 0o755)
        with unittest.mock.patch.dict(os.environ, SALLYPORT_BENCH_DIR=self.folder.name):
            done = self.run_it('bench', 'vpn', '--json', '--rounds', '3', 'a b', '--help', code=42)
            self.assertEqual(done.stdout.split('\n')[:-1], ['[--json]', '[--rounds]', '[3]', '[a b]', '[--help]'])
            self.assertIn('sp-bench-peers: No such file', self.run_it('bench', 'peers', code=1).stderr)

    def test_audit_verify_of_no_log_is_a_failure(self):
        for words in (('--root', self.folder.name), (os.path.join(self.folder.name, 'typo.jsonl'),)):
            self.assertIn('No such file', self.run_it('audit', 'verify', *words, code=1).stderr)
        self.assertIn('no records', self.run_it('audit', 'verify', self.write('empty.jsonl', '')).stdout)


if __name__ == '__main__':
    unittest.main()
