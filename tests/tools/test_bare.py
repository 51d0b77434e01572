#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/bare where no bare Debian can be had, and .ci/run on a made-up tree: a skip has a name, a failure is red."""
import os
import shutil
import subprocess
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Tree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = os.path.join(folder.name, 'a tree')
        for path in ('.ci/run', 'tools/bare', 'tools/surroundings.sh'):
            os.makedirs(os.path.dirname(os.path.join(self.root, path)), exist_ok=True)
            shutil.copy(os.path.join(TOP, path), os.path.join(self.root, path))

    def script(self, path, body):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write('#!/bin/bash\n' + body + '\n')
        os.chmod(path, 0o755)

    def run_it(self, *words, expect):
        env = {**os.environ, 'PATH': f'{self.root}/bin:/usr/bin:/bin', 'SALLYPORT_BARE': self.root + '/store'}
        done = subprocess.run([os.path.join(self.root, words[0]), *words[1:]], env=env, capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done


class Bare(Tree):
    def setUp(self):
        super().setUp()
        self.script('bin/id', 'echo 0')
        self.script('bin/unshare', 'exit 0')

    def skipped(self):
        line = self.run_it('tools/bare', './demo', expect=75).stderr.splitlines()[-1]
        self.assertTrue(line.startswith('bare: skipped: '), line)
        return line

    def test_not_root(self):
        self.script('bin/id', 'echo 1000')
        self.assertIn('root', self.skipped())

    def test_no_namespaces(self):
        self.script('bin/unshare', 'exit 1')
        self.assertIn('mounts and PIDs', self.skipped())

    def test_apt_has_no_source(self):
        self.script('bin/debootstrap', 'exit 1')
        self.script('bin/apt-get', 'echo trixie main http://mirror.test/debian/')
        self.assertIn('no source for Debian bookworm', self.skipped())

    def test_the_mirror_does_not_answer(self):
        self.script('bin/debootstrap', 'echo "E: Failed getting release file"; exit 1')
        self.script('bin/apt-get', 'echo bookworm main http://mirror.test/debian/')
        self.assertIn('Failed getting release file', self.skipped())
        self.assertFalse(os.path.exists(self.root + '/store/base/.complete'))

    def test_usage(self):
        self.run_it('tools/bare', expect=2)
        self.run_it('tools/bare', '--umask', expect=2)
        self.run_it('tools/bare', '--no-such-option', './demo', expect=2)
        self.assertIn('--harsh', self.run_it('tools/bare', '--help', expect=0).stdout)


class Ci(Tree):
    def ci(self, check, bare, expect, says='', sum_line='3 passed, 0 failed, 1 skipped'):
        self.script('check', f'echo "check $*"; echo "{sum_line}"; exit {check}')
        self.script('tools/bare', f'echo "bare: {says}" >&2; exit {bare}')
        return self.run_it('.ci/run', '--fast', expect=expect).stdout.splitlines()

    def test_both_pass(self):
        lines = self.ci(0, 0, expect=0)
        self.assertEqual(lines[0], 'check --fast')
        self.assertEqual(lines[-2], './check: passed; ./demo on a bare Debian: passed')
        self.assertEqual(lines[-1], '4 passed, 0 failed, 1 skipped')

    def test_either_fails(self):
        lines = self.ci(1, 0, expect=1, sum_line='3 passed, 2 failed, 0 skipped')
        self.assertIn('./check: FAILED', lines[-2])
        self.assertEqual(lines[-1], '4 passed, 2 failed, 0 skipped')
        self.assertEqual(self.ci(0, 1, expect=1)[-1], '3 passed, 1 failed, 1 skipped')
        self.ci(0, 77, expect=1)  # in a bare root nothing may be missing
        self.ci(1, 75, expect=1, sum_line='3 passed, 2 failed, 0 skipped')

    def test_a_check_that_broke_has_failed(self):
        self.assertEqual(self.ci(1, 0, expect=1, sum_line='no sum')[-1], '1 passed, 1 failed, 0 skipped')

    def test_no_bare_debian_is_a_skip_with_its_reason(self):
        lines = self.ci(0, 75, expect=0, says='skipped: the mirror is silent')
        self.assertEqual(lines[-2], './check: passed; ./demo on a bare Debian: skipped: the mirror is silent')
        self.assertEqual(lines[-1], '3 passed, 0 failed, 2 skipped')


if __name__ == '__main__':
    unittest.main()
