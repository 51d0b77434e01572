#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of 10 MB made to hurt: each is answered in under a second and 64 MB of memory.

usage: bounds.py GOLDEN [--sanitized]      GOLDEN is the built golden.c

The time is the processor's. What fails is five seconds, far beyond what a busy machine adds and far below what
a quadratic step costs; a case over the goal of one second is said to be slow. With --sanitized the bound is ten
seconds and memory is not looked at.
"""
import os
import random
import resource
import subprocess
import sys
import tempfile

SIZE = 10 << 20
HEAD = b'sallyport: 1\n'
ROLES = HEAD + b'roles: {r: {match: {idp: i, group: g}}}\n'


def address(i):
    return b'10.%d.%d.%d' % (i >> 16 & 255, i >> 8 & 255, i & 255)


def lines(head, format, count):
    return head + b''.join(format.replace(b'%', b'%d' % i) for i in range(count))


def cases():
    list_of = lambda n, step=1: b', '.join(address(i) for i in range(0, n * step, step))
    yield 'a list of 700 000 prefixes', HEAD + b'networks:\n  a: [' + list_of(700000) + b']\n'
    yield 'an except of 290 000 prefixes', (
        HEAD + b'networks: { a: {in: 10.0.0.0/8, except: [' + list_of(290000, 2) + b']} }\n')
    yield 'open brackets', HEAD + b'roles: ' + b'[' * SIZE
    yield 'open braces', HEAD + b'roles: ' + b'{a: ' * SIZE
    yield 'nested block lists', HEAD + b'roles:\n' + b'- ' * SIZE
    yield 'nested complex keys', b'? ' * SIZE
    yield 'one long word', HEAD + b'roles: ' + b'x' * SIZE
    yield 'one long quoted word', HEAD + b'roles: "' + b'x' * (SIZE - 100) + b'"\n'
    yield 'one long word of two-byte letters', HEAD + b'roles: "' + 'ä'.encode() * (SIZE // 2 - 50) + b'"\n'
    yield 'many two-byte words on one line', HEAD + b'roles: [' + 'ä, '.encode() * (SIZE // 4 - 10)
    yield 'one long key', b'x' * (SIZE - 10) + b': 1\n'
    yield 'a mapping of 145 000 keys', lines(HEAD + b'networks:\n', b'  n%: 10.0.0.1\n', 145000)
    yield 'one key 145 000 times', HEAD + b'networks:\n' + b'  n: 10.0.0.1\n' * 145000
    yield '145 000 unknown keys', lines(HEAD, b'rolez%: 10.0.0.1\n', 145000)
    yield '16 383 rules alike', lines(
        ROLES + b'rules:\n', b'- {name: r%, allow: {from: r, to: 10.0.0.1, services: tcp/1}}\n', 16383)
    yield '16 000 allows and denies', ROLES + b'rules:\n' + b''.join(
        b'- {name: r%d, %s: {from: %s, to: 10.0.0.1}}\n' % (i, (b'allow', b'deny')[i % 3 == 0], address(i))
        for i in range(16000))
    yield '100 000 rules', lines(
        ROLES + b'rules:\n', b'- {name: r%, allow: {from: r, to: 10.0.0.1, services: tcp/1}}\n', 100000)
    yield 'misspelled names', lines(HEAD + b'networks:\n', b'  name%: 10.0.0.1\n', 60000) + lines(
        b'rules:\n', b'- {name: r%, allow: {from: nama%, to: namb%}}\n', 14000)
    yield 'a service of 60 000 ports in 14 000 rules', lines(
        HEAD + b'networks: {n: 10.0.0.1}\nservices:\n  s:\n', b'  - tcp/%\n', 60000).replace(b'tcp/0\n', b'udp/1\n') + lines(
        b'rules:\n', b'- {name: r%, allow: {from: n, to: n, services: s}}\n', 14000)
    yield 'a network of 60 000 prefixes in 14 000 tests', (
        HEAD + b'networks:\n  n: [' + list_of(60000) + b']\ntests:\n' +
        b'- {from: anonymous, to: n, service: tcp/1, expect: deny}\n' * 14000)
    yield 'anchors', lines(b'', b'a%: &a% x\n', 500000)
    yield 'aliases', b'a: &a [x]\nb: [' + b'*a, ' * (SIZE // 4 - 10) + b']\n'
    yield 'directives', b'%TAG !a! x\n' * (SIZE // 11)
    yield 'directives of a second document', b'---\nsallyport: 1\n...\n' + b'%TAG !a! x\n' * (SIZE // 11 - 10)
    yield 'comments', HEAD + b'# x\n' * (SIZE // 4 - 10)
    yield 'tabs', HEAD + b'\tx\n' * (SIZE // 3 - 10)
    yield 'blank lines', b'\n' * SIZE
    yield 'blanks', b'a:' + b' ' * (SIZE - 10)
    yield 'colons', b'a: ' + b':' * (SIZE - 10)
    yield 'quotes', b'a: ' + b'"" ' * (SIZE // 3 - 10)
    yield 'a block scalar', b'a: |\n' + b'  x\n' * (SIZE // 4 - 10)
    yield 'an empty block scalar', b'a: |\n' + b'  \n' * (SIZE // 3 - 10)
    yield '140 000 interfaces', HEAD + b'fixtures: {interfaces: {' + lines(b'', b'w%: edge, ', 140000) + b'}}\n'
    yield '20 000 sessions', lines(HEAD + b'fixtures:\n  sessions:\n',
                                   b'  - {user: u%, idp: c, groups: [g], address: 100.64.0.1}\n', 20000)
    yield 'noise', random.Random(1).randbytes(SIZE)


def run(program, text):
    """Exit code, processor seconds and peak KB of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.NamedTemporaryFile(suffix='.yaml') as file:
        file.write(text)
        file.flush()
        done = subprocess.run([program, 'policy', file.name, 'p.yaml', '--peak'], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, timeout=120, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.returncode, seconds, int(done.stderr.split()[-1])


def main(args):
    if not args or args[1:] not in ([], ['--sanitized']):
        sys.stderr.write(__doc__)
        return 2
    seconds_max, kb_max = (10, None) if len(args) > 1 else (5, 64 << 10)
    failed = 0
    for name, text in cases():
        code, seconds, kb = run(args[0], text[:SIZE])
        bad = code not in (0, 3) or seconds >= seconds_max or (kb_max and kb >= kb_max)
        failed += bool(bad)
        word = 'FAILED' if bad else 'slow' if seconds >= 1 else 'ok'
        print(f'{word:6} {seconds:5.2f} s {kb >> 10:4} MB exit {code}  {name}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
