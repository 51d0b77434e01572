#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line against everybody who hands it texts: a portal, a sallyportd, files. Whatever field holds an escape
sequence or a character nobody sees, neither output nor error has it as it is; the command still does what it does.

    test_hostile.py SALLYPORT
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(TOP, 'tests', 'support'))
import fake_portal  # noqa: E402
import hostile  # noqa: E402
from fake_daemon import FakeDaemon  # noqa: E402

SALLYPORT = os.path.abspath(sys.argv.pop(1))
EVIL = ''.join(text for text in hostile.TEXTS if text != '\0')


def paths_of(value, path=()):
    """Of each text in a JSON value."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from paths_of(item, path + (key,))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from paths_of(item, path + (i,))


def with_evil(value, path):
    """The value with the text there followed by the evil one."""
    value = json.loads(json.dumps(value))
    at = value
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] += EVIL
    return value


class Clean(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def run_clean(self, *words, input_text=None, env=None):
        done = subprocess.run([SALLYPORT, *words], input=input_text, capture_output=True, timeout=120,
                              env={**os.environ, 'HOME': self.folder, 'XDG_CONFIG_HOME': self.folder, 'LC_ALL': 'C.UTF-8',
                                   **(env or {})})
        for stream in (done.stdout, done.stderr):
            self.assertIsNone(hostile.find(stream), f'{words}')
        return done


class Portal(Clean):
    """What a malicious portal answers to a person's client."""

    def setUp(self):
        super().setUp()
        self.portal = fake_portal.FakePortal(self.folder)
        self.addCleanup(self.portal.close)
        self.answers = {}  # path -> the last true answer
        self.bend = None   # (path, where in the answer)
        handle = self.portal.handle

        def bent(path, body, bearer):
            status, text = handle(path, body, bearer)
            answer = json.loads(text)
            self.answers[path] = answer
            if self.bend and self.bend[0] == path:
                answer = with_evil(answer, self.bend[1])
            return status, json.dumps(answer).encode()
        self.portal.handle = bent

    def login(self, *words):
        done = self.run_clean('login', self.portal.url, '--fingerprint', self.portal.fingerprint, '--device', 'laptop',
                              '--idp', 'local', '--user', 'ana', '--password-fd', '0', *words,
                              input_text=b'correct horse\n')
        return done

    def test_each_field_of_each_answer(self):
        self.assertEqual(self.login().returncode, 0)
        self.run_clean('status')
        self.run_clean('logout')
        asked = [(path, where) for path, answer in self.answers.items() for where in paths_of(answer)]
        self.assertGreater(len(asked), 20)
        for bend in asked:
            with self.subTest(bend):
                self.bend = bend
                self.login()
                self.run_clean('status')
                self.run_clean('logout')
                self.bend = None
                subprocess.run(['rm', '-rf', os.path.join(self.folder, 'sallyport')], check=True)

    def test_each_field_of_a_prompt(self):
        words = ('login', self.portal.url, '--fingerprint', self.portal.fingerprint, '--device', 'laptop', '--idp', 'corp')
        self.assertEqual(self.run_clean(*words).returncode, 0)
        for where in paths_of(self.answers['device/start']):
            with self.subTest(where):
                self.bend = ('device/start', where)
                self.run_clean(*words, '--qr')
                self.run_clean(*words, '--json')

    def test_refusals(self):
        for code in ('login-failed', EVIL):
            self.portal.refuse['login'] = fake_portal.Refused(401, code, 'no' + EVIL, retry_after_s=3)
            self.assertNotEqual(self.login().returncode, 0)
            self.assertNotEqual(self.login('--json').returncode, 0)

    def test_what_is_no_answer(self):
        for raw in (EVIL.encode(), b'\x1b\x9b\xff', json.dumps({'v': 1, 'error': EVIL}).encode(),
                    json.dumps(EVIL).encode()):
            self.portal.raw['providers'] = raw
            self.assertNotEqual(self.login().returncode, 0)


ROW = {'session': 3, 'state': 'live', 'user': 'ana', 'idp': 'corp', 'subject': 's', 'roles': ['engineer'],
       'addresses': ['100.64.0.2'], 'device': 'laptop', 'opened': '2026-01-01T00:00:00.000Z', 'expires': 'x', 'last': 'y',
       'name': 'laptop', 'public_key': 'k', 'endpoint': '192.0.2.9:1', 'last_handshake': 'x', 'revision': 1,
       'generation': 'abc', 'applied': 'x', 'who': 'root', 'outcome': 'ok', 'path': '/p', 'message': 'm'}
