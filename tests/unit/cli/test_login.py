#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against a portal that is made up: sign-in, trust, what is kept, what is said. usage: test_login.py SALLYPORT"""
import base64
import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'support'))
import fake_portal  # noqa: E402
from fake_portal import FakePortal, Refused  # noqa: E402

PROGRAM = os.path.abspath(sys.argv.pop(1))
PASSWORD = 'correct horse'
OTHER_KEY = 'b3RoZXJPdGhlck90aGVyT3RoZXJPdGhlck90aGVyT3Q='


class Login(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tls = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.tls.cleanup()

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.portal = FakePortal(self.tls.name)
        self.addCleanup(self.portal.close)
        self.kept = os.path.join(self.folder.name, 'sallyport', self.portal.place)

    def env(self):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(('SALLYPORT', 'SUDO_', 'XDG_'))}
        return {**clean, 'XDG_CONFIG_HOME': self.folder.name, 'HOME': self.folder.name, 'TZ': 'UTC', 'NO_COLOR': '1'}

    def run_it(self, *words, code=0, password=None):
        """Without a terminal: new session, standard input closed to questions."""
        read_end = None
        if password is not None:
            read_end, write_end = os.pipe()
            os.write(write_end, password.encode() + b'\n')
            os.close(write_end)
            words = (*words, '--password-fd', str(read_end))
        done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, env=self.env(), timeout=60, check=False,
                              stdin=subprocess.DEVNULL, start_new_session=True,
                              pass_fds=() if read_end is None else (read_end,))
        if read_end is not None:
            os.close(read_end)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, code, f'{words}: {said}')
        for name, secret in self.secrets():
            self.assertNotIn(secret, said, f'{name} on the screen')
        return done

    def secrets(self):
        yield 'the token', fake_portal.TOKEN
        yield 'the handle', fake_portal.HANDLE
        yield 'the password', PASSWORD
        if os.path.exists(os.path.join(self.kept, 'key')):
            yield 'the private key', self.read('key').strip()

    def login(self, *words, code=0, password=PASSWORD, user='ana'):
        return self.run_it('login', self.portal.url, '--fingerprint', self.portal.fingerprint,
                           *(('--user', user) if user else ()), *words, code=code, password=password)

    def read(self, name):
        with open(os.path.join(self.kept, name), encoding='utf-8') as file:
            return file.read()

    def paths(self):
        return [call[0] for call in self.portal.calls]

    def public_of(self, private_key):
        return subprocess.run(['wg', 'pubkey'], input=private_key, capture_output=True, text=True, check=True).stdout.strip()

    # ---- signing in ----

    def test_a_password_signs_in_and_says_what_next(self):
        done = self.login()
        self.assertRegex(done.stdout, r'signed in as ana \(local\) at \S+ until .*\(in (59 min|1 h 0 min)\)')
        self.assertRegex(done.stdout, r'roles +engineer')
        self.assertIn('next: sudo sallyport up', done.stdout)
        self.assertEqual(done.stderr, '')
        self.assertEqual(self.paths(), ['providers', 'challenge', 'login'])
        body = self.portal.calls[2][1]
        self.assertEqual((body['idp'], body['user']), ('local', 'ana'))
        self.assertEqual(body['device']['public_key'], self.public_of(self.read('key')))
        self.assertEqual(body['device']['name'], os.uname().nodename.split('.')[0])

    def test_the_key_is_proven_where_the_portal_asks(self):
        self.portal.challenge = {'challenge': 'c' * 43 + '=', 'key': fake_portal.GATEWAY_KEY, 'url': self.portal.url}
        self.login()
        device = self.portal.calls[-1][1]['device']
        self.assertEqual(device['challenge'], 'c' * 43 + '=')
        self.assertEqual(len(base64.b64decode(device['proof'], validate=True)), 32)

    def test_a_gateway_that_calls_itself_otherwise_gets_no_proof(self):
        self.portal.challenge = {'challenge': 'c' * 43 + '=', 'key': fake_portal.GATEWAY_KEY, 'url': 'https://other.example'}
        self.assertIn('https://other.example', self.login().stderr)
        self.assertEqual(set(self.portal.calls[-1][1]['device']), {'public_key', 'name'})

    def test_a_challenge_that_is_none_stops_the_sign_in(self):
        self.portal.challenge = {'challenge': 'c' * 43 + '=', 'key': 'A' * 43 + '=', 'url': self.portal.url}
        self.login(code=1)

    def test_what_it_holds_is_in_no_core_dump(self):
        with subprocess.Popen([PROGRAM, 'login', self.portal.url, '--fingerprint', self.portal.fingerprint, '--user', 'ana',
                               '--password-fd', '0'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env=self.env()) as program:
            self.addCleanup(program.kill)
            seen, deadline = None, time.monotonic() + 60
            while seen != ('0', '0', 0) and time.monotonic() < deadline:  # it waits for the password
                with open(f'/proc/{program.pid}/limits', encoding='utf-8') as file:
                    soft, hard = next(line.split()[4:6] for line in file if line.startswith('Max core'))
                # who may not be dumped is root's in /proc
                seen = soft, hard, os.stat(f'/proc/{program.pid}/mem').st_uid
                time.sleep(0.02)
            self.assertEqual(seen, ('0', '0', 0))
            program.kill()

    def test_what_is_kept_is_for_its_owner_alone_and_whole(self):
        self.login()
        for path, mode in ((os.path.dirname(self.kept), 0o700), (self.kept, 0o700)):
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), mode, path)
        for name in ('key', 'session.json', 'tunnel.conf'):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.kept, name)).st_mode), 0o600, name)
        self.assertIn(f'PrivateKey = {self.read("key")}', self.read('tunnel.conf'))
        self.assertNotIn('yours', self.read('tunnel.conf'))
        kept = json.loads(self.read('session.json'))
        self.assertEqual((kept['v'], kept['url'], kept['user'], kept['token']),
                         (1, self.portal.url, 'ana', fake_portal.TOKEN))
        self.assertEqual(sorted(os.listdir(self.kept)), ['key', 'session.json', 'tunnel.conf'])

    def test_json_is_one_object(self):
        answer = json.loads(self.login('--json', '--device', 'desk').stdout)
        self.assertEqual((answer['v'], answer['event'], answer['session']['user']), (1, 'signed-in', 'ana'))
        self.assertEqual(answer['session']['device']['name'], 'desk')
        self.assertEqual(answer['tunnel']['allowed_ips'], ['10.30.0.0/16'])
        self.assertNotIn(fake_portal.PRESHARED, json.dumps(answer))

    def test_the_provider_shows_address_and_code(self):
        done = self.login('--idp', 'corp', user=None, password=None)
        self.assertRegex(done.stderr, r'open\s+https://idp\.example/device\s+and enter the code\s+ABCD-EFGH\s+until ')
        self.assertNotIn('█', done.stderr, 'a QR code without a terminal')
        self.assertIn('signed in as ana (corp)', done.stdout)
        self.assertEqual(self.paths(), ['providers', 'challenge', 'device/start', 'device/poll', 'device/poll'])

    def test_the_code_is_drawn_when_asked_for(self):
        done = self.login('--idp', 'corp', '--qr', user=None, password=None)
        drawn = [line[2:] for line in done.stderr.split('\n') if '█' in line]
        self.assertTrue(drawn and all(len(line) == len(drawn[0]) for line in drawn))
        rows = []  # True is dark
        for line in drawn:
            rows.append([c in ' ▄' for c in line])
            rows.append([c in ' ▀' for c in line])
        size = len(drawn[0]) - 4
        finder = ['1111111', '1000001', '1011101', '1011101', '1011101', '1000001', '1111111']
        for top, left in ((2, 2), (2, 2 + size - 7), (2 + size - 7, 2)):
            seen = [''.join('1' if c else '0' for c in row[left:left + 7]) for row in rows[top:top + 7]]
            self.assertEqual(seen, finder, f'at {top},{left}')
        self.assertNotIn('\033', done.stderr)

    def test_json_tells_the_code_on_standard_error(self):
        done = self.login('--idp', 'corp', '--json', user=None, password=None)
        prompt = json.loads(done.stderr)
        self.assertEqual((prompt['event'], prompt['user_code']), ('prompt', 'ABCD-EFGH'))
        self.assertEqual(json.loads(done.stdout)['event'], 'signed-in')

    def test_control_characters_from_outside_stay_outside(self):
        prompt, self.portal.device = self.portal.prompt(), {'name': 'laptop', 'public_key': OTHER_KEY}
        self.portal.raw['device/start'] = json.dumps({'v': 1, **prompt, 'user_code': 'AB\x1b[2JCD\u009b31m'}).encode()
        done = self.login('--idp', 'corp', user=None, password=None)
        self.assertIn('AB\\x1b[2JCD\\x9b31m', done.stderr)
        self.assertNotIn('\x1b', done.stderr)
        self.assertNotIn('\u009b', done.stderr)

    def test_without_a_terminal_nothing_is_asked(self):
        for words, expected in ((('--user', 'ana'), 'no terminal'), (('--idp', 'local'), 'no terminal'),
                                ((), r'which provider\? say --idp with one of: local, corp')):
            done = self.run_it('login', self.portal.url, '--fingerprint', self.portal.fingerprint, *words, code=2)
            self.assertRegex(done.stderr, expected)
        self.assertEqual(set(self.paths()), {'providers'})

    def test_a_provider_is_found_or_named(self):
        done = self.login('--idp', 'crop', code=2)
        self.assertIn('no provider "crop" here; did you mean "corp"?', done.stderr)
        done = self.login('--idp', 'corp', code=2)
        self.assertIn('takes no password here', done.stderr)
        self.portal.providers[1]['state'] = 'unreachable'
        self.portal.refuse['device/start'] = Refused(503, 'provider-unreachable', 'the sign-in provider does not answer')
        done = self.login('--idp', 'corp', code=6, user=None, password=None)
        self.assertIn('provider corp: the gateway says it is unreachable', done.stderr)

    def test_each_refusal_has_its_words_and_exit_code(self):
        for code, status, expected, advice in (
                ('bad-request', 400, 1, None), ('login-failed', 401, 7, None), ('no-role', 403, 7, None),
                ('device-taken', 403, 7, 'next: sallyport login URL with --device NAME (another name) or --new-key'), ('no-such-provider', 404, 1, None),
                ('not-found', 404, 1, None), ('method', 405, 1, None), ('expired', 410, 7, 'next: sallyport login URL'),
                ('too-large', 413, 1, None), ('media-type', 415, 1, None), ('slow-down', 429, 7, None),
                ('internal', 500, 1, None), ('provider-failed', 502, 1, None), ('provider-unreachable', 503, 6, None),
                ('gateway-unreachable', 503, 6, None), ('busy', 503, 6, None), ('access-denied', 403, 7, None)):
            with self.subTest(code):
                self.portal.refuse['login'] = Refused(status, code, f'words of {code}')
                done = self.login(code=expected)
                self.assertIn(f'words of {code} ({code})', done.stderr)
                self.assertEqual(done.stdout, '')
                if advice:
                    self.assertIn(advice.replace('URL', self.portal.url), done.stderr)
                self.assertFalse(os.path.exists(self.kept), 'something was kept')

    def test_waiting_is_told(self):
        self.portal.refuse['login'] = Refused(429, 'slow-down', 'too many attempts', retry_after_s=3)
        self.assertIn('too many attempts (slow-down); in 3 s at the earliest', self.login(code=7).stderr)

    def test_the_flow_at_the_provider_ends_with_its_refusals(self):
        for code, status, expected in (('access-denied', 403, 7), ('expired', 410, 7), ('provider-failed', 502, 1),
                                       ('provider-unreachable', 503, 6), ('no-role', 403, 7), ('device-taken', 403, 7)):
            with self.subTest(code):
                self.portal.refuse['device/poll'] = Refused(status, code, f'words of {code}')
                done = self.login('--idp', 'corp', user=None, password=None, code=expected)
                self.assertIn(f'words of {code}', done.stderr)
                self.assertFalse(os.path.exists(self.kept))

    def test_what_is_no_portal_is_told_apart(self):
        for raw in (b'<html>', b'[]', b'{"v":2}', b'{}', b'\xff', b'{"v":1,"v":1,"providers":[]}'):
            self.portal.raw['providers'] = raw
            self.assertIn('not as a Sallyport portal does', self.login(code=1).stderr)
        del self.portal.raw['providers']
        for raw, words in ((b'{"v":1}', 'lacks the session'),
                           (b'{"v":1,"token":"t","session":{"user":"ana"}}', 'lacks the session')):
            self.portal.raw['login'] = raw
            self.assertIn(words, self.login(code=1).stderr)
        self.assertFalse(os.path.exists(self.kept))

    def test_a_silent_portal_exits_6(self):
        url, fingerprint = self.portal.url, self.portal.fingerprint
        self.portal.close()
        done = self.run_it('login', url, '--fingerprint', fingerprint, '--user', 'ana', code=6, password=PASSWORD)
        self.assertIn('does not answer: connection refused', done.stderr)

    # ---- whom to believe ----

    def test_an_unknown_certificate_is_shown_and_refused(self):
        done = self.run_it('login', self.portal.url, '--user', 'ana', code=1, password=PASSWORD)
        self.assertIn('is not trusted', done.stderr)
        self.assertIn(self.portal.fingerprint.replace(':', '').lower(), done.stderr)
        self.assertIn('`sallyport status`', done.stderr)
        self.assertEqual(self.portal.calls, [])

    def test_another_fingerprint_is_refused(self):
        done = self.run_it('login', self.portal.url, '--fingerprint', '00' * 32, '--user', 'ana', code=1, password=PASSWORD)
        self.assertIn('not the one expected', done.stderr)
        self.assertEqual(self.portal.calls, [])

    def test_a_fingerprint_has_64_digits(self):
        for bad in ('', 'ab', 'zz' * 32, '00' * 33):
            self.assertIn('64 hex digits', self.run_it('login', self.portal.url, '--fingerprint', bad, code=2).stderr)

    def test_an_authority_is_believed_and_remembered(self):
        self.run_it('login', self.portal.url, '--ca', self.portal.cert, '--user', 'ana', password=PASSWORD)
        self.run_it('login', self.portal.url, '--user', 'ana', password=PASSWORD)
        self.assertEqual(json.loads(self.read('session.json'))['ca_file'], self.portal.cert)
        done = self.run_it('login', self.portal.url, '--ca', '/nowhere.pem', code=2)
        self.assertIn('--ca /nowhere.pem', done.stderr)

    def test_a_fingerprint_is_remembered_until_another_word_is_given(self):
        self.login()
        self.run_it('status', '--state', os.path.dirname(self.kept))
        self.run_it('login', self.portal.url, '--ca', self.portal.cert, '--user', 'ana', password=PASSWORD)
        kept = json.loads(self.read('session.json'))
        self.assertEqual((kept['ca_file'], kept['fingerprint']), (self.portal.cert, None))

    def test_addresses_are_https_and_nothing_more(self):
        for url in ('http://gate', 'ftp://gate', 'https://', 'https://gate/path', 'https://a b', 'https://u@gate', '..',
                    'https://gate?x', ''):
            self.assertIn('https', self.run_it('login', url, code=2).stderr, url)

    # ---- again ----

    def test_a_live_session_is_extended_in_place(self):
        self.login()
        key, conf = self.read('key'), self.read('tunnel.conf')
        self.portal.calls.clear()
        self.portal.life_s = 7300
        done = self.login()
        self.assertRegex(done.stdout, r'extended: signed in as ana .*\(in 2 h 1 min\)')
        self.assertEqual(self.paths(), ['providers', 'session', 'session/extend'])
        self.assertEqual(self.portal.calls[2][1:], ({'password': PASSWORD}, fake_portal.TOKEN))
        self.assertEqual((self.read('key'), self.read('tunnel.conf')), (key, conf))

    def test_a_session_of_a_provider_is_extended_by_a_code(self):
        self.login('--idp', 'corp', user=None, password=None)
        self.portal.calls.clear()
        self.assertIn('ABCD-EFGH', self.login(user=None, password=None).stderr)
        self.assertEqual(self.paths(), ['providers', 'session', 'session/extend', 'device/poll', 'device/poll'])
        self.assertEqual(self.portal.calls[2][1], {})
        self.assertIn(f'PrivateKey = {self.read("key")}', self.read('tunnel.conf'))

    def test_an_ended_session_is_signed_in_again_with_the_same_key(self):
        self.login()
        key = self.read('key')
        for state in ('expired', 'closed'):
            self.portal.state = state
            self.portal.calls.clear()
            self.assertIn('signed in as ana', self.login().stdout)
            self.assertEqual(self.paths(), ['providers', 'session', 'challenge', 'login'])
        self.assertEqual(self.read('key'), key)
        self.assertIn(f'PrivateKey = {key}', self.read('tunnel.conf'))

    def test_a_session_that_ends_meanwhile_is_signed_in_again(self):
        self.login()
        self.portal.refuse['session/extend'] = Refused(409, 'no-session', 'the session has ended; sign in again')
        self.portal.calls.clear()
        self.login()
        self.assertEqual(self.paths(), ['providers', 'session', 'session/extend', 'challenge', 'login'])

    def test_a_wrong_password_extends_nothing(self):
        self.login()
        before = self.read('session.json')
        self.login(code=7, password='wrong')
        self.assertEqual(self.read('session.json'), before)

    def test_a_lost_key_is_a_new_sign_in(self):
        self.login()
        os.remove(os.path.join(self.kept, 'key'))
        self.portal.calls.clear()
        self.login()
        self.assertEqual(self.paths(), ['providers', 'challenge', 'login'])
        self.assertIn(f'PrivateKey = {self.read("key")}', self.read('tunnel.conf'))

    def test_a_new_key_is_a_new_device(self):
        self.login()
        key = self.read('key')
        self.portal.refuse['login'] = Refused(403, 'no-role', 'none')
        self.login('--new-key', code=7)
        self.assertEqual(self.read('key'), key, 'lost for a sign-in that was refused')
        self.portal.refuse.clear()
        self.login('--new-key')
        self.assertNotEqual(self.read('key'), key)
        self.assertIn(f'PrivateKey = {self.read("key")}', self.read('tunnel.conf'))

    def test_logout_closes_the_session(self):
        self.login()
        self.assertIn('signed out', self.run_it('logout').stdout)
        self.assertEqual(self.portal.calls[-1], ('session/close', {}, fake_portal.TOKEN))
        self.assertIn('there was no session', self.run_it('logout').stdout)
        self.run_it('logout', '--all')
        self.assertEqual(self.portal.calls[-1][1], {'all': True})

    # ---- configurations ----

    def test_a_sign_in_that_fails_here_is_undone(self):
        self.portal.config = self.portal.config.replace('MTU = 1420', 'PostUp = id')
        done = self.login(code=1)
        self.assertIn('neither session nor device', done.stderr)
        key = self.portal.calls[-2][1]['device']['public_key']
        self.assertEqual((self.portal.calls[-1][0], self.portal.calls[-1][1]), ('devices/remove', {'public_key': key}))
        self.assertFalse(os.path.exists(self.kept))

    def test_an_answer_that_is_lost_is_asked_for_by_the_same_device(self):
        self.portal.raw['login'] = b'<html>'
        self.login(code=1)
        del self.portal.raw['login']
        self.login()
        devices = [call[1]['device'] for call in self.portal.calls if call[0] == 'login']
        self.assertEqual(devices[0], devices[1])

    def test_a_long_list_is_kept(self):
        networks = [f'{20 + i // 65536}.{i // 256 % 256}.{i % 256}.0/25' for i in range(30000)]
        self.portal.config = self.portal.config.replace('10.30.0.0/16', ', '.join(networks))
        self.login()
        self.assertIn(networks[-1], self.read('tunnel.conf'))
        self.login()  # and read again

    def test_the_address_is_needed_once(self):
        self.assertIn("login needs the portal's address", self.run_it('login', code=2).stderr)
        self.login()
        done = self.run_it('login', '--user', 'ana', password=PASSWORD)
        self.assertIn('extended: signed in as ana', done.stdout)
        os.makedirs(os.path.join(self.folder.name, 'sallyport', 'other.example'))
        with open(os.path.join(self.folder.name, 'sallyport', 'other.example', 'session.json'), 'w', encoding='utf-8'):
            pass
        done = self.run_it('login', code=2)
        self.assertIn('2 portals are known here', done.stderr)
        self.assertIn(f'sallyport login {self.portal.url}\n', done.stderr)

    def test_printed_commands_can_be_pasted(self):
        folder = os.path.join(self.folder.name, "my 'own' files")
        os.mkdir(folder)
        done = self.login('--config', os.path.join(folder, 'wg0.conf'))
        command = re.search('sudo wg-quick up (.*)', done.stdout).group(1)
        words = subprocess.run(['sh', '-c', f'printf "%s\\n" {command}'], capture_output=True, text=True, check=True)
        self.assertEqual(words.stdout, os.path.join(folder, 'wg0.conf') + '\n')
        done = self.login('--config', os.path.join(folder, 'a-name-of-many-letters.conf'))
        self.assertNotIn('sudo wg-quick', done.stdout)

    def test_a_phone_reads_the_configuration(self):
        done = self.login('--config', os.path.join(self.folder.name, 'wg0.conf'), '--qr')
        self.assertGreater(done.stdout.count('█') + done.stderr.count('█'), 200)

    def test_config_is_a_complete_file(self):
        path = os.path.join(self.folder.name, 'wg0.conf')
        done = self.login('--config', path)
        self.assertIn(path, done.stdout)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, encoding='utf-8') as file:
            text = file.read()
        self.assertTrue(text.startswith('# Written by sallyport login'))
        self.assertIn(f'PrivateKey = {self.read("key")}', text)
        self.login('--config', path)  # ours: extended, and written again
        with open(path, encoding='utf-8') as file:
            self.assertEqual(file.read(), text)

    def test_config_leaves_other_files_alone(self):
        path, link = os.path.join(self.folder.name, 'notes'), os.path.join(self.folder.name, 'link')
        with open(path, 'w', encoding='utf-8') as file:
            file.write('mine')
        os.symlink(path, link)
        for name in (path, link, self.folder.name):
            self.assertIn('not written by this program', self.login('--config', name, code=1).stderr)
        self.assertEqual(self.portal.calls, [], 'a sign-in was spent')
        self.login('--config', path, '--force')
        with open(path, encoding='utf-8') as file:
            self.assertIn('[Interface]', file.read())

    def test_a_key_made_elsewhere_is_enrolled_and_nothing_kept(self):
        done = self.login('--pubkey', OTHER_KEY, '--device', 'phone')
        self.assertEqual(self.portal.calls[1][1]['device'], {'public_key': OTHER_KEY, 'name': 'phone'})
        self.assertIn('PrivateKey = # yours', done.stdout)
        self.assertIn(fake_portal.PRESHARED, done.stdout)
        self.assertFalse(os.path.exists(self.kept))
        answer = json.loads(self.login('--pubkey', OTHER_KEY, '--json').stdout)
        self.assertIn('PrivateKey = # yours', answer['tunnel']['config'])
        path = os.path.join(self.folder.name, 'phone.conf')
        done = self.login('--pubkey', OTHER_KEY, '--config', path)
        self.assertNotIn(fake_portal.PRESHARED, done.stdout)
        with open(path, encoding='utf-8') as file:
            self.assertIn('PrivateKey = # yours', file.read())

    def test_a_key_made_elsewhere_leaves_this_device_alone(self):
        self.login()
        before = {name: self.read(name) for name in os.listdir(self.kept)}
        self.portal.calls.clear()
        self.login('--pubkey', OTHER_KEY)
        self.assertEqual([call[::2] for call in self.portal.calls], [('providers', ''), ('login', '')])
        self.assertEqual({name: self.read(name) for name in os.listdir(self.kept)}, before)
        for bad in ('short', OTHER_KEY[:-1], OTHER_KEY[:-2] + '!='):
            self.assertIn('44 characters of base64', self.login('--pubkey', bad, code=2).stderr)

    def test_a_configuration_that_runs_programs_is_refused(self):
        for line in ('PostUp = touch /tmp/owned', 'preup=id', 'SaveConfig = true', 'Table = off', 'Address = $(id)',
                     'MTU = -1', 'DNS = `id`', 'Address = 10.0.0.1; id'):
            with self.subTest(line):
                self.portal.config = fake_portal.CONFIG.replace('MTU = 1420', line)
                self.assertRegex(self.login(code=1).stderr, r'configuration is not used, line 5: ')
                self.assertFalse(os.path.exists(os.path.join(self.kept, 'tunnel.conf')))

    # ---- how it is ----

    def test_status_tells_session_and_tunnel(self):
        self.login()
        done = self.run_it('status', '--state', os.path.dirname(self.kept), '--iface', 'nowhere0')
        self.assertRegex(done.stdout, rf'{self.portal.place}  ana \(local\)  live until .*\(in ')
        self.assertIn('nowhere0 is down; next: sudo sallyport up', done.stdout)
        answer = json.loads(self.run_it('status', self.portal.url, '--iface', 'nowhere0', '--json').stdout)
        self.assertEqual((answer['v'], answer['state'], answer['user']), (1, 'live', 'ana'))
        self.assertEqual(answer['tunnel'], {'interface': 'nowhere0', 'up': False, 'behind': False, 'last_handshake': None})
        self.assertTrue(3500 < answer['left_s'] <= 3600)

    def test_status_of_what_has_ended(self):
        self.login()
        for state in ('expired', 'closed'):
            self.portal.state = state
            self.assertIn(f'{state}; next: sallyport login', self.run_it('status', self.portal.url, code=8).stdout)
        self.portal.refuse['session'] = Refused(401, 'token-invalid', 'this device is not known here')
        self.assertIn('next: sallyport login', self.run_it('status', self.portal.url, code=7).stderr)
        self.portal.close()
        done = self.run_it('status', self.portal.url, code=6)
        self.assertRegex(done.stdout, r'unknown: as far as it was known here until ')

    def test_status_knows_the_portal_used_last(self):
        self.login()
        second = FakePortal(self.tls.name)
        self.addCleanup(second.close)
        # another key and certificate in the same folder: both are asked by --ca
        self.run_it('login', second.url, '--ca', second.cert, '--user', 'ana', password=PASSWORD)
        done = self.run_it('status', '--state', os.path.dirname(self.kept))
        self.assertIn(f'of 2 portals, the one used last: {second.place}', done.stderr)
        os.remove(os.path.join(os.path.dirname(self.kept), 'default'))
        done = self.run_it('status', '--state', os.path.dirname(self.kept), code=2)
        self.assertEqual(done.stderr, 'sallyport: which portal? name one of: ' +
                         ' '.join(sorted((self.portal.place, second.place))) + '\n')

    def test_nobody_has_signed_in_yet(self):
        for words in (('status', self.portal.url), ('logout',)):
            self.assertIn('sallyport login', self.run_it(*words, code=1).stderr)

    def test_files_that_others_can_write_are_not_used(self):
        self.login()
        for name in ('session.json', 'key'):
            os.chmod(os.path.join(self.kept, name), 0o666)
            self.portal.state = 'closed'
            self.assertIn(f'{name} is not used', self.login(code=1).stderr)
            os.chmod(os.path.join(self.kept, name), 0o600)
        os.rename(os.path.join(self.kept, 'key'), os.path.join(self.kept, 'elsewhere'))
        os.symlink('elsewhere', os.path.join(self.kept, 'key'))
        self.login(code=1)

    def test_spoilt_files_are_named(self):
        self.login()
        for name, text in (('session.json', '{'), ('session.json', '{"v":2}'), ('key', 'short\n'), ('key', 'x' * 44)):
            before = self.read(name)
            with open(os.path.join(self.kept, name), 'w', encoding='utf-8') as file:
                file.write(text)
            self.portal.state = 'closed'
            self.assertIn(name, self.login(code=1).stderr)
            with open(os.path.join(self.kept, name), 'w', encoding='utf-8') as file:
                file.write(before)

    def test_up_and_down_need_root(self):
        as_somebody = {'user': 65534, 'group': 65534, 'extra_groups': []} if os.geteuid() == 0 else {}
        program = os.memfd_create('sallyport', 0) # the folders of the other one may be closed to somebody
        self.addCleanup(os.close, program)
        with open(PROGRAM, 'rb') as file:
            os.write(program, file.read())
        os.fchmod(program, 0o755)
        for verb in ('up', 'down'):
            done = subprocess.run([f'/proc/self/fd/{program}', verb], capture_output=True, text=True, env=self.env(), timeout=60,
                                  check=False, pass_fds=(program,), **as_somebody)
            self.assertEqual(done.returncode, 7, done.stderr)
            self.assertIn(f'sudo sallyport {verb}', done.stderr)

    # ---- at a terminal ----

    def at_terminal(self, *words):
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(PROGRAM, [PROGRAM, *words], self.env())
        self.addCleanup(os.close, fd)
        self.seen = ''
        return pid, fd

    def expect(self, fd, pattern, seconds=120):
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.seen):
            self.assertGreater(deadline, time.monotonic(), f'no {pattern} in {self.seen!r}')
            if select.select([fd], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(fd, 4096).decode(errors='replace')
                except OSError:
                    break
        self.assertRegex(self.seen, pattern)

    def ended(self, pid, seconds=120):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.fail(f'still there: {self.seen!r}')

    def test_a_terminal_is_asked_and_shows_no_password(self):
        pid, fd = self.at_terminal('login', self.portal.url, '--fingerprint', self.portal.fingerprint)
        self.expect(fd, r'sign in with: local corp\s+provider: $')
        os.write(fd, b'local\n')
        self.expect(fd, r'user: $')
        os.write(fd, b'ana\n')
        self.expect(fd, r'password of ana: $')
        os.write(fd, PASSWORD.encode() + b'\n')
        self.expect(fd, r'signed in as ana')
        self.assertEqual(self.ended(pid), 0)
        self.assertNotIn(PASSWORD, self.seen)

    def test_ctrl_c_at_the_password_gives_the_terminal_back(self):
        import termios  # pylint: disable=import-outside-toplevel
        pid, fd = self.at_terminal('login', self.portal.url, '--fingerprint', self.portal.fingerprint, '--user', 'ana')
        self.expect(fd, r'password of ana: $')
        self.assertFalse(termios.tcgetattr(fd)[3] & termios.ECHO)
        os.write(fd, b'\x03')
        self.expect(fd, r'stopped; nothing was changed')
        self.assertTrue(termios.tcgetattr(fd)[3] & termios.ECHO)
        self.assertEqual(self.ended(pid), 1)
        self.assertEqual(self.paths(), ['providers'])

    def test_ctrl_c_while_the_provider_is_awaited_ends_cleanly(self):
        self.portal.polls_pending = 1000
        pid, fd = self.at_terminal('login', self.portal.url, '--fingerprint', self.portal.fingerprint, '--idp', 'corp')
        self.expect(fd, r'█[\s\S]*waiting for the provider; ctrl-C stops')
        os.write(fd, b'\x03')
        self.expect(fd, r'stopped; nothing was changed here')
        self.assertEqual(self.ended(pid), 130)
        self.assertEqual(os.listdir(self.kept), ['key.new'])  # should the provider approve all the same
        self.portal.polls_pending = 1
        self.login('--idp', 'corp', user=None, password=None)
        started = [call[1] for call in self.portal.calls if call[0] == 'device/start']
        self.assertEqual(started[0]['device'], started[1]['device'])
        self.assertEqual(sorted(os.listdir(self.kept)), ['key', 'session.json', 'tunnel.conf'])

    def test_watch_warns_and_extends_on_enter(self):
        self.portal.life_s, self.portal.warn_s = 60, 100
        pid, fd = self.at_terminal('login', self.portal.url, '--fingerprint', self.portal.fingerprint, '--user', 'ana',
                                   '--watch')
        self.expect(fd, r'password of ana: $')
        os.write(fd, PASSWORD.encode() + b'\n')
        self.expect(fd, r'the session ends at .*; Enter extends it')
        self.portal.life_s = 3600
        os.write(fd, b'\n')
        self.expect(fd, r'extends it[\s\S]*password of ana: $')
        os.write(fd, PASSWORD.encode() + b'\n')
        self.expect(fd, r'extended until .*\(in (59 min|1 h 0 min)\)')
        os.write(fd, b'\x03')
        self.assertEqual(self.ended(pid), 0)
        self.assertIn('session/extend', self.paths())

    def test_watch_without_a_terminal_prints_lines(self):
        self.portal.life_s, self.portal.warn_s = 2, 100
        done = self.login('--watch', '--json', code=8)
        events = [json.loads(line)['event'] for line in done.stdout.splitlines()]
        self.assertEqual(events[:2], ['signed-in', 'expires-soon'])
        self.assertEqual(events[-1], 'ended')


unittest.main(verbosity=2)
