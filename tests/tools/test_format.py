# SPDX-License-Identifier: GPL-3.0-or-later
"""The C sources are as clang-format writes them (tools/format)."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / 'tools/format'
FOLDERS = ['bpf', 'include', 'src', 'tests', 'bench']


@unittest.skipUnless(shutil.which('clang-format-19'), 'no clang-format-19')
class Format(unittest.TestCase):
    def check(self, *paths):
        run = subprocess.run([TOOL, '--check', *paths], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        return run.returncode, run.stdout

    def test_sources_are_formatted(self):
        self.assertEqual(self.check(*FOLDERS), (0, ''))

    def test_finds_and_mends_what_is_not(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(ROOT / '.clang-format', folder)
            file = pathlib.Path(folder) / 'a.c'
            file.write_text('int sp_a(void) {\n    return 1;\n}\n')
            code, said = self.check(folder)
            self.assertEqual(code, 1)
            self.assertRegex(said, f'^{file}: differs from clang-format in [0-9]+ places\n$')
            subprocess.run([TOOL, folder], check=True)
            self.assertEqual(file.read_text(), 'int sp_a(void)\n{\n\treturn 1;\n}\n')
            self.assertEqual(self.check(folder), (0, ''))


if __name__ == '__main__':
    unittest.main()
