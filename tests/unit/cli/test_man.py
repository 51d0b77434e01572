#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A manual page names the options of its program, those of --help and no others. usage: test_man.py PROGRAM PAGE"""
import os
import re
import subprocess
import sys
import unittest

PAGE = os.path.abspath(sys.argv.pop(2))
PROGRAM = os.path.abspath(sys.argv.pop(1))


def options_of_help(text):
    return set(re.findall(r'(?<!\w)--([a-z][a-z-]*)', text))


def options_of_page(text):
    """Those that have an entry of their own: .It Fl f , -foreground"""
    found = set()
    for line in re.findall(r'^\.It Fl (.*)$', text, re.M):
        found |= set(re.findall(r'(?:^|\s)-([a-z][a-z-]*)', line))
    return found


class Man(unittest.TestCase):
    def test_page_and_program_name_the_same_options(self):
        done = subprocess.run([PROGRAM, '--help'], capture_output=True, text=True, timeout=60, check=True)
        with open(PAGE, encoding='utf-8') as file:
            named = options_of_page(file.read())
        self.assertGreater(len(named), 2)
        self.assertEqual(named - {'help'}, options_of_help(done.stdout) - {'help'})

    def test_an_option_of_either_alone_is_noticed(self):
        self.assertEqual(options_of_help('  -v, --verbose  x\n  --root DIR  with --managed'), {'verbose', 'root', 'managed'})
        self.assertEqual(options_of_page('.It Fl v , -verbose\n.It Fl -root Ar DIR\n.Fl -not-an-entry'), {'verbose', 'root'})


if __name__ == '__main__':
    unittest.main()
