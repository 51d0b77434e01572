#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `meson install` puts where.

    test_install.py BUILD
"""
import glob
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import unittest

BUILD = os.path.abspath(sys.argv[1])


def option(name):
    said = json.loads(subprocess.run(['meson', 'introspect', '--buildoptions', BUILD], check=True, capture_output=True,
                                     text=True).stdout)
    return next(one['value'] for one in said if one['name'] == name)


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.top = cls.folder.name
        subprocess.run(['meson', 'install', '-C', BUILD, '--no-rebuild', '--destdir', cls.top], check=True,
                       capture_output=True, timeout=120)
        cls.prefix = cls.top + option('prefix')

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def found(self, pattern):
        return glob.glob(os.path.join(self.prefix, pattern), recursive=True)

    def test_each_unit_starts_a_program_that_is_there(self):
        units = self.found('lib/systemd/system/*.service')
        self.assertGreaterEqual(len(units), 3)
        for unit in units:
            with open(unit, encoding='utf-8') as file:
                program = re.search(r'^ExecStart=(\S+)', file.read(), re.M).group(1)
            self.assertTrue(os.access(self.top + program, os.X_OK), unit)

    def test_the_folder_of_the_configuration_is_etc_whatever_the_prefix(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.top + '/etc/sallyport').st_mode), 0o755)
        self.assertEqual(os.listdir(self.top + '/etc/sallyport'), [])

    def test_documents_completion_and_licences_are_there(self):
        for pattern in ('share/doc/sallyport/README.md', 'share/doc/sallyport/install.md',
                        'share/doc/sallyport/examples/policy.yaml', 'share/bash-completion/completions/sallyport',
                        'share/zsh/site-functions/_sallyport', 'share/fish/vendor_completions.d/sallyport.fish',
                        'share/licenses/sallyport/GPL-3.0-or-later.txt', 'share/man/man1/sallyport.1*',
                        'share/man/man8/sallyportd.8*', 'lib/sysusers.d/sallyport-*.conf', 'lib/tmpfiles.d/sallyport.conf'):
            self.assertTrue(self.found(pattern), pattern)

    def test_the_hooks_of_other_programs_are_there(self):
        self.assertTrue(self.found('share/doc/sallyport/examples/fail2ban-sallyport.conf'))
        hook, = self.found('share/doc/sallyport/examples/crowdsec-sallyport')
        self.assertTrue(os.access(hook, os.X_OK), hook)

    def test_nothing_of_the_benchmarks_unless_it_was_asked_for(self):
        programs = [os.path.basename(path) for path in self.found('libexec/**') + self.found('*bin/*')]
        self.assertIn('sallyport', programs)
        if not option('bench'):
            self.assertEqual([name for name in programs if 'null' in name or 'bench' in name], [])


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
