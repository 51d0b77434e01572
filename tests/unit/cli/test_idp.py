#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sallyport idp: exit codes, streams, JSON; no provider is asked. usage: test_idp.py SALLYPORT

The tokens are signed with the key of RFC 8037, A.1, whose private half is printed there. All were made at
1700000000 for five minutes: sub ana-1, preferred_username ana, nonce n1.
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
KEYS = ('{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"rfc8037",'
        '"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}')
# aud gate, groups eng and dba
GOOD = (
    'eyJhbGciOiJFZERTQSIsImtpZCI6InJmYzgwMzcifQ.eyJpc3MiOiJodHRwczovL29wLmV4YW1wbGUudGVzdCIsInN1YiI6ImFuYS0xIiwiYXV'
    'kIjoiZ2F0ZSIsImV4cCI6MTcwMDAwMDMwMCwiaWF0IjoxNzAwMDAwMDAwLCJwcmVmZXJyZWRfdXNlcm5hbWUiOiJhbmEiLCJncm91cHMiOlsiZ'
    'W5nIiwiZGJhIl0sIm5vbmNlIjoibjEifQ.yokOF6A314X95T1hPabfLWSjlbNuAccWHc5N-1knTG2V1DMWPez7ooWoKXOtERIsP6eFfj0_gbx8'
    'FE4wWeYaCw')
# the same, aud other
OTHER = (
    'eyJhbGciOiJFZERTQSIsImtpZCI6InJmYzgwMzcifQ.eyJpc3MiOiJodHRwczovL29wLmV4YW1wbGUudGVzdCIsInN1YiI6ImFuYS0xIiwiYXV'
    'kIjoib3RoZXIiLCJleHAiOjE3MDAwMDAzMDAsImlhdCI6MTcwMDAwMDAwMCwicHJlZmVycmVkX3VzZXJuYW1lIjoiYW5hIiwiZ3JvdXBzIjpbI'
    'mVuZyIsImRiYSJdLCJub25jZSI6Im4xIn0.dsFsAcPGFaMqbRYcRnNQzG9JbQtJTbSA2RonVLKz0fc9lOGW-60gyNK5CL0vLknhtMYt8YyIJSW'
    'mc2qx5AhmAQ')
# aud gate, no groups claim
NO_GROUPS = (
    'eyJhbGciOiJFZERTQSIsImtpZCI6InJmYzgwMzcifQ.eyJpc3MiOiJodHRwczovL29wLmV4YW1wbGUudGVzdCIsInN1YiI6ImFuYS0xIiwiYXV'
    'kIjoiZ2F0ZSIsImV4cCI6MTcwMDAwMDMwMCwiaWF0IjoxNzAwMDAwMDAwLCJwcmVmZXJyZWRfdXNlcm5hbWUiOiJhbmEiLCJub25jZSI6Im4xI'
    'n0.pEnfQeeseD78mMg_dUGsv713qKaZvm44AH1DxQWxR6x0uKJ5FWhLqv7ydof6JUbYA_rRZ1uGVj9ehLSsLuVxAQ')
CORP = 'type: oidc\nissuer: https://op.example.test\nclient-id: gate\n'
LOCAL = 'type: local\nusers: { ana: { groups: [eng] } }\n'
POLICY = '''sallyport: 1
roles:
  engineer: { match: [ {idp: corp, group: eng} ] }
networks: { git: 10.30.2.9 }
rules: [ {name: a, allow: {from: engineer, to: git}} ]
'''


