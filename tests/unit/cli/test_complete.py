#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a shell offers after TAB is what --help says; and what the person's own program holds.

    test_complete.py SALLYPORT SALLYPORT-CLIENT FOLDER-OF-SCRIPTS
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, CLIENT, SCRIPTS = map(os.path.abspath, sys.argv[1:4])
PERSONS_VERBS = {'login', 'status', 'up', 'down', 'logout'}


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)


def offered(*words, program=PROGRAM):
    """WORD -> description."""
    result = run(program, '__complete', *words)
    assert result.returncode == 0, result
    return dict(line.partition('\t')[::2] for line in result.stdout.splitlines())


def verbs_of(program):
    """As --help lists them: one or two words in lower case, then what they take or blanks."""
    return re.findall(r'^  ([a-z]+(?: [a-z]+)?) (?=[ A-Z[])', run(program, '--help').stdout, re.M)


class Offered(unittest.TestCase):
    def test_every_verb_of_the_help_and_no_other(self):
        for program in PROGRAM, CLIENT:
            verbs = verbs_of(program)
            self.assertGreaterEqual(len(verbs), 5)
            firsts = offered('', program=program)
            self.assertEqual(set(firsts), {verb.split()[0] for verb in verbs})
            for first in firsts:
                seconds = {verb.split()[1] for verb in verbs if verb.startswith(first + ' ')}
                found = {word for word in offered(first, '', program=program) if word != ':files'}
                self.assertEqual(found, seconds)

    def test_every_option_of_a_verbs_help_and_no_other(self):
        for program in PROGRAM, CLIENT:
            for verb in verbs_of(program):
                if verb == 'bench':  # its options are the benchmarks' own
                    continue
                in_help = re.findall(r'^  (--[a-z-]+)', run(program, *verb.split(), '--help').stdout, re.M)
                self.assertIn('--json', in_help, verb)
                self.assertEqual(set(offered(*verb.split(), '--', program=program)) - {'--help'}, set(in_help), verb)

    def test_what_is_typed_narrows_it(self):
        self.assertEqual(set(offered('sess')), {'session'})
        self.assertEqual(set(offered('session', 're')), {'revoke'})
        self.assertEqual(set(offered('audit', '--ho')), {'--hook'})
        self.assertEqual(set(offered('check', '-')), set(offered('check', '--')))
        self.assertEqual(offered('nothing', ''), {})
        self.assertEqual(offered(), {})

    def test_files_where_a_file_belongs(self):
        self.assertEqual(set(offered('check', '')), {':files'})
        self.assertEqual(set(offered('check', '--gateway', '')), {':files'})
        self.assertEqual(set(offered('session', 'list', '--root', '')), {':files'})
        self.assertEqual(offered('session', 'open', '--user', ''), {})

    def test_the_values_of_closed_lists(self):
        planes = set(re.search(r'^  --plane PLANE +((?:[a-z]+(?:, | or )?)+)', run(PROGRAM, 'check', '--help').stdout,
                               re.M).group(1).replace(' or ', ', ').split(', '))
        self.assertIn('reference', planes)
        for verb in 'check', 'explain', 'replay':
            self.assertEqual(set(offered(verb, '--plane', '')), planes)
        self.assertEqual(set(offered('check', '--plane', 'ref')), {'reference'})
        self.assertEqual(set(offered('audit', '--verdict', '')), {'allow', 'deny'})
        self.assertEqual(set(offered('audit', '--reason', 'spo')), {'spoofed'})
        self.assertLessEqual({'edge-in', 'lock'}, set(offered('audit', '--hook', '')))
        self.assertLessEqual({'deny', 'head'}, set(offered('audit', '--event', '')))

    def test_a_word_of_no_closed_list_is_refused(self):
        for verb, option, word in (('check', '--plane', 'reference'), ('explain', '--plane', 'ebpf'),
                                   ('replay', '--plane', 'reference'), ('replay', '--hook', 'vpn-in'),
                                   ('audit', '--event', 'deny'), ('audit', '--verdict', 'allow'),
                                   ('audit', '--hook', 'inside-out')):
            slip = word + 'x'
            for value, says in ((slip, f'"{slip}" is no word of its list; did you mean "{word}"?'),
                                (f'{word},{slip}', f'"{slip}" is' if option == '--event' else ''),
                                ('zzzzzzzz', 'one of '), ('', 'one of ')):
                with self.subTest(verb=verb, option=option, value=value):
                    result = run(PROGRAM, verb, option, value, '--root', '/nonexistent')
                    self.assertEqual(result.returncode, 2, result.stderr)
                    self.assertIn(f'{option} {value}: {says}', result.stderr)
        # other words may be a reason too: the gateway says what is none
        self.assertEqual(run(PROGRAM, 'audit', '--reason', 'spoofedx', '--root', '/nonexistent').returncode, 6)

    def test_asking_does_nothing(self):
        result = run(PROGRAM, '__complete', 'apply', '/nonexistent', '--', '')
        self.assertEqual((result.returncode, result.stderr), (0, ''))


