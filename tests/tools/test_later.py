# SPDX-License-Identifier: GPL-3.0-or-later
"""What the manual and docs/policy-language.md say is refused until it is built is what the checker refuses so."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BY_MESSAGE = {'when', 'expires'}  # refused where `from` names `self`: those keys are known otherwise


def refused():
    text = ''.join(path.read_text() for path in (ROOT / 'src/policy/checks').glob('*.c'))
    return set(re.findall(r'\{ "([a-z-]+)", SP_KEY_LATER', text)) | BY_MESSAGE


def last(words):
    return {word.split('.')[-1] for word in words}


class Later(unittest.TestCase):
    def test_the_manual_says_so(self):
        section = (ROOT / 'man/sallyport-policy.5').read_text().split('.Sh NOT SUPPORTED YET\n')[1].split('\n.Sh ')[0]
        named = last(re.findall(r'^\.Cm (\S+)', section, re.M))
        self.assertEqual(named - {'from', 'self'}, refused())

    def test_so_does_the_page(self):
        section = (ROOT / 'docs/policy-language.md').read_text().split('\n## Not supported yet\n')[1].split('\n## ')[0]
        named = last(re.findall(r'`([a-z.-]+)`', section))
        self.assertEqual(named - {'from', 'self'}, refused())


if __name__ == '__main__':
    unittest.main()
