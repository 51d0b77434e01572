#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every warning sallyportd can raise has a remedy in src/daemon/base/warnings.h and stands in
docs/control-socket.md."""
import glob
import os
import re
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(path):
    with open(os.path.join(TOP, path), encoding='utf-8') as file:
        return file.read()


def raised(text):
    return re.findall(r'sp_warnings_raise\([^,]*,\s*"([^"]+)"', text)


def listed(text, name):
    """The first strings of an X-macro table."""
    table = re.search(r'#define %s\(X\)(.*?[^\\])\n' % name, text, re.S).group(1)
    return re.findall(r'X\("([^"]+)"', table)


class Warnings(unittest.TestCase):
    def setUp(self):
        self.remedies = listed(read('src/daemon/base/warnings.h'), 'SP_WARNINGS')
        codes = set(listed(read('src/daemon/health/drift.h'), 'SP_DRIFTS'))
        for path in glob.glob(os.path.join(TOP, 'src/daemon/**/*.c'), recursive=True):
            codes |= set(raised(read(path)))
        self.codes = sorted(codes)

    def test_has_a_remedy_for_each(self):
        self.assertGreater(len(self.codes), 30)
        self.assertEqual([code for code in self.codes if code not in self.remedies], [])

    def test_has_no_remedy_for_what_is_never_raised(self):
        self.assertEqual([code for code in self.remedies if code not in self.codes], [])

    def test_documents_each(self):
        text = read('docs/control-socket.md')
        self.assertEqual([code for code in self.codes if f'`{code}`' not in text], [])


if __name__ == '__main__':
    unittest.main()
