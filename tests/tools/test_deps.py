#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/deps against a make-believe apt: a folder of commands that keep what is installed in a file."""
import os
import re
import subprocess
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPS = os.path.join(TOP, 'tools', 'deps')
ADDRESS = 'http://mirror.test/debian/'

COMMANDS = {
    'id': 'echo ${FAKE_UID:-0}',
    'dpkg-query': r'''
for last; do :; done
line=$(grep "^$last " "$FAKE/installed" | tail -n 1)
[ -n "$line" ] || exit 1
echo "ii  ${line#* }"''',
    'apt-cache': 'echo "  Candidate: 1"',
    'apt-get': r'''
echo "apt-get $*" >>"$FAKE/calls"
case "$*" in
indextargets*) cat "$FAKE/targets" ;;
*update) ;;
*install*)
	if [ -e "$FAKE/break" ]; then rm "$FAKE/break"; exit 100; fi
	for word; do
		case $word in
		*/*-backports) echo "${word%/*} 1:9.9-1~bpo12+1" >>"$FAKE/installed" ;;
		-*|install|*=*) ;;
		*) echo "$word 1:0.1" >>"$FAKE/installed" ;;
		esac
	done ;;
esac''',
}


class Deps(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.fake = folder.name
        os.makedirs(os.path.join(self.fake, 'apt', 'sources.list.d'))
        os.makedirs(os.path.join(self.fake, 'bin'))
        for name, body in COMMANDS.items():
            self.fake_command(name, body)
        self.source = os.path.join(self.fake, 'apt', 'sources.list.d', 'sallyport-backports.sources')
        self.write('installed', 'gcc 4:12.2.0-3\nlibbpf1 1:1.1.2-0+deb12u1\n')
        self.write('targets', f'bookworm-updates main {ADDRESS}\nbookworm contrib {ADDRESS}\nbookworm main {ADDRESS}\n')
        self.write('calls', '')

    def fake_command(self, name, body):
        path = os.path.join(self.fake, 'bin', name)
        self.write(path, '#!/bin/bash\n' + body + '\n')
        os.chmod(path, 0o755)

    def write(self, name, text):
        with open(os.path.join(self.fake, name), 'w', encoding='utf-8') as file:
            file.write(text)

    def read(self, name):
        with open(os.path.join(self.fake, name), encoding='utf-8') as file:
            return file.read()

    def deps(self, *args, expect=0, uid=0, umask=0o022):
        env = {**os.environ, 'FAKE': self.fake, 'FAKE_UID': str(uid), 'SALLYPORT_APT_DIR': self.fake + '/apt',
               'PATH': self.fake + '/bin:/usr/bin:/bin'}
        done = subprocess.run([DEPS, *args], env=env, capture_output=True, text=True, check=False, umask=umask)
        self.assertEqual(done.returncode, expect, done.stderr)
        return done.stderr

    def installs(self):
        return [line for line in self.read('calls').splitlines() if ' install ' in line]

    def test_installs_what_is_missing_and_says_so(self):
        said = self.deps()
        self.assertIn('missing: ', said)
        self.assertEqual(len(self.installs()), 1)
        words = self.installs()[0].split()
        self.assertIn('--no-install-recommends', words)
        self.assertIn('meson', words)
        self.assertIn('libbpf1/bookworm-backports', words)  # there, but too old
        self.assertNotIn('gcc', words)
        self.assertIn('update', self.read('calls'))

    def test_second_run_does_nothing(self):
        self.deps()
        source = self.read(self.source)
        self.write('calls', '')
        self.assertIn('everything is here already', self.deps())
        self.assertEqual(self.read('calls'), '')
        self.assertEqual(self.read(self.source), source)

    def test_source_file_names_the_mirror_in_use(self):
        self.deps()
        text = self.read(self.source)
        self.assertEqual(re.findall(r'^URIs: (.*)$', text, re.M), [ADDRESS])
        self.assertIn('Suites: bookworm-backports\n', text)

    def test_no_second_source_for_backports_already_there(self):
        self.write('targets', f'bookworm main {ADDRESS}\nbookworm-backports main {ADDRESS}\n')
        self.deps()
        self.assertFalse(os.path.exists(self.source))

    def test_undo_removes_the_source_file_and_twice_is_harmless(self):
        self.deps()
        self.deps('--undo')
        self.assertFalse(os.path.exists(self.source))
        self.assertIn('nothing to undo', self.deps('--undo'))

    def test_old_lists_are_fetched_again_once(self):
        self.write('break', '')
        self.assertIn('once more', self.deps())
        self.assertEqual(len(self.installs()), 2)

    def test_check_installs_nothing(self):
        self.assertIn('meson', self.deps('--check', expect=1))
        self.assertNotRegex(self.read('calls'), ' (install|update)')
        self.deps()
        self.deps('--check')

    def test_not_root_names_what_is_missing(self):
        said = self.deps(expect=1, uid=1000)
        self.assertIn('not root', said)
        self.assertIn('meson', said)
        self.assertEqual(self.installs(), [])

    def test_elsewhere_names_programs_and_libraries_to_install(self):
        self.write('targets', f'trixie main {ADDRESS}\n')
        self.fake_command('pkg-config', 'case "$*" in *libbpf*|*cmocka*) exit 1 ;; esac')
        said = self.deps(expect=1)
        self.assertIn('Debian 12 only', said)
        self.assertRegex(said, r'libraries.*: cmocka,libbpf >= 1\.3\n')
        self.assertEqual(self.installs(), [])

    def test_elsewhere_is_no_matter_where_all_is_here(self):
        self.write('targets', f'trixie main {ADDRESS}\n')
        self.fake_command('pkg-config', 'exit 0')
        self.fake_command('clang-19', 'exit 0')
        self.assertIn('all it needs is here', self.deps())
        self.assertEqual(self.installs(), [])

    def test_a_mirror_that_does_not_answer_has_an_exit_code_of_its_own(self):
        self.fake_command('apt-get', COMMANDS['apt-get'].replace('*update) ;;', '*update) exit 100 ;;'))
        self.write('break', '')
        self.assertIn('Does this machine reach the package mirror', self.deps(expect=75))

    def test_its_files_are_for_everybody_to_read(self):
        self.deps(umask=0o077)
        self.assertEqual(os.stat(self.source).st_mode & 0o777, 0o644)


if __name__ == '__main__':
    unittest.main()