RECORD = {'v': 1, 'seq': 1, 'time': '2026-01-01T00:00:00.000Z', 'event': 'deny', 'user': 'ana', 'src': '10.0.0.1',
          'sport': 1, 'dst': '10.0.0.2', 'dport': 2, 'proto': 'tcp', 'hook': 'vpn-in', 'verdict': 'deny', 'rule': 'r',
          'reason': 'policy', 'message': 'm', 'peer': 'laptop', 'idp': 'corp', 'iface': 'vpn0', 'packets': 2, 'by': 'uid 0'}
STATUS = {'gateway': 'g', 'version': '1', 'root': '/', 'pid': 1, 'started': 'x', 'plane': 'ebpf', 'state': 'enforcing',
          'revision': 1, 'generation': 'abc', 'applied': 'x', 'rules': 1, 'rules_change': 'x', 'memory_locked': True,
          'lock': {'open': True, 'dropped': {'unjudged': {'packets': 1, 'bytes': 1}}},
          'tunnel_key': 'k', 'interfaces': [{'name': 'wan0', 'zone': 'edge', 'ifindex': 1, 'present': True, 'up': True,
                                             'addresses': ['192.0.2.1/24']}],
          'ungoverned': ['eth1'], 'unmanaged': [{'name': 'guest0', 'present': False}],
          'hooks': [{'hook': 'vpn-in', 'interface': 'vpn0', 'mode': 'tcx', 'prog_id': 1, 'revision': 1, 'judges': 'j',
                     'allow': {'packets': 1, 'bytes': 1}, 'deny': {'packets': 1, 'bytes': 1},
                     'reasons': [{'verdict': 'deny', 'reason': 'policy', 'packets': 1, 'bytes': 1}]}],
          'sessions': {'live': 1, 'parked': 0, 'max': 2}, 'flows': {'tracked': 1, 'max': 2},
          'engine': {'kind': 'userspace', 'reachable': True, 'socket': 's', 'error': 'e', 'listen_port': 1,
                     'in_step': True, 'name': 'n', 'aead': 'a', 'queues': 1, 'memory_locked': True,
                     'offloads': {'tun': False}, 'bad_frames': 1, 'refused_frames': 1,
                     'drops': [{'reason': 'replay', 'packets': 1}], 'peer_count': 1, 'handshakes': 1, 'peers': [ROW]},
          'portal': {'running': True, 'url': 'u', 'fingerprint': 'f', 'since': 's',
                     'providers': [{'name': 'corp', 'type': 'oidc', 'state': 'failed', 'error': 'e'}]},
          'events': {'attempted': 1, 'lost': 0, 'sampled': 0}, 'audit': {'file': 'f', 'seq': 1, 'error': 'e'},
          'warnings': [{'code': 'c', 'message': 'm', 'remedy': 'r'}],
          'rule_counters': [{'rule': 'r', 'name': 'r', 'packets': 1, 'bytes': 1}]}
EXPLAINED = {'verdict': 'deny', 'rule': 'r', 'file': 'f', 'line': 1, 'reason': 'policy', 'generation': 'abc', 'user': 'ana',
             'role': 'r', 'source': '10.0.0.1', 'hook': 'vpn-in', 'message': 'm', 'plane': 'ebpf', 'path': [], 'who': 'ana'}
DAEMON = [  # an op, its reply, how it is asked for
    ('status', STATUS, ['status']),
    ('session.list', {'sessions': [ROW]}, ['session', 'list']),
    ('peer.list', {'peers': [ROW], 'devices': [ROW]}, ['peer', 'list']),
    ('history', {'generations': [ROW]}, ['history']),
    ('audit.query', {'records': [RECORD]}, ['audit']),
    ('peer.config', {'config': '# laptop\n[Interface]\n'}, ['peer', 'config', 'laptop']),
    ('peer.remove', ROW, ['peer', 'remove', 'laptop']),
    ('session.close', {'closed': [ROW], 'kernel_ns': 1}, ['session', 'revoke', 'ana']),
    ('explain', EXPLAINED, ['explain', '--from', '10.0.0.1', '--to', '10.0.0.2:22']),
]


class LyingDaemon(FakeDaemon):
    """Answers each request with `reply`, or fails it with `error`."""

    def __init__(self, root):
        self.reply, self.error, self.ops = {}, None, []
        super().__init__(root)

    def answer(self, request):
        self.ops.append(request['op'])
        return {'ok': False, 'error': self.error} if self.error else self.reply