class Shells(unittest.TestCase):
    """The scripts, in the shells that are here; each calls the program by the name on the line."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        os.symlink(PROGRAM, os.path.join(self.folder.name, 'sallyport'))
        self.environment = {**os.environ, 'PATH': self.folder.name + ':' + os.environ['PATH']}
        with open(os.path.join(self.folder.name, 'a policy.yaml'), 'w', encoding='utf-8'):
            pass

    def tearDown(self):
        self.folder.cleanup()

    def shell(self, *words):
        if not shutil.which(words[0]):
            self.skipTest(words[0] + ' is not there')
        result = subprocess.run(words, capture_output=True, text=True, env=self.environment, timeout=60,
                                cwd=self.folder.name, stdin=subprocess.DEVNULL)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.splitlines()

    def bash(self, *words):
        return self.shell('bash', '--norc', '-c', 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
                          '_sallyport; printf "%s\\n" "${COMPREPLY[@]}"', 'bash', SCRIPTS + '/sallyport.bash', *words)

    def test_bash(self):
        self.assertEqual(self.bash('sallyport', 'session', 're'), ['revoke'])
        self.assertEqual(set(self.bash('sallyport', 'up', '--')), set(offered('up', '--')))
        self.assertEqual(self.bash('sallyport', 'check', 'a'), ['a policy.yaml'])
        self.assertEqual(self.bash('sallyport', 'user', 'list', ''), [''])

    def test_fish(self):
        def fish(line):
            return self.shell('fish', '--no-config', '-c', 'source $argv[1]; complete -C $argv[2]',
                              SCRIPTS + '/sallyport.fish', line)
        self.assertEqual(fish('sallyport session re'), ['revoke\t' + offered('session', '')['revoke']])
        self.assertEqual([line.split('\t')[0] for line in fish('sallyport audit --ho')], ['--hook'])
        self.assertIn('policy.yaml', ' '.join(fish('sallyport check a')))

    def test_zsh(self):
        # without a terminal zsh completes nothing: what it would add is caught
        found = self.shell('zsh', '-f', '-c', '_describe() { print -l "${(@)offers}" }; _files() { print files }; '
                           'script=$1; shift; words=("$@"); CURRENT=$#; '
                           'eval "_sallyport() { $(<$script) }"; _sallyport', 'zsh', SCRIPTS + '/_sallyport',
                           'sallyport', 'session', 're')
        self.assertEqual(found, ['revoke:' + offered('session', '')['revoke']])


class Client(unittest.TestCase):
    def test_it_has_the_persons_verbs_and_says_where_the_others_are(self):
        self.assertEqual(set(verbs_of(CLIENT)), PERSONS_VERBS)
        result = run(CLIENT, 'apply', 'policy.yaml')
        self.assertEqual(result.returncode, 2)
        self.assertIn('come with the package sallyport', result.stderr)

    def test_it_takes_their_options_as_the_whole_program_does(self):
        for verb in PERSONS_VERBS:
            whole = set(offered(verb, '--')) - ({'--rules'} if verb == 'status' else set())
            self.assertEqual(set(offered(verb, '--', program=CLIENT)), whole, verb)

    @unittest.skipUnless(shutil.which('readelf'), 'readelf (binutils) is not there')
    def test_it_is_linked_with_nothing_of_a_gateway(self):
        needed = re.findall(r'NEEDED.*\[(\S+?)\.so', run('readelf', '-d', CLIENT).stdout)
        self.assertIn('libcurl', needed)
        for library in 'libbpf', 'libnftables', 'libsqlite3', 'libcjose', 'libyaml-0', 'libmicrohttpd':
            self.assertNotIn(library, needed)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=2)
