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


def but_whys(lines):
    return [line for line in lines if not line.startswith('why ')]


def program(code, text):
    return but_whys(tally('program', text, 'x', str(code)))


def whys(code, text):
    return [line[4:] for line in tally('program', text, 'x', str(code)) if line.startswith('why ')]


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
            {'name': 'slow', 'result': 'TIMEOUT', 'returncode': 0, 'stdout': '', 'duration': 60.1},
            {'name': 'odd', 'result': 'SKIP', 'returncode': 77, 'stdout': 'needs root\n'},
        ]
        lines = tally('meson', '\n'.join(map(json.dumps, log)))
        self.assertEqual(but_whys(lines), ['count 2 1 1', 'fail slow', 'skip odd: needs root'])
        self.assertEqual(lines[2], 'why == slow: not done after 60 s')


class Why(unittest.TestCase):
    """What stands behind a failure's name is what the test itself said."""

    def test_scenario(self):
        self.assertEqual(whys(1, 'ok: one\n     3 is not 4\nNOT: ana got the page   (same 3 4)\nok: two\n'
                                 '1 not as expected\n==> sallyportd.log <==\nsallyportd: ready\n'),
                         ['     3 is not 4', 'NOT: ana got the page   (same 3 4)'])

    def test_cmocka(self):
        self.assertEqual(whys(1, CMOCKA), ['[  ERROR   ] --- 0x1 != 0', '[   LINE   ] --- x.c:10: error: Failure!',
                                           '[  FAILED  ] two'])

    def test_signal(self):
        self.assertEqual(whys(139, 'a\n'), ['killed by SIGSEGV', 'a'])
        self.assertEqual(whys(-6, 'a\n'), ['killed by SIGABRT', 'a'])

    def test_sanitizer(self):
        said = whys(1, 'noise\n==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x1 at pc 0x2\n'
                       'READ of size 1\n    #0 0x1 in sp_read src/x.c:3:9\n    #7 0x2 in main\n'
                       'SUMMARY: AddressSanitizer: heap-use-after-free src/x.c:3:9 in sp_read\n')
        self.assertEqual([line[:24] for line in said],
                         ['==7==ERROR: AddressSanit', '    #0 0x1 in sp_read sr', 'SUMMARY: AddressSanitize'])
        self.assertEqual(whys(1, 'x.c:5:6: runtime error: applying zero offset to null pointer\n'),
                         ['x.c:5:6: runtime error: applying zero offset to null pointer'])

    def test_fuzzer(self):
        self.assertEqual(whys(1, '#2 INITED cov: 3\n==9== ERROR: libFuzzer: deadly signal\n    #1 0x1 in check f.c:2\n'
                                 'SUMMARY: libFuzzer: deadly signal\n'
                                 "artifact_prefix='x-'; Test unit written to x-crash-1\nBase64: AA==\n"),
                         ['==9== ERROR: libFuzzer: deadly signal', '    #1 0x1 in check f.c:2',
                          'SUMMARY: libFuzzer: deadly signal', "artifact_prefix='x-'; Test unit written to x-crash-1"])

    def test_compiler_and_linker(self):
        self.assertEqual(whys(1, '[1/2] Compiling C object x.o\nFAILED: x.o\ngcc -c x.c\n'
                                 "../x.c:4:5: error: use of undeclared identifier 'Y'\n  4 | Y\n"
                                 "x.c:(.text+0x1): undefined reference to `z'\nninja: build stopped\n"),
                         ['FAILED: x.o', "../x.c:4:5: error: use of undeclared identifier 'Y'",
                          "x.c:(.text+0x1): undefined reference to `z'"])

    def test_unittest(self):
        self.assertEqual(whys(1, 'F\n=====\nFAIL: test_a (x.A.test_a)\n-----\nTraceback (most recent call last):\n'
                                 "  File 'x', line 3\nAssertionError: 3 != 4 : of b\n\nRan 1 test in 0.1s\n\nFAILED (failures=1)\n"),
                         ['FAIL: test_a (x.A.test_a)', 'AssertionError: 3 != 4 : of b'])

    def test_demo_bounds_and_golden(self):
        self.assertEqual(whys(1, '  yes  a\n       seen\n  NO   bob gets nothing\n       he got the page\n1 lines seen true, 1 not\n'),
                         ['  NO   bob gets nothing', '       he got the page'])
        self.assertEqual(whys(1, 'ok      0.10 s    3 MB exit 0  blanks\nFAILED  9.10 s    3 MB exit 0  noise\n'),
                         ['FAILED  9.10 s    3 MB exit 0  noise'])
        self.assertEqual(whys(1, '--- policy/a.txt\n+++ now\n@@ -1 +1 @@\n-old\n+new\ngolden: 3 cases, 1 differ\n'),
                         ['--- policy/a.txt', '-old', '+new'])

    def test_anything_else_by_its_last_lines(self):
        text = ''.join(f'{i}\n' for i in range(50))
        self.assertEqual(whys(1, text), [str(i) for i in range(40, 50)])

    def test_one_screen_and_nothing_that_moves_a_terminal(self):
        said = whys(1, ''.join(f'NOT: {i} \x1b[2J{"x" * 999}\n' for i in range(99)))
        self.assertLessEqual(len(said), 18)
        self.assertTrue(said[0].startswith('NOT: 0 ?[2J') and len(said[0]) <= 240, said[0])


if __name__ == '__main__':
    unittest.main()
