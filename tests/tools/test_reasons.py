#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words that a policy cannot use as names, as docs/policy-language.md lists them, have every reason of
include/sallyport/abi/names.h."""
import os
import re
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(path):
    with open(os.path.join(TOP, path), encoding='utf-8') as file:
        return file.read()


class Reasons(unittest.TestCase):
    def test_are_all_in_the_list_of_built_in_names(self):
        block = re.search(r'#define SP_REASONS\(X\)(.*?[^\\])\n', read('include/sallyport/abi/names.h'), re.S).group(1)
        reasons = re.findall(r'X\(\w+, "([\w-]+)"', block)
        listed = re.search(r'and the reasons \((.*?)\)', read('docs/policy-language.md'), re.S).group(1)
        self.assertGreater(len(reasons), 20)
        self.assertEqual(re.findall(r'`([\w-]+)`', listed), reasons)


if __name__ == '__main__':
    unittest.main()
