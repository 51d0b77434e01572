#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/layers, on small trees made for each case."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAYERS = os.path.join(TOP, 'tools', 'layers')

LIST = """
layers = [
  ['include/sallyport/abi', 0],
  ['bpf', 0],
  ['src/base', 1],
  ['src/net', 1],
  ['src/policy', 2],
  ['src/audit', 2],
  ['src/io', 3],
  ['src/plane/ebpf', 4],
  ['src/daemon', 5],
]
"""

CLEAN = {
    'include/sallyport/abi/verdict.h': '#include <stdint.h>\n',
    'bpf/lib/parse.h': '#include <sallyport/abi/verdict.h>\n',
    'bpf/edge_in.bpf.c': '#include "lib/parse.h"\n#include <linux/bpf.h>\n',
    'src/base/str.h': '#include <stddef.h>\n',
    'src/net/prefix.h': '#include "base/str.h"\n#include <sallyport/abi/verdict.h>\n',
    'src/policy/model.h': '#include "net/prefix.h"\n',
    'src/policy/check.c': '#include "policy/model.h"\n#include "base/str.h"\n',
    'src/audit/record.h': '#include "base/str.h"\n',
    'src/io/file.h': '#include "base/str.h"\n',
    'src/plane/ebpf/tables.c': '#include "policy/model.h"\n#include "lib/parse.h"\n#include "edge_in.skel.h"\n',
    'src/daemon/apply.h': '#include "policy/model.h"\n',
    'tests/unit/policy/test.c': '#include "daemon/apply.h"\n',
}


