#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs print in few places, each of which shows texts fit for a terminal: nobody else does."""
import glob
import os
import re
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Where stdout and stderr are written, and what escapes there (base/text.h).
PRINTERS = {
    'src/cli/screen/output.c': ['sp_text_put', 'sp_text_put_json'],
    'src/io/log/log.c': ['sp_text_show'],
    'src/vpnd/log.c': ['sp_text_show'],
}
# Fixed texts: how a program is called, its version.
USAGE = {'src/daemon/main.c', 'src/io/process/options.c', 'src/portal/main.c', 'src/vpnd/main.c',
         'src/watchdog/main.c'}
PRINTS = re.compile(r'\b(v?f?printf|v?dprintf|fputs|fputc|puts|putc|putchar|fwrite|perror'
                    r'|psignal|json_dumpf|json_dump_file|json_dumpfd|sd_journal_\w+)\(|#include <(err|syslog)\.h>')
WRITES_A_TERMINAL = re.compile(r'\bwrite\((STDOUT_FILENO|STDERR_FILENO|[12]),')
# An error's text alone: of what, and what to do, nobody is told.
BARE_ERROR = re.compile(r'\([^();]*"(?:failed: ?)?%s", *(?:sp_err_text|strerror)\(')
# A probe has its name beside, a line of a field its field.
NAMES_IT_ELSEWHERE = re.compile(r'\b(snprintf|sp_probe_add|sp_probe_add_for)\Z')
# By which one function tells its caller what happened, who has words of their own for it: nobody is shown these.
WORDS_OF_ONE_MODULE = {'ENOLINK', 'EMEDIUMTYPE', 'EKEYREJECTED', 'EUSERS', 'EIDRM', 'EBADFD', 'EDOM'}
TEXT_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.S)


def sources():
    for path in glob.glob(os.path.join(TOP, 'src', '**', '*.c'), recursive=True):
        with open(path, encoding='utf-8') as file:
            yield os.path.relpath(path, TOP), file.read()


class Output(unittest.TestCase):
    def test_nobody_prints_but_the_printers(self):
        found = []
        for path, text in sources():
            if path in PRINTERS or path in USAGE:
                continue
            code = TEXT_OR_COMMENT.sub('""', text)
            found += [f'{path}: {match[0]}' for match in PRINTS.finditer(code)]
        self.assertEqual(found, [])

    def test_an_error_says_what_was_being_done(self):
        found = [f'{path}: {match[0]}' for path, text in sources() for match in BARE_ERROR.finditer(text)
                 if not NAMES_IT_ELSEWHERE.search(text[:match.start()])]
        self.assertEqual(found, [])

    def test_each_error_has_a_remedy(self):
        texts = dict(sources())
        known = set(re.findall(r'\{ (E[A-Z0-9]+),', texts['src/base/remedy.c'])) | WORDS_OF_ONE_MODULE
        known |= {'ENOTSUP', 'EWOULDBLOCK'}  # other names of EOPNOTSUPP and EAGAIN
        found = {name for path, text in texts.items() if path != 'src/base/remedy.c'
                 for name in re.findall(r'-(E[A-Z0-9]{2,})\b', TEXT_OR_COMMENT.sub('""', text))}
        self.assertEqual(sorted(found - known), [])
        self.assertEqual(sorted(WORDS_OF_ONE_MODULE - found), [])

    def test_each_printer_adds_it(self):
        texts = dict(sources())
        for path in PRINTERS:
            self.assertIn('sp_remedy_of(', texts[path], path)

    def test_each_printer_escapes(self):
        texts = dict(sources())
        for path, ways in PRINTERS.items():
            for way in ways:
                self.assertIn(way + '(', texts[path], path)

    def test_usage_has_nothing_of_anybody_else(self):
        texts = dict(sources())
        for path in USAGE:
            code = re.sub(r'/\*.*?\*/', '', texts[path], flags=re.S)
            for match in re.finditer(r'\bf?printf\(.*?;', code, re.S):
                self.assertNotIn('%s', match[0], path)

    def test_what_is_written_past_stdio_is_a_fixed_text(self):
        for path, text in sources():
            for match in WRITES_A_TERMINAL.finditer(text):
                self.assertEqual((path, text[match.start():].split(')')[0]),
                                 ('src/cli/screen/terminal.c', 'write(STDERR_FILENO, text, sizeof(text'))


if __name__ == '__main__':
    unittest.main()