class Idp(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        os.makedirs(self.path('etc/sallyport/idp.d'))
        self.write('etc/sallyport/idp.d/corp.yaml', CORP)
        self.write('etc/sallyport/idp.d/local.yaml', LOCAL)
        self.write('etc/sallyport/policy.yaml', POLICY)
        self.write('jwks', KEYS)

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as file:
            file.write(text)

    def run_it(self, *words, code=0):
        done = subprocess.run([PROGRAM, 'idp', *words, '--root', self.root], cwd=self.root, timeout=20,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def verify(self, token, *words, code=0, name='corp'):
        self.write('token', token)
        done = self.run_it('verify', name, '--id-token', 'token', '--jwks', 'jwks', '--json', *words, code=code)
        return json.loads(done.stdout) if done.stdout else done.stderr

    def test_a_good_token_says_who_and_what(self):
        for at in ('1700000010', '2023-11-14T22:13:30Z'):
            self.assertEqual(self.verify(GOOD, '--at', at), {
                'v': 1, 'accepted': True, 'subject': 'ana-1', 'user': 'ana', 'groups_said': True,
                'groups': ['eng', 'dba'], 'groups_left_out': 0, 'roles': ['engineer'],
                'issued': '2023-11-14T22:13:20Z', 'expires': '2023-11-14T22:18:20Z'})

    def test_each_refusal_has_its_reason(self):
        for token, at, more, reason in (
                (OTHER, '1700000010', (), 'wrong-audience'),
                (GOOD, '1700000010', ('--nonce', 'n2'), 'wrong-nonce'),
                (GOOD, '1699999939', (), 'not-yet-valid'),
                (GOOD, '1700000361', (), 'token-expired'),
                (GOOD[:-1], '1700000010', (), 'malformed-token'),
                (GOOD + '.', '1700000010', (), 'malformed-token'),
                (' ' + GOOD, '1700000010', (), 'malformed-token'),
                ('', '1700000010', (), 'malformed-token'),
                (GOOD[:-4] + 'AAAA', '1700000010', (), 'bad-signature'),
                ('A' * 20000, '1700000010', (), 'token-too-large'),
                ('A' * 5000000, '1700000010', (), 'token-too-large')):
            answer = self.verify(token, '--at', at, *more, code=10)
            self.assertEqual((answer['v'], answer['accepted'], answer['reason']), (1, False, reason))
            self.assertTrue(answer['detail'])

    def test_without_at_it_is_judged_now(self):
        self.assertEqual(self.verify(GOOD, code=10)['reason'], 'token-expired')

    def test_the_right_nonce_is_taken(self):
        self.assertTrue(self.verify(GOOD, '--at', '1700000010', '--nonce', 'n1')['accepted'])

    def test_newlines_around_the_token_are_the_files(self):
        for text in (GOOD + '\n', GOOD + '\r\n', '\n' + GOOD + '\n\n'):
            self.assertTrue(self.verify(text, '--at', '1700000010')['accepted'])

    def test_no_claim_is_no_group_and_no_role(self):
        answer = self.verify(NO_GROUPS, '--at', '1700000010')
        self.assertEqual((answer['groups_said'], answer['groups'], answer['roles']), (False, [], []))
        self.write('token', NO_GROUPS)
        done = self.run_it('verify', 'corp', '--id-token', 'token', '--jwks', 'jwks', '--at', '1700000010')
        self.assertIn('no-role', done.stdout)

    def test_keys_that_cannot_be_used_are_named(self):
        for keys, reason in (('{"keys":[]}', 'bad-keys'), ('junk', 'bad-keys'),
                             (KEYS.replace('rfc8037', 'other'), 'unknown-key')):
            self.write('jwks', keys)
            self.assertEqual(self.verify(GOOD, '--at', '1700000010', code=10)['reason'], reason)

    def test_without_a_policy_roles_are_not_known(self):
        os.unlink(self.path('etc/sallyport/policy.yaml'))
        self.assertIsNone(self.verify(GOOD, '--at', '1700000010')['roles'])
        self.write('etc/sallyport/policy.yaml', 'sallyport: 2\n')
        self.assertIsNone(self.verify(GOOD, '--at', '1700000010')['roles'])

    def test_a_wrong_file_of_idp_d_is_named_with_its_place(self):
        self.write('etc/sallyport/idp.d/corp.yaml', CORP + 'bogus: 1\n')
        self.assertIn('corp.yaml:4:1: ', self.verify(GOOD, code=3))
        self.assertIn('no provider nope', self.verify(GOOD, code=3, name='nope')['error']['message'])
        self.assertIn('did you mean corp?', self.verify(GOOD, code=3, name='crop')['error']['message'])

    def test_usage(self):
        self.write('token', GOOD)
        for words in (('verify',), ('verify', 'corp'), ('verify', 'corp', '--id-token', 'token'),
                      ('verify', 'corp', '--id-token', 'token', '--jwks', 'jwks', '--at', 'noon'),
                      ('verify', 'local', '--id-token', 'token', '--jwks', 'jwks'),
                      ('verify', '../corp', '--id-token', 'token', '--jwks', 'jwks'),
                      ('test',), ('test', 'local'), ('list', 'corp')):
            self.assertTrue(self.run_it(*words, code=2).stderr)
        done = self.run_it('verify', 'corp', '--id-token', 'none', '--jwks', 'jwks', code=1)
        self.assertIn('cannot read none', done.stderr)

    def test_list(self):
        self.assertEqual(json.loads(self.run_it('list', '--json').stdout)['providers'], [
            {'name': 'corp', 'type': 'oidc', 'issuer': 'https://op.example.test', 'client_id': 'gate', 'users': None},
            {'name': 'local', 'type': 'local', 'issuer': None, 'client_id': None, 'users': 1}])
        self.write('etc/sallyport/idp.d/corp.yaml', 'type: ldap\n')
        done = self.run_it('list', code=3)
        self.assertIn('corp.yaml:1:', done.stderr)
        self.assertIn('local', done.stdout)

    def test_a_provider_that_is_not_there_is_named(self):
        # A port of our own machine where nobody listens.
        self.write('etc/sallyport/idp.d/corp.yaml', CORP.replace('op.example.test', '127.0.0.1:1'))
        answer = json.loads(self.run_it('test', 'corp', '--json', code=1).stdout)
        self.assertFalse(answer['ok'])
        self.assertEqual([(step['step'], step['ok'], step['reason']) for step in answer['steps']],
                         [('discovery', False, 'provider-unreachable')])


if __name__ == '__main__':
    unittest.main()
