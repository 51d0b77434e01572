# SPDX-License-Identifier: GPL-3.0-or-later
"""Each header of bpf/lib compiles alone: the order of includes in a program says nothing.

Each is compiled as the only include of a file: for an XDP program, for a tcx program and for user space. What
belongs to one kind only is named below, with the reason, and is then refused by the other kind."""
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADERS = sorted(path.name for path in (ROOT / 'bpf/lib').glob('*.h'))
BPF = ['-target', 'bpf', '-mcpu=v3', '-isystem', f'/usr/include/{os.uname().machine}-linux-gnu']
KINDS = {'xdp': [*BPF, '-DSP_XDP', '-DSP_THIS_HOOK=SP_HOOK_EDGE_IN'],
         'tcx': [*BPF, '-DSP_THIS_HOOK=SP_HOOK_VPN_IN'],
         'user': ['-DSP_THIS_HOOK=SP_HOOK_VPN_IN']}
# Only a tcx program has a mark. In user space every header compiles, and so does every program (tests/support).
NOT_FOR = {'xdp': {'leaving.h', 'record.h', 'refuse.h', 'tc.h'}, 'user': set(), 'tcx': set()}


def compile_alone(kind, headers):
    """Returns what the compiler says; nothing when every header compiles."""
    with tempfile.TemporaryDirectory() as folder:
        for header in headers:
            (pathlib.Path(folder) / f'{header}.c').write_text(f'#include "lib/{header}"\n')
        run = subprocess.run(
            ['clang-19', '-fsyntax-only', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-I', ROOT / 'include', '-I',
             ROOT / 'bpf', *KINDS[kind], *(f'{folder}/{header}.c' for header in headers)],
            stderr=subprocess.PIPE, text=True)
    return run.stderr if run.returncode else ''


class Headers(unittest.TestCase):
    def test_each_header_compiles_alone(self):
        self.assertIn('parse_quote.h', HEADERS)
        for kind in KINDS:
            with self.subTest(kind):
                self.assertEqual(compile_alone(kind, [name for name in HEADERS if name not in NOT_FOR[kind]]), '')

    def test_headers_of_one_kind_are_refused_by_the_other(self):
        for kind, names in NOT_FOR.items():
            for name in sorted(names):
                with self.subTest(f'{kind} {name}'):
                    self.assertIn('error:', compile_alone(kind, [name]))


if __name__ == '__main__':
    unittest.main()
