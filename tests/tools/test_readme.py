#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every `file:function` and every path that the README and docs/architecture.md name is in the tree."""
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


PAGES = {'README.md': 12, 'docs/architecture.md': 60}  # how many functions each names, at least


class Readme(unittest.TestCase):
    def pages(self):
        for page, functions_min in PAGES.items():
            with open(os.path.join(TOP, page), encoding='utf-8') as file:
                yield page, file.read(), functions_min

    def test_names_what_is_there(self):
        for page, text, functions_min in self.pages():
            with self.subTest(page):
                self.assertGreaterEqual(len(named_functions(text)), functions_min)
                self.assertEqual(missing(text), [])

    def test_lines_of_the_readme_wrap_at_100_columns(self):
        text = next(text for page, text, _ in self.pages() if page == 'README.md')
        prose = re.sub(r'^ *```\n.*?^ *```$', '', text, flags=re.M | re.S)
        self.assertEqual([line for line in prose.splitlines() if len(line) > 100 and line[0] != '|'], [])

    def test_notices_what_is_not(self):
        text = '`src/policy/load.c:sp_policy_lode` `src/nowhere.c:sp_x` `src/gone/`'
        self.assertEqual(missing(text), ['src/policy/load.c:sp_policy_lode', 'src/nowhere.c', 'src/gone/'])


if __name__ == '__main__':
    unittest.main()
