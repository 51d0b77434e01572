#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of all JSON that programs read: replies of the control socket, and `sallyport VERB --json`.

    shapes.py compare SEEN      SEEN against the reviewed file `shapes` beside this one: each difference is a line, exit 1
    shapes.py write SEEN        makes that file of SEEN; it is reviewed as a diff
    shapes.py complete SALLYPORT   is each op, verb and word of docs/control-socket.md in the file?

SEEN has lines `SECTION<tab>JSON`, from tests/identity/json_shapes.sh: SECTION is `op OP`, `event OP`, `error CODE` or
`sallyport VERB`. In the file a section has a line for each value: its path and its types. `?` behind a path: some
object there has it and some other has not. `= SECTION`: what a verb prints is that, without `id`. A name behind `@`
is a shape of its own, which stands once, at the top, and is the same wherever the name stands.
"""
import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[2]
FILE = HERE / 'shapes'
HEAD = '# What programs read as JSON. Written by `tests/identity/json_shapes.sh --write`, reviewed as a diff.\n'
# The same thing, wherever it is said: name -> [(section, path, keys of that place alone)]
THINGS = {
    'diagnostic': [('op check', 'diagnostics[]', ()), ('applied', 'diagnostics[]', ()),
                   ('error policy-invalid', 'error.diagnostics[]', ()), ('sallyport check', 'diagnostics[]', ()),
                   ('sallyport check, invalid', 'diagnostics[]', ()), ('op plan', 'diagnostics[]', ()),
                   ('sallyport plan', 'diagnostics[]', ()), ('sallyport plan --against', 'diagnostics[]', ())],
    'test': [('op check', 'tests[]', ()), ('error tests-failed', 'error.tests[]', ()), ('sallyport check', 'tests[]', ())],
    'answer': [('op explain', '', ('v', 'id', 'ok')), ('sallyport explain FILE', '', ('v',))],
    'session': [('op session.open', '', ('v', 'id', 'ok', 'tunnel')), ('op session.list', 'sessions[]', ()),
                ('op session.extend', '', ('v', 'id', 'ok', 'tunnel')), ('op session.update', '', ('v', 'id', 'ok')),
                ('op session.close', 'closed[]', ()), ('sallyport session list', '', ('v',))],
    'session-of-portal': [('sallyport login', 'session', ()), ('sallyport status URL', 'session', ())],
    'tunnel': [('op session.open', 'tunnel', ()), ('op session.extend', 'tunnel', ()), ('op session.list', 'tunnel', ()),
               ('op peer.config', '', ('v', 'id', 'ok'))],
    'device': [('op peer.add', '', ('v', 'id', 'ok')), ('op peer.list', 'peers[]', ()),
               ('op peer.remove', '', ('v', 'id', 'ok')), ('sallyport peer list', '', ('v',))],
    'ban': [('op ban', '', ('v', 'id', 'ok')), ('op unban', '', ('v', 'id', 'ok')), ('op bans', 'bans[]', ()),
            ('sallyport bans', '', ('v',))],
    'counter': [('op status', path, ()) for path in
                ('hooks[].allow', 'hooks[].deny', *(f'lock.dropped.{name}' for name in
                                                    ('unjudged', 'unlisted', 'astray', 'closed')))],
    'drop': [('op status', 'engine.drops[]', ()), ('op status', 'engine.peers[].drops[]', ()),
             ('device', 'drops[]', ())],
    'applied': [('op apply', '', ('v', 'id', 'ok')), ('op rollback', '', ('v', 'id', 'ok'))],
    'pending': [('op pending', 'pending', ()), ('op status', 'pending', ())],
    'record': [('op audit.query', 'records[]', ()), ('event audit.query', 'event', ()), ('sallyport audit', '', ())],
}
EITHER = {('op status', 'drift[].by'): {'null', 'text'}}  # as quick as the look for who did it was
PLACES = {(section, path): (name, own) for name, places in THINGS.items() for section, path, own in places}
# A verb that hands on what sallyportd replied, with these keys taken out.
PRINTS = {
    'sallyport apply': ('op apply', ('id',)), 'sallyport reload': ('op reload', ('id',)),
    'sallyport detach': ('op detach', ('id',)), 'sallyport status': ('op status', ('id', 'ok')),
    'sallyport explain': ('op explain', ('id', 'ok')), 'sallyport session open': ('op session.open', ('id',)),
    'sallyport session extend': ('op session.extend', ('id',)), 'sallyport session revoke': ('op session.close', ('id',)),
    'sallyport peer add': ('op peer.add', ('id',)), 'sallyport peer remove': ('op peer.remove', ('id',)),
    'sallyport peer config': ('op peer.config', ('id',)),
    'sallyport confirm': ('op confirm', ('id',)), 'sallyport rollback': ('op rollback', ('id',)),
    'sallyport ban': ('op ban', ('id',)), 'sallyport unban': ('op unban', ('id',)),
}
UNSEEN = {'bench'}  # its --json is the benchmark's own (bench/report.py)


class Node:
    """Everything that was seen at one path."""

    def __init__(self):
        self.types, self.keys, self.objects, self.items = set(), {}, 0, None


def type_of(value):
    return {bool: 'boolean', int: 'integer', float: 'number', str: 'text', type(None): 'null', list: 'list',
            dict: 'object'}[type(value)]


class Shapes:
    def __init__(self):
        self.sections, self.printed = {}, {}

    def add(self, section, value):
        if section in PRINTS:
            reply, without = PRINTS[section]
            self.printed.setdefault(section, []).append((reply, without, value))
        else:
            self.record(self.section(section), value, section, '')

    def section(self, name):
        return self.sections.setdefault(name, Node())

    def record(self, node, value, section, path):
        if not isinstance(value, (dict, list)):
            node.types |= EITHER.get((section, path), {type_of(value)}) | {type_of(value)}
        elif isinstance(value, list):
            node.types.add('list')
            node.items = node.items or Node()
            for item in value:
                self.record(node.items, item, section, path + '[]')
        else:
            thing, own = PLACES.get((section, path), (None, ()))
            if thing == 'record':
                node.types.add('@record')
                return
            if thing:
                node.types.add('@' + thing)
                self.record_keys(self.section('@' + thing), {k: v for k, v in value.items() if k not in own}, thing, '')
                value = {k: v for k, v in value.items() if k in own}
            else:
                node.types.add('object')
            self.record_keys(node, value, section, path)

    def record_keys(self, node, value, section, path):
        node.objects += 1
        for key, item in value.items():
            if key not in node.keys:
                node.keys[key] = Node()
                node.keys[key].seen = 0
            node.keys[key].seen += 1
            self.record(node.keys[key], item, section, f'{path}.{key}' if path else key)

    def keys_of(self, section):
        """Of its objects, those of what it is included."""
        node = self.sections.get(section, Node())
        keys = set(node.keys)
        for kind in node.types:
            if kind.startswith('@'):
                keys |= set(self.sections[kind].keys)
        return keys

    def text(self):
        lines = [HEAD]
        for name in sorted(self.sections, key=lambda name: (name[0] != '@', name.startswith('sallyport'), name)):
            lines += [f'\n{name}\n', *self.lines(self.sections[name], '', False)]
        for section, seen in sorted(self.printed.items()):
            lines.append(f'\n{section}\n')
            lines += sorted({f'  = {reply}\n' if set(value) <= self.keys_of(reply) - set(without) else
                             f'  {sorted(set(value) - self.keys_of(reply))} and {reply}\n' for reply, without, value in seen})
        return ''.join(lines)

    def lines(self, node, path, is_optional):
        types = node.types - ({'object'} if node.keys and node.types == {'object'} else set())
        if types == {'list'} and node.items and node.items.types:
            types = set()
        mark = '?' if is_optional else ''
        if types and (path or types != {'object'}):
            yield f'  {path}{mark}{"  " if path else ""}{" | ".join(sorted(types))}\n'
        elif is_optional:
            yield f'  {path}?\n'
        for key, child in sorted(node.keys.items()):
            yield from self.lines(child, f'{path}.{key}' if path else key, child.seen < node.objects)
        if node.items:
            yield from self.lines(node.items, path + '[]', False)


def read_seen(path):
    shapes = Shapes()
    for line in pathlib.Path(path).read_text(encoding='utf-8').splitlines():
        section, text = line.split('\t', 1)
        shapes.add(section, json.loads(text))
    return shapes


def compare(path):
    import difflib
    seen = read_seen(path).text().splitlines()
    known = FILE.read_text(encoding='utf-8').splitlines() if FILE.exists() else []
    differences = list(difflib.unified_diff(known, seen, 'reviewed', 'seen', lineterm='', n=2))
    print('\n'.join(differences), end='\n' if differences else '')
    return 1 if differences else 0


def read_file():
    """Section -> the last names of its paths."""
    sections = {}
    for line in FILE.read_text(encoding='utf-8').splitlines():
        if line.startswith('  '):
            path = re.match(r'  ([^ @]*)', line).group(1)
            sections[name] |= {key for key in re.split(r'[.\[\]?]+', path) if key}
            sections[name] |= set(re.findall(r'@\w+', line))
        elif line and not line.startswith('#'):
            name = line
            sections[name] = set()
    return sections


def words_of_docs():
    """Op -> what its section of docs/control-socket.md says, with that of the section before all."""
    text = (TOP / 'docs/control-socket.md').read_text(encoding='utf-8')
    return {part.split('\n', 1)[0]: part for part in re.split(r'^## ', text, flags=re.M)[1:]}


def complete(program):
    sections, docs, bad = read_file(), words_of_docs(), []
    ops = re.findall(r'\{ "([a-z.]+)", \w+, \w+, sp_op_\w+ \}', (TOP / 'src/daemon/ops/ops.c').read_text(encoding='utf-8'))
    bad += [f'op {op} is in no section' for op in ops if f'op {op}' not in sections]
    text = subprocess.run([program, '--help'], capture_output=True, text=True, check=True).stdout
    for verb in re.findall(r'^  ([a-z]+(?: [a-z]+)?) (?=[ A-Z[])', text, re.M):
        if verb not in UNSEEN and f'sallyport {verb}' not in sections:
            bad.append(f'sallyport {verb} is in no section')
    everything = ' '.join(docs.values())
    for section, keys in sections.items():
        if not section.startswith('op '):
            continue
        op = section[3:].split(',')[0]
        if op not in docs:
            bad.append(f'docs/control-socket.md has no section on {op}')
            continue
        told = docs[op]
        for key in sorted(keys - {'v', 'id', 'ok'}):
            if not key.startswith('@') and not re.search(rf'["`]{key}["`]', told):
                bad.append(f'docs/control-socket.md, {op}: nothing on {key}')
    for thing, keys in sections.items():
        if thing.startswith('@'):
            bad += [f'docs/control-socket.md has nothing on {key}, of {thing}' for key in sorted(keys)
                    if not key.startswith('@') and not re.search(rf'["`]{key}["`]', everything)]
    print('\n'.join(bad))
    return 1 if bad else 0


def main(args):
    if len(args) != 2 or args[0] not in ('compare', 'write', 'complete'):
        sys.exit(__doc__)
    if args[0] == 'write':
        FILE.write_text(read_seen(args[1]).text(), encoding='utf-8')
        return 0
    return (compare if args[0] == 'compare' else complete)(args[1])


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
