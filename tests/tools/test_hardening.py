#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the installed programs were compiled and linked, asked of the programs and of the objects in them.

    test_hardening.py BUILD PROGRAM...
"""
import glob
import os
import platform
import re
import shutil
import subprocess
import sys
import unittest

BUILD, PROGRAMS = sys.argv[1], sys.argv[2:]
IS_X86 = platform.machine() == 'x86_64'


def readelf(*words):
    return subprocess.run(['readelf', '-W', *words], check=True, capture_output=True, text=True).stdout


@unittest.skipUnless(shutil.which('readelf'), 'readelf (binutils) is not there')
class Hardening(unittest.TestCase):
    def programs(self):
        self.assertGreaterEqual(len(PROGRAMS), 4)
        return PROGRAMS

    def test_all_relocations_are_done_at_the_start_and_then_read_only(self):
        for program in self.programs():
            self.assertIn('GNU_RELRO', readelf('-l', program))
            self.assertRegex(readelf('-d', program), r'FLAGS.*\bNOW\b|BIND_NOW')

    def test_it_may_lie_anywhere_in_memory(self):
        for program in self.programs():
            self.assertRegex(readelf('-h', program), r'Type:\s+DYN')

    def test_no_memory_is_writable_and_executable(self):
        for program in self.programs():
            headers = readelf('-l', program)
            self.assertRegex(headers, r'GNU_STACK .* RW +0x')
            self.assertNotRegex(headers, r'(?m)^ +(LOAD|GNU_STACK) .* RWE ')

    def test_calls_that_fill_buffers_are_checked(self):
        for program in self.programs():
            symbols = readelf('--dyn-syms', program)
            self.assertIn('__stack_chk_fail', symbols)
            self.assertRegex(symbols, r'__\w+_chk\b(?<!__stack_chk)')

    @unittest.skipUnless(IS_X86, 'control-flow enforcement is of x86-64')
    def test_shadow_stacks_and_branch_tracking_are_marked(self):
        for program in self.programs():
            self.assertRegex(readelf('-n', program), r'x86 feature: IBT, SHSTK')

    @unittest.skipUnless(IS_X86, 'control-flow enforcement is of x86-64')
    def test_every_object_of_ours_carries_the_mark_itself(self):
        objects = glob.glob(os.path.join(BUILD, 'src', '**', '*.o'), recursive=True)
        self.assertGreater(len(objects), 100)
        for block in re.split(r'(?m)^File: ', readelf('-n', *objects))[1:]:
            self.assertRegex(block, r'x86 feature: IBT, SHSTK', block.split('\n', 1)[0])

    def test_a_large_frame_touches_every_page_of_the_stack(self):
        with open(os.path.join(BUILD, 'compile_commands.json'), encoding='utf-8') as file:
            commands = file.read()
        self.assertIn('-fstack-clash-protection', commands)
        self.assertIn('-D_FORTIFY_SOURCE=', commands)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=2)
