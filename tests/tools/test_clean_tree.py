#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/clean-tree: each offence is found, and nothing else is."""
import os
import shutil
import subprocess
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GPL3 = '/* SPDX-License-Identifier: GPL-3.0-or-later */\n'
DUAL = '/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */\n'


class CleanTree(unittest.TestCase):
    def said(self, path, text):
        """What the script says of a clone with this one file, or None if it is content."""
        with tempfile.TemporaryDirectory() as root:
            for name, body in ((path, text), ('apt/sources.list', 'deb http://mirror.test/debian bookworm main\n')):
                os.makedirs(os.path.dirname(os.path.join(root, name)) or root, exist_ok=True)
                with open(os.path.join(root, name), 'w', encoding='utf-8') as file:
                    file.write(body)
            os.makedirs(os.path.join(root, 'tools'), exist_ok=True)
            script = shutil.copy(os.path.join(TOP, 'tools', 'clean-tree'), os.path.join(root, 'tools'))
            subprocess.run(['git', 'init', '-q', root], check=True, stderr=subprocess.DEVNULL)
            subprocess.run(['git', '-C', root, 'add', path, 'tools'], check=True)
            done = subprocess.run([script], env={**os.environ, 'SALLYPORT_APT_DIR': root + '/apt'},
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.stderr, '')
            self.assertEqual(bool(done.stdout), done.returncode == 1)
            return done.stdout or None

    def test_clean_file(self):
        self.assertIsNone(self.said('src/a.c', GPL3 + '\n/*\n * text\n */\nint a;\n\tint b;\n'))
        self.assertIsNone(self.said('bpf/a.c', DUAL))
        self.assertIsNone(self.said('README.md', '# A\n    code\n'))

    def test_source_without_a_licence(self):
        self.assertIn('src/a.c:1: no', self.said('src/a.c', 'int a;\n'))
        self.assertIn('tool:1: no', self.said('tool', '#!/bin/sh\nexit 0\n'))

    def test_wrong_licence(self):
        self.assertIn('bpf/a.c:1: no', self.said('bpf/a.c', GPL3))
        self.assertIn('src/a.c:1: no', self.said('src/a.c', DUAL))

    def test_spaces_for_tabs(self):
        self.assertIn('src/a.c:3: indented', self.said('src/a.c', GPL3 + '{\n    int a;\n}\n'))

    def test_blank_at_line_end(self):
        self.assertIn('src/a.c:2: blanks', self.said('src/a.c', GPL3 + 'int a; \n'))

    def test_mirror_host(self):
        self.assertIn('README.md:2: names a package mirror', self.said('README.md', '# A\nhttp://mirror.test/x\n'))


if __name__ == '__main__':
    unittest.main()
