#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sallyport user: who may sign in with a password. usage: test_user.py SALLYPORT"""
import json
import os
import pty
import select
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
TAIL = '$v=19$m=4096,t=3,p=2$c29tZXNhbHQ$BUGq2DcKhbh3SEp6mBawuFIiDHLmRbIV9wjZ+1OPGQQ'
HASH = '$argon2id' + TAIL
FILE = f'''# the people of this gateway
type: local
users:
  # on call this week
  ana: {{ password: "{HASH}", groups: [eng] }}  # since May
  bob:
    groups:
      - vendors
'''


class User(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.idp_dir = os.path.join(self.folder.name, 'etc/sallyport/idp.d')
        self.path = os.path.join(self.idp_dir, 'local.yaml')
        self.env = {k: v for k, v in os.environ.items() if k != 'SALLYPORT_ROOT'}

    def write(self, text, name='local.yaml'):
        os.makedirs(self.idp_dir, exist_ok=True)
        with open(os.path.join(self.idp_dir, name), 'w', encoding='utf-8') as file:
            file.write(text)

    def read(self):
        with open(self.path, encoding='utf-8') as file:
            return file.read()

    def words(self, *words):
        return [PROGRAM, 'user', *words, '--root', self.folder.name]

    def run_it(self, *words, password=None, code=0):
        pipe = None
        if password is not None:
            pipe, end = os.pipe()
            os.write(end, password if isinstance(password, bytes) else password.encode())
            os.close(end)
            words += ('--password-fd', str(pipe))
        done = subprocess.run(self.words(*words), capture_output=True, text=True, env=self.env, timeout=60, check=False,
                              stdin=subprocess.DEVNULL, pass_fds=() if pipe is None else (pipe,))
        if pipe is not None:
            os.close(pipe)
        self.assertEqual(done.returncode, code, f'{words}: {done.stdout}{done.stderr}')
        return done

    def list(self):
        answer = json.loads(self.run_it('list', '--json').stdout)
        self.assertEqual((answer['v'], answer['ok']), (1, True))
        return {row['user']: (row['groups'], row['password']) for row in answer['users']}

    def assert_nothing_left_beside(self):
        self.assertEqual(sorted(os.listdir(self.idp_dir)), ['.lock', 'local.yaml'])

    def test_the_first_user_makes_the_file(self):
        done = self.run_it('add', 'ana', '--groups', 'eng,on call', password='open sesame\n')
        self.assertIn(self.path, done.stdout)
        self.assertRegex(self.read(), r'^type: local\nusers:\n  ana: \{ password: "\$argon2id\$[^"]+", groups: \[eng, "on call"\] \}\n$')
        self.assertNotIn('sesame', self.read() + done.stdout + done.stderr)
        self.assertEqual(os.stat(self.path).st_mode & 0o7777, 0o640)
        self.assertEqual(os.stat(self.idp_dir).st_mode & 0o7777, 0o750)
        self.assertEqual(self.list(), {'ana': (['eng', 'on call'], 'set')})
        self.assert_nothing_left_beside()

    def test_what_a_change_is_not_about_stays(self):
        self.write(FILE)
        self.run_it('add', 'cleo', password='open sesame')
        self.assertTrue(self.read().startswith(FILE + '  cleo: { password: "$argon2id$'))
        self.run_it('remove', 'cleo')
        self.assertEqual(self.read(), FILE)
        self.run_it('groups', 'bob', 'vendors', 'night shift')
        self.assertEqual(self.read(), FILE.replace('\n      - vendors', ' [vendors, "night shift"]'))
        self.run_it('groups', 'bob')
        self.assertEqual(self.list()['bob'], ([], 'none'))
        self.run_it('passwd', 'ana', password='another one')
        head, tail = FILE.split(HASH)
        text = self.read()
        self.assertTrue(text.startswith(head) and tail.split('\n')[0] in text and HASH not in text)
        answer = json.loads(self.run_it('remove', 'ana', '--json').stdout)
        self.assertEqual(answer, {'v': 1, 'idp': 'local', 'user': 'ana', 'done': 'removed'})
        self.run_it('remove', 'bob')
        self.assertEqual(self.list(), {})
        self.run_it('add', 'ana', password='open sesame')
        self.assertEqual(self.list(), {'ana': ([], 'set')})
        self.assert_nothing_left_beside()

    def test_another_provider(self):
        self.write(FILE, 'guests.yaml')
        self.run_it('remove', 'ana', '--idp', 'guests')
        self.assertEqual(self.run_it('list', '--idp', 'guests').stdout.split()[3:5], ['bob', 'none'])
        self.assertFalse(os.path.exists(self.path))

    def test_a_refused_change_leaves_the_file(self):
        self.write(FILE)
        cases = (
            (('add', 'ana'), 'x' * 8, 1, 'is there already'),
            (('passwd', 'cleo'), 'x' * 8, 1, 'no user cleo'),
            (('remove', 'cleo'), None, 1, 'no user cleo'),
            (('groups', 'anna', 'x'), None, 1, 'did you mean ana?'),
            (('groups', 'cleo', 'eng'), None, 1, 'no user cleo'),
            (('add', 'a b'), 'x' * 8, 3, 'a name has letters'),
            (('add', 'internet'), 'x' * 8, 3, 'this name is built in'),
            (('add', 'x' * 64), 'x' * 8, 3, 'at most 63'),
            (('add', 'cleo', '--groups', 'a,,b'), 'x' * 8, 2, 'a group is empty'),
            (('add', 'cleo', '--groups', 'x' * 256), 'x' * 8, 3, '1 to 255 bytes that print'),
            (('groups', 'ana', 'eng\x07'), None, 3, 'not be valid'),
            (('add', 'cleo'), 'seven77', 2, 'at least 8 bytes'),
            (('add', 'cleo'), 'x' * 1025, 2, 'at most 1024 bytes'),
            (('add', 'cleo'), b'12345678\x009', 2, 'no NUL'),
            (('add', 'cleo'), '', 2, 'nothing came'),
            (('add', 'cleo'), None, 2, 'no terminal'),
            (('add', 'cleo', '--password-fd', '99'), None, 2, 'Bad file descriptor'),
            (('add', 'cleo', '--password-fd', 'x'), None, 2, 'takes the number'),
            (('add', 'cleo', '--idp', '../local'), 'x' * 8, 2, 'named as its file'),
            (('add',), None, 2, 'needs a NAME'),
            (('passwd',), None, 2, 'needs a NAME'),
            (('groups',), None, 2, 'needs a NAME'),
            (('remove',), None, 2, 'needs a NAME'),
            (('add', 'cleo', '--password', 'open sesame'), None, 2, 'never an argument'),
        )
        for words, password, code, said in cases:
            with self.subTest(words=words):
                done = self.run_it(*words, password=password, code=code)
                self.assertIn(said, done.stderr)
                self.assertNotIn('sesame', done.stderr)
                self.assertEqual(self.read(), FILE)

    def test_a_wrong_file_is_named_and_left(self):
        cases = (
            (FILE.replace('groups: [eng]', 'group: eng'), 3, 'local.yaml:5:'),
            ('type: oidc\nissuer: https://login.example.org\nclient-id: x\n', 1, 'is no local provider'),
            ('', 3, 'the file is empty'),
        )
        for text, code, said in cases:
            self.write(text)
            for words in (('add', 'cleo'), ('remove', 'ana'), ('list',)):
                with self.subTest(text=text, words=words):
                    password = 'open sesame' if words[0] == 'add' else None
                    self.assertIn(said, self.run_it(*words, password=password, code=code).stderr)
                    self.assertEqual(self.read(), text)

    def test_no_file_yet(self):
        self.assertIn('user add NAME makes it', self.run_it('list', code=1).stderr)
        self.assertIn('no user ana', self.run_it('passwd', 'ana', password='open sesame', code=1).stderr)
        self.assertFalse(os.path.exists(self.path))

    def test_a_link_and_a_folder_in_its_place_are_left(self):
        self.write(FILE, 'elsewhere')
        os.symlink('elsewhere', self.path)
        self.assertIn('symbolic link', self.run_it('remove', 'ana', code=1).stderr)
        self.assertTrue(os.path.islink(self.path))
        os.unlink(self.path)
        os.mkdir(self.path)
        self.assertIn('no regular file', self.run_it('remove', 'ana', code=1).stderr)

    @unittest.skipIf(os.geteuid() != 0, 'needs root to give files away')
    def test_owner_and_group_stay(self):
        self.write(FILE)
        os.chown(self.path, 1234, 5678)
        self.run_it('remove', 'bob')
        st = os.stat(self.path)
        self.assertEqual((st.st_uid, st.st_gid, st.st_mode & 0o7777), (1234, 5678, 0o640))
        os.unlink(self.path)
        os.chown(self.idp_dir, 0, 5678)
        self.run_it('add', 'ana', password='open sesame')
        self.assertEqual(os.stat(self.path).st_gid, 5678)

    def test_changes_at_the_same_time_are_all_made(self):
        self.write(FILE)
        names = [f'user{n}' for n in range(8)]
        running = [subprocess.Popen(self.words('add', name, '--password-fd', '0'), stdin=subprocess.PIPE,
                                    stdout=subprocess.DEVNULL, env=self.env) for name in names]
        for one in running:
            one.communicate(b'open sesame\n', timeout=60)
            self.assertEqual(one.returncode, 0)
        self.assertEqual(set(self.list()), {'ana', 'bob', *names})

    def type_in(self, *answers):
        """Run `user add ana` at a terminal and type; its output and exit code."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(PROGRAM, self.words('add', 'ana'), self.env)
        shown, end, left = b'', time.monotonic() + 30, list(answers)
        while time.monotonic() < end:
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                got = os.read(terminal, 4096)
            except OSError:
                break  # it has ended
            if not got:
                break
            shown += got
            if left and shown.count(b': ') > len(answers) - len(left):
                os.write(terminal, left.pop(0))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(terminal)
        return shown.decode(), code

    def test_a_password_typed_twice_is_not_shown(self):
        shown, code = self.type_in(b'open sesame\n', b'open sesame\n')
        self.assertEqual(code, 0, shown)
        self.assertNotIn('sesame', shown)
        self.assertEqual(self.list(), {'ana': ([], 'set')})

    def test_a_password_typed_differently_changes_nothing(self):
        shown, code = self.type_in(b'open sesame\n', b'open sesamee\n')
        self.assertEqual(code, 1)
        self.assertIn('differ', shown)
        self.assertFalse(os.path.exists(self.path))

    def test_control_c_changes_nothing(self):
        shown, code = self.type_in(b'open\x03')
        self.assertEqual(code, 1, shown)
        self.assertIn('nothing was changed', shown)
        self.assertFalse(os.path.exists(self.path))


if __name__ == '__main__':
    unittest.main(verbosity=2)