class Daemon(Clean):
    """What a sallyportd that was lied to, or is none, answers to an administrator."""

    def setUp(self):
        super().setUp()
        self.daemon = LyingDaemon(self.folder)

    def test_each_field_of_each_reply(self):
        for op, reply, words in DAEMON:
            self.daemon.reply, self.daemon.ops = reply, []
            self.run_clean(*words, '--root', self.folder)
            self.assertIn(op, self.daemon.ops)
            for where in paths_of(reply):
                with self.subTest((op, where)):
                    self.daemon.reply = with_evil(reply, where)
                    self.run_clean(*words, '--root', self.folder)
            everywhere = reply
            for where in paths_of(reply):
                everywhere = with_evil(everywhere, where)
            self.daemon.reply = everywhere
            for more in ([], ['--json']):
                done = self.run_clean(*words, '--root', self.folder, *more)
                self.assertIn(b'\\u202e', done.stdout + done.stderr, (words, more))

    def test_a_text_is_shown_escaped_not_left_out(self):
        self.daemon.reply = {'sessions': [with_evil(ROW, ('user',))]}
        shown = self.run_clean('session', 'list', '--root', self.folder).stdout
        self.assertIn(rb'ana\x1b[2J', shown)
        self.assertIn(rb'\u202e', shown)

    def test_doctor(self):
        for where in [('hooks', 0, 'hook'), ('state',)]:
            self.daemon.reply = with_evil(STATUS, where)
            self.run_clean('doctor', '--root', self.folder)

    def test_refusals(self):
        for error in ({'code': 'bad-request', 'message': 'no' + EVIL, 'exit': 2}, {'code': EVIL, 'message': EVIL, 'exit': 1}):
            self.daemon.error = error
            for _op, _reply, words in DAEMON:
                self.run_clean(*words, '--root', self.folder)


class Files(Clean):
    """Files of other people, names of files, and words of the command itself."""

    def test_policies(self):
        bare = 'sallyport: 1\nroles: { NAME: { match: [ {idp: corp, group: eng} ] } }\nnetworks: { NAME: 10.0.0.0/8 }\n' \
               'services: { NAME: tcp/22 }\nrules: [ {name: NAME, allow: {from: NAME, to: NAME, service: NAME}, reason: NAME} ]\n'
        quoted = json.dumps(EVIL)
        for i, text in enumerate(['"\\e[2J": 1\n', bare.replace('NAME', quoted), bare.replace('NAME', 'a\u00a0b'), EVIL,
                                  *(('NAME'.join(bare.split('NAME')[:n]) + quoted + 'x'.join(bare.split('NAME')[n:])).replace('NAME', 'x')
                                    for n in range(1, 9))]):
            path = os.path.join(self.folder, f'policy{i}\x1b[2J\u009b\u202e.yaml')
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text)
            with self.subTest(text):
                self.run_clean('check', path, '--plane', 'reference')
                self.run_clean('check', path, '--plane', 'reference', '--json')
                self.run_clean('explain', path, '--plane', 'reference', '--from', EVIL, '--to', EVIL)

    def test_bytes_that_are_no_text(self):
        path = os.path.join(self.folder.encode(), b'policy\xff\x9b.yaml')
        with open(path, 'wb') as file:
            file.write(b'sallyport: 1\n\xff\x9b: \x1b\n')
        for words in (['check', path], ['explain', path, '--from', b'\x9b'], [b'\xff\x1b'], ['check', b'--\x9b\x1b'],
                      ['replay', path, path], ['idp', 'verify', b'\x1b\x9b']):
            self.run_clean(*words)

    def test_providers(self):
        folder = os.path.join(self.folder, 'etc', 'sallyport', 'idp.d')
        os.makedirs(folder)
        quoted = json.dumps(EVIL)
        for name, text in (('a', f'type: {quoted}\n'), ('b', f'type: oidc\nissuer: {quoted}\nclient-id: {quoted}\n'),
                           ('c', f'type: local\nusers: {{ {quoted}: {{ password: x, groups: [ {quoted} ] }} }}\n'),
                           ('d\x1b[2J\u009b', 'type: local\nusers: {}\n'), ('e', EVIL)):
            with open(os.path.join(folder, name + '.yaml'), 'w', encoding='utf-8') as file:
                file.write(text)
        for words in (['idp', 'list'], ['idp', 'test', 'b'], ['idp', 'verify', 'b'], ['user', 'list'], ['user', 'list', '--idp', 'c'],
                      ['user', 'remove', EVIL], ['user', 'groups', EVIL, EVIL]):
            self.run_clean(*words, '--root', self.folder, input_text=b'')
            self.run_clean(*words, '--root', self.folder, '--json', input_text=b'')

    def test_each_verb_with_hostile_words(self):
        for verb in ('check', 'explain', 'replay', 'apply', 'history', 'status', 'doctor', 'session list', 'session open',
                     'session revoke', 'peer add', 'peer config', 'audit', 'audit verify', 'login', 'logout', 'up', 'down', 'bench',
                     'idp test', 'user add'):
            for word in (EVIL, '--' + EVIL):
                self.run_clean(*verb.split(), word, '--root', self.folder, input_text=b'')


if __name__ == '__main__':
    unittest.main()
