#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every `file:function` and every path the README names is in the tree."""
import os
import re
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def named_functions(text):
    return re.findall(r'`([\w./]+\.[ch]):(\w+)`', text)


def missing(text):
    found = []
    for path, function in named_functions(text):
        try:
            with open(os.path.join(TOP, path), encoding='utf-8') as file:
                source = file.read()
        except FileNotFoundError:
            found.append(path)
            continue
        # a definition: the name and its arguments behind a type, a body or an attribute behind them
        if not re.search(r'^[\w*][^\n;=#]*\b%s\([^;{]*\)\s*\{' % function, source, re.M):
            found.append(f'{path}:{function}')
    for path in re.findall(r'`((?:bpf|src|tests|tools|docs|include)/[\w./-]*)`', text):
        if not os.path.exists(os.path.join(TOP, path)) and not path.endswith('*'):
            found.append(path)
    return found


class Readme(unittest.TestCase):
    def test_names_what_is_there(self):
        with open(os.path.join(TOP, 'README.md'), encoding='utf-8') as file:
            text = file.read()
        self.assertGreater(len(named_functions(text)), 20)
        self.assertEqual(missing(text), [])

    def test_notices_what_is_not(self):
        text = '`src/policy/load.c:sp_policy_lode` `src/nowhere.c:sp_x` `src/gone/`'
        self.assertEqual(missing(text), ['src/policy/load.c:sp_policy_lode', 'src/nowhere.c', 'src/gone/'])


if __name__ == '__main__':
    unittest.main()
