# SPDX-License-Identifier: GPL-3.0-or-later
"""Every exported function of these folders is explained where it is declared (docs/writing.md)."""
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / 'tools/prototypes'
FOLDERS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / 'src').iterdir() if list(path.rglob('*.h')))

HEADER = '''/* A header. */
#define SP_A 1

/* Explained. */
int sp_one(int a,
	   int b);
int sp_two(void);
int sp_three(void); /* at its end */

/* Both are explained. */
int sp_four(void);
const char *sp_five(void);

int sp_six(void);
/* Explained, and the brother is not. */

int sp_seven(void);
static inline int sp_eight(void)
{
	return sp_nine(1);
}
'''


class Prototypes(unittest.TestCase):
    def run_tool(self, *folders):
        return subprocess.run([TOOL, *folders], cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def test_every_exported_function_is_explained(self):
        for folder in FOLDERS:
            self.assertTrue(list((ROOT / folder).rglob('*.h')), folder)
        run = self.run_tool(*FOLDERS)
        self.assertEqual((run.stdout, run.returncode), ('', 0))

    def test_tool_finds_those_without_a_comment(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / 'a.h').write_text(HEADER)
            run = self.run_tool(folder)
        self.assertEqual([line.split(': ')[1].split()[0] for line in run.stdout.splitlines()],
                         ['sp_two', 'sp_six', 'sp_seven'])
        self.assertEqual(run.returncode, 1)


if __name__ == '__main__':
    unittest.main()
