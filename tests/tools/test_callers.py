# SPDX-License-Identifier: GPL-3.0-or-later
"""No exported function lives for tests alone: the product calls it, or it is named here with the reason."""
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / 'tools/callers'
UNCALLED = {
    # The decision tables' file.
    'sp_sptab_write', 'sp_sptab_read',
    # The reference evaluator plays whole lives of sessions in tests/equiv.
    'sp_reference_remove_session',
    # A policy of one text, as tests have it; programs read several files.
    'sp_policy_load',
    # How many there are, which nothing but a test has to know.
    'sp_control_client_count', 'sp_grants_count', 'sp_jwks_count', 'sp_refresher_count', 'sp_wg_engine_peer_count',
    # A sign-in in the browser, whose pages are not there yet (ADR 0016).
    'sp_cookie_set', 'sp_state_make',
}

HEADER = '''
int sp_one(int a,
	   int b);
int sp_two(void); /* sp_two() */
int sp_three(void);
static inline int sp_four(void)
{
	return 4;
}
struct sp_thing *sp_five(void);
int sp_six(void);
'''
SOURCE = '''
/* sp_two() is not called here. */
int sp_one(int a, int b)
{
	return a + b;
}
int sp_two(void)
{
	return printf("sp_two()");
}
int sp_three(void)
{
	return sp_one(1, 2);
}
struct sp_thing *sp_five(void)
{
	return NULL;
}
int sp_six(void)
{
	return 6;
}
int main(void)
{
	return sp_six();
}
'''


class Callers(unittest.TestCase):
    def run_tool(self, top):
        done = subprocess.run([TOOL, top], stdout=subprocess.PIPE, text=True)
        return {tuple(line.split(': ')[1].split()) for line in done.stdout.splitlines()}, done.returncode

    def test_no_exported_function_is_for_tests_alone(self):
        found, _ = self.run_tool(ROOT)
        self.assertEqual(found, {(name, 'uncalled') for name in UNCALLED})

    def test_the_tool_finds_what_nobody_calls_and_what_is_to_be_static(self):
        with tempfile.TemporaryDirectory() as folder:
            top = pathlib.Path(folder)
            for name in ('src', 'tests', 'bench'):
                (top / name).mkdir()
            (top / 'src/a.h').write_text(HEADER)
            (top / 'src/a.c').write_text(SOURCE)
            (top / 'src/b.c').write_text('int b(void) { return !sp_five(); }\n')
            found = {('sp_two', 'uncalled'), ('sp_three', 'uncalled'), ('sp_one', 'private'), ('sp_six', 'private')}
            self.assertEqual(self.run_tool(top), (found, 1))
            (top / 'tests/t.c').write_text('int t(void) { return sp_six() + sp_two(); }\n')
            self.assertEqual(self.run_tool(top), (found - {('sp_six', 'private')}, 1))


if __name__ == '__main__':
    unittest.main()