def run(files):
    """Exit code and complaints of the script on a tree of these files."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in {'meson.build': LIST, **files}.items():
            path = os.path.join(root, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text)
        done = subprocess.run([sys.executable, LAYERS, root], capture_output=True, text=True, check=False)
        return done.returncode, done.stderr


def run_in(root, *command, expect):
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == expect, done.stdout
    return done.stdout


class Layers(unittest.TestCase):
    def refused(self, path, text, *words):
        """The clean tree with one file changed is refused, at that file's line, with these words."""
        code, complaint = run({**CLEAN, path: text})
        self.assertEqual(code, 1, complaint)
        line = text[:text.index('include')].count('\n') + 1
        self.assertIn(f'{path}:{line}: ', complaint)
        for word in words:
            self.assertIn(word, complaint)
        self.assertEqual(complaint.count('\n'), 1, complaint)

    def test_a_room_sees_the_rooms_below_it(self):
        """Not those above it, nor what stands beside the rooms, neither itself nor by another header."""
        rooms = "\nrooms = [\n  ['src/daemon', 'store', 'limits.h', 'people',\n    'ops'],\n]\n"
        files = {**CLEAN, 'meson.build': LIST + rooms,
                 'src/daemon/daemon.h': '#include "daemon/ops/ops.h"\n', 'src/daemon/limits.h': '#include "base/str.h"\n',
                 'src/daemon/store/store.h': '#include "policy/model.h"\n',
                 'src/daemon/people/people.h': '#include "daemon/limits.h"\n#include "daemon/store/store.h"\n',
                 'src/daemon/people/people.c': '#include "daemon/people/people.h"\n',
                 'src/daemon/ops/ops.h': '#include "daemon/people/people.h"\n'}
        self.assertEqual(run(files), (0, ''))
        for path, target in (('store/store.h', 'people/people.h'), ('store/store.h', 'limits.h'),
                             ('people/people.c', 'ops/ops.h'), ('ops/ops.h', 'daemon.h'), ('ops/ops.h', 'apply.h')):
            code, said = run({**files, f'src/daemon/{path}': f'#include "daemon/{target}"\n'})
            self.assertEqual(code, 1, path)
            self.assertIn(f'src/daemon/{path}:1: it includes src/daemon/{target}: above its room\n', said)
        files['src/daemon/people/people.h'] = '#include "daemon/limits.h"\n'
        files['src/daemon/limits.h'] = '#include "daemon/daemon.h"\n'
        code, said = run(files)
        self.assertEqual(code, 1)
        self.assertIn('src/daemon/people/people.c:1: it includes src/daemon/people/people.h, which includes '
                      'src/daemon/limits.h, which includes src/daemon/daemon.h: above its room\n', said)

    def test_a_room_out_of_the_list_is_refused(self):
        rooms = "\nrooms = [\n  ['src/daemon', 'store'],\n]\n"
        self.assertEqual(run({**CLEAN, 'meson.build': LIST + rooms, 'src/daemon/store/store.h': ''}), (0, ''))
        code, said = run({**CLEAN, 'meson.build': LIST + rooms, 'src/daemon/people/people.h': ''})
        self.assertEqual(code, 1)
        self.assertIn('src/daemon/people/people.h:1: its folder is no room of src/daemon', said)
        self.assertIn('src/daemon/store is in the list of rooms and not in the tree', said)

    def test_clean_tree_passes(self):
        self.assertEqual(run(CLEAN), (0, ''))

    def test_this_tree_passes(self):
        done = subprocess.run([sys.executable, LAYERS, TOP], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ''))

    def test_upward_include_is_refused(self):
        self.refused('src/policy/check.c', '\n\n#include "daemon/apply.h"\n', 'upward', 'level 2', 'level 5')

    def test_upward_include_in_a_header_is_refused(self):
        self.refused('src/net/prefix.h', '#include "policy/model.h"\n', 'upward')

    def test_indented_include_is_refused(self):
        self.refused('src/policy/check.c', '#if 1\n\t#  include\t"io/file.h"\n#endif\n', 'upward')

    def test_angle_brackets_do_not_hide_it(self):
        self.refused('src/policy/check.c', '#include <io/file.h>\n', 'upward')

    def test_sideways_include_is_refused(self):
        self.refused('src/policy/check.c', '#include "audit/record.h"\n', 'sideways')

    def test_base_includes_nothing_of_ours(self):
        self.refused('src/base/str.h', '#include <sallyport/abi/verdict.h>\n', 'src/base includes nothing of ours')

    def test_abi_includes_nothing_else(self):
        self.refused('include/sallyport/abi/verdict.h', '#include "base/str.h"\n', 'upward')

    def test_bpf_sees_the_abi_only(self):
        self.refused('bpf/edge_in.bpf.c', '#include "policy/model.h"\n', 'upward')
        self.refused('bpf/lib/parse.h', '#include "base/str.h"\n', 'upward')

    def test_a_plane_is_named_by_the_list_of_planes_alone(self):
        contract = {'src/plane/plane.h': '', 'src/plane/netfilter/ops.h': '', 'src/plane/ebpf/ops.h': '',
                    'meson.build': LIST.replace("  ['src/daemon', 5]", "  ['src/plane/netfilter', 4],\n"
                                                "  ['src/plane', 3],\n  ['src/daemon', 5]")}
        named = '#include "plane/ebpf/ops.h"\n'
        self.assertEqual(run({**CLEAN, **contract, 'src/plane/planes.c': named,
                              'src/daemon/apply.h': '#include "plane/plane.h"\n'}), (0, ''))
        for path in ('src/daemon/apply.h', 'src/plane/netfilter/ops.h', 'src/plane/plane.h'):
            code, complaint = run({**CLEAN, **contract, path: named})
            self.assertEqual(code, 1, path)
            self.assertIn(f'{path}:1: #include "plane/ebpf/ops.h": only src/plane/planes.c names a plane', complaint)

    def test_two_dots_are_refused(self):
        self.refused('src/policy/check.c', '#include "../io/file.h"\n', 'write the path from')

    def test_tests_are_included_by_nobody(self):
        code, complaint = run({**CLEAN, 'tests/support/lab.h': '', 'src/io/file.h': '#include "tests/support/lab.h"\n'})
        self.assertEqual(code, 1)
        self.assertIn('outside the layers', complaint)

    def test_folder_in_no_layer_is_refused(self):
        code, complaint = run({**CLEAN, 'src/utils/misc.h': ''})
        self.assertEqual(code, 1)
        self.assertIn('src/utils/misc.h:1: its folder is in no layer', complaint)

    def test_upward_include_fails_the_build(self):
        with tempfile.TemporaryDirectory() as root:
            for path in ('meson.build', 'meson_options.txt', 'tools/layers', 'src/base', 'man'):
                copy = os.path.join(root, path)
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                (shutil.copytree if os.path.isdir(os.path.join(TOP, path)) else shutil.copy)(
                    os.path.join(TOP, path), copy)
            os.makedirs(os.path.join(root, 'include'))
            run_in(root, 'meson', 'setup', 'build', expect=0)
            run_in(root, 'ninja', '-C', 'build', expect=0)
            for path, text in (('policy', ''), ('net', '#include "policy/x.h"\n')):
                os.makedirs(os.path.join(root, 'src', path))
                with open(os.path.join(root, 'src', path, 'x.h'), 'w', encoding='utf-8') as file:
                    file.write(text)
            said = run_in(root, 'ninja', '-C', 'build', expect=1)
            self.assertIn('src/net/x.h:1: #include "policy/x.h": upward', said)

    def test_missing_list_is_an_error_not_a_pass(self):
        self.assertNotEqual(run({**CLEAN, 'meson.build': 'project()\n'})[0], 0)


if __name__ == '__main__':
    unittest.main()
