#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/tally: no output of a test program may look greener than it was."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TALLY = os.path.join(TOP, 'tools', 'tally')

CMOCKA = '''[==========] Running 4 test(s).
[ RUN      ] one
[       OK ] one
[ RUN      ] two
[  ERROR   ] --- 0x1 != 0
[   LINE   ] --- x.c:10: error: Failure!
[  FAILED  ] two
[ RUN      ] three
skip: this kernel has no tcx
[  SKIPPED ] three
[ RUN      ] four
[       OK ] four
[==========] 4 test(s) run.
[  PASSED  ] 2 test(s).
[  SKIPPED ] 1 test(s), listed below:
[  SKIPPED ] three

 1 SKIPPED TEST(S)
[  FAILED  ] 1 test(s), listed below:
[  FAILED  ] two

 1 FAILED TEST(S)
'''


def tally(kind, text, *args):
    with tempfile.NamedTemporaryFile('w', suffix='.log') as file:
        file.write(text)
        file.flush()
        done = subprocess.run([sys.executable, TALLY, kind, *args, file.name],
                              capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def program(code, text):
    return tally('program', text, 'x', str(code))


class Tally(unittest.TestCase):
    def test_silent_program_is_one_case(self):
        self.assertEqual(program(0, 'all fine\n'), ['count 1 0 0'])
        self.assertEqual(program(1, 'all fine\n'), ['count 0 1 0', 'fail x'])

    def test_exit_77_is_a_skip_with_its_last_line(self):
        self.assertEqual(program(77, 'setting up\nno IPv6 here\n\n'), ['count 0 0 1', 'skip x: no IPv6 here'])

    def test_own_count_is_taken(self):
        self.assertEqual(program(1, '3 passed, 0 failed, 0 skipped\nmore\n12 passed, 2 failed, 0 skipped\n'),
                         ['count 12 2 0', 'fail x'])

    def test_own_skips_keep_their_reasons(self):
        self.assertEqual(program(0, 'skip: no hugepages\n2 passed, 0 failed, 2 skipped\n'),
                         ['count 2 0 2', 'skip x: no hugepages', 'skip x: no reason given'])

    def test_crash_after_a_green_count_is_a_failure(self):
        self.assertEqual(program(139, '5 passed, 0 failed, 0 skipped\n'), ['count 5 1 0', 'fail x'])

    def test_program_without_a_case_is_a_failure(self):
        self.assertEqual(program(0, '0 passed, 0 failed, 0 skipped\n'), ['count 0 1 0', 'fail x'])
        self.assertEqual(program(0, 'Ran 0 tests in 0.000s\n\nOK\n'), ['count 0 1 0', 'fail x'])

    def test_cmocka_cases_are_counted_once(self):
        self.assertEqual(program(1, CMOCKA), ['count 2 1 1', 'fail x', 'skip x/three: this kernel has no tcx'])

    def test_cmocka_that_died_midway_is_a_failure(self):
        self.assertEqual(program(134, CMOCKA[:CMOCKA.index('[ RUN      ] two')]), ['count 0 1 0', 'fail x'])

    def test_unittest_summary(self):
        self.assertEqual(program(1, 'Ran 9 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=1)\n'),
                         ['count 5 3 1', 'fail x', 'skip x: no reason given'])
        self.assertEqual(program(0, 'Ran 9 tests in 0.1s\n\nOK\n'), ['count 9 0 0'])

    def test_meson_log(self):
        log = [
            {'name': 'sallyport:unit / base', 'result': 'OK', 'returncode': 0, 'stdout': CMOCKA[:30], 'stderr':
             '[==========] 2 test(s) run.\n[  PASSED  ] 2 test(s).\n'},
            {'name': 'slow', 'result': 'TIMEOUT', 'returncode': 0, 'stdout': ''},
            {'name': 'odd', 'result': 'SKIP', 'returncode': 77, 'stdout': 'needs root\n'},
        ]
        self.assertEqual(tally('meson', '\n'.join(map(json.dumps, log))),
                         ['count 2 1 1', 'fail slow', 'skip odd: needs root'])


if __name__ == '__main__':
    unittest.main()
