# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fuzz target has its seeds in one file, and tools/corpus changes that file and nothing else in it."""
import hashlib
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def seeds_of(path):
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


class Corpora(unittest.TestCase):
    def test_each_target_has_seeds_once(self):
        targets = {path.stem[len('fuzz_'):] for path in (ROOT / 'tests/fuzz').glob('fuzz_*.c')}
        packed = {path.stem: path for path in (ROOT / 'tests/fuzz/corpus').iterdir()}
        self.assertEqual(set(packed), targets)
        for name, path in packed.items():
            seeds = seeds_of(path)
            self.assertTrue(seeds, name)
            sums = [hashlib.sha256(seed).digest() for seed in seeds.values()]
            self.assertEqual(len(set(sums)), len(sums), f'{name}: the same seed twice')


class Tool(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.top / 'tools').mkdir()
        (self.top / 'tests/fuzz/corpus').mkdir(parents=True)
        shutil.copy(ROOT / 'tools/corpus', self.top / 'tools')
        for name, seed in (('one', b'1'), ('two', b'\0\n2'), ('another-one', b'1')):
            (self.top / name).write_bytes(seed)
        self.packed = self.top / 'tests/fuzz/corpus/wg.tar'

    def corpus(self, *args, expected=0):
        run = subprocess.run([self.top / 'tools/corpus', *args], cwd=self.top, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        self.assertEqual(run.returncode, expected, run)
        return run.stdout

    def test_adds_what_is_new(self):
        self.corpus('add', 'wg', 'two', 'one')
        self.assertEqual(seeds_of(self.packed), {'one': b'1', 'two': b'\0\n2'})
        self.assertIn(b'is there as one', self.corpus('add', 'wg', 'another-one'))
        self.assertEqual(sorted(seeds_of(self.packed)), ['one', 'two'])

    def test_same_seeds_are_same_bytes(self):
        self.corpus('add', 'wg', 'two', 'one')
        before = self.packed.read_bytes()
        self.packed.unlink()
        self.corpus('add', 'wg', 'one')
        self.corpus('add', 'wg', 'two')
        self.assertEqual(self.packed.read_bytes(), before)

    def test_removes_shows_and_unpacks(self):
        self.corpus('add', 'wg', 'two', 'one')
        self.assertEqual(self.corpus('show', 'wg', 'two'), b'\0\n2')
        self.corpus('remove', 'wg', 'one')
        self.corpus('unpack', 'wg', 'seeds')
        self.assertEqual([path.name for path in (self.top / 'seeds').iterdir()], ['two'])

    def test_refuses_what_is_not_there(self):
        self.corpus('unpack', 'nothing', 'seeds', expected=2)
        self.corpus('list', '../wg', expected=2)


if __name__ == '__main__':
    unittest.main()
