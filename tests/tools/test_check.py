#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""./check on a made-up tree: it may not look greener than its parts are."""
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def is_running(pid):
    """Not gone, nor waiting for somebody to take note of its end."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            return file.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except FileNotFoundError:
        return False


class Check(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        os.makedirs(os.path.join(self.root, 'tools'))
        os.makedirs(os.path.join(self.root, 'bin'))
        shutil.copy(os.path.join(TOP, 'check'), self.root)
        for tool in ('tally', 'surroundings.sh'):
            shutil.copy(os.path.join(TOP, 'tools', tool), os.path.join(self.root, 'tools'))
        self.script('tools/deps', 'exit 0')
        self.script('tools/build', 'exit 0')
        self.uid(0)

    def script(self, path, body):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write('#!/bin/bash\n' + body + '\n')
        os.chmod(path, 0o755)

    def uid(self, number):
        self.script('bin/id', f'echo {number}')

    def check(self, *args, expect):
        done = subprocess.run([os.path.join(self.root, 'check'), *args], capture_output=True, text=True, check=False,
                              env={**os.environ, 'PATH': self.root + '/bin:' + os.environ['PATH']})
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout.splitlines()

    def test_sum_is_the_last_line(self):
        self.script('tests/netns/a.sh', 'echo 3 passed, 0 failed, 0 skipped')
        self.script('tests/netns/b.sh', 'exit 0')
        self.assertEqual(self.check('--only', 'netns', expect=0)[-1], '4 passed, 0 failed, 0 skipped')

    def test_one_failing_scenario_fails_the_whole(self):
        self.script('tests/netns/a.sh', 'exit 0')
        self.script('tests/netns/b.sh', 'echo it broke; exit 3')
        lines = self.check('--only', 'netns', expect=1)
        self.assertEqual(lines[-1], '1 passed, 1 failed, 0 skipped')
        self.assertIn('FAILED   netns: b', lines)

    def test_each_failure_says_why_at_the_end(self):
        self.script('tests/netns/a.sh', 'echo "NOT: ana got the page"; for i in $(seq 99); do echo "log line $i"; done; exit 1')
        self.script('tests/attack/b.sh', 'exec sleep 99')
        self.script('bin/timeout', 'shift 2; [[ $* != *b.sh* ]] || { echo stuck; exit 124; }; exec "$@"')
        lines = self.check('--only', 'netns', '--only', 'attack', expect=1)
        end = lines[lines.index('FAILED   attack: b'):]
        self.assertEqual(end, ['FAILED   attack: b', '    | == b: not done after 3600 s',
                               'FAILED   netns: a', '    | NOT: ana got the page',
                               'Logs: build/check-logs/', '0 passed, 2 failed, 0 skipped'])

    def test_many_failures_stay_a_few_lines_each(self):
        for name in range(12):
            self.script(f'tests/netns/{name:02}.sh', 'for i in $(seq 99); do echo "NOT: $i"; done; exit 1')
        lines = self.check('--only', 'netns', expect=1)
        said = [len([line for line in part.splitlines() if line.startswith('    | ')])
                for part in '\n'.join(lines).split('FAILED   ')[1:]]
        self.assertEqual(sorted(said), [3] * 6 + [18] * 6)

    def test_failed_build_names_the_place(self):
        self.script('tools/build', 'echo "x.c:3:1: error: no such thing"; exit 1')
        lines = self.check(expect=1)
        self.assertIn('    | x.c:3:1: error: no such thing', lines)

    def test_second_run_in_the_same_tree_is_refused(self):
        self.script('tests/netns/a.sh', 'touch started; until [ -e go ]; do sleep 0.05; done')
        first = subprocess.Popen([os.path.join(self.root, 'check'), '--only', 'netns'], stdout=subprocess.PIPE, text=True,
                                 env={**os.environ, 'PATH': self.root + '/bin:' + os.environ['PATH']})
        while not os.path.exists(os.path.join(self.root, 'started')):
            self.assertIsNone(first.poll())
        self.check('--only', 'netns', expect=2)
        open(os.path.join(self.root, 'go'), 'w', encoding='utf-8').close()
        self.assertEqual(first.communicate()[0].splitlines()[-1], '1 passed, 0 failed, 0 skipped')
        self.check('--only', 'netns', expect=0)

    def test_stopped_run_ends_what_it_started(self):
        for name, words in (('tests/netns/a.sh', ('--only', 'netns')), ('tools/build', ()), ('tools/build', ('--only', 'netns'))):
            for how in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                with self.subTest(where=name, words=words, how=how):
                    self.stop_in(name, words, how)

    def stop_in(self, script, words, how):
        for left in ('started', 'down'):
            if os.path.exists(os.path.join(self.root, left)):
                os.remove(os.path.join(self.root, left))
        self.script('tools/build', 'exit 0')
        self.script(script, 'trap "touch down" EXIT; sleep 600 & echo $! >sleeper; touch started; wait')
        # a shell cannot trap what was ignored when it began, as HUP is below nohup
        run = subprocess.Popen([os.path.join(self.root, 'check'), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env={**os.environ, 'PATH': self.root + '/bin:' + os.environ['PATH']},
                               preexec_fn=lambda: signal.signal(how, signal.SIG_DFL))
        while not os.path.exists(os.path.join(self.root, 'started')):
            self.assertIsNone(run.poll())
        run.send_signal(how)
        self.assertEqual(run.wait(), 130)
        self.assertTrue(os.path.exists(os.path.join(self.root, 'down')))
        with open(os.path.join(self.root, 'sleeper'), encoding='utf-8') as file:
            sleeper = file.read().strip()
        for _ in range(600):  # it was told to end
            if not is_running(sleeper):
                return
            time.sleep(0.1)
        self.fail('what the scenario started runs on')

    def test_lanes_run_side_by_side(self):
        self.script('tests/netns/a.sh', 'touch a; until [ -e b ]; do sleep 0.05; done')
        self.script('demo', 'touch b; until [ -e a ]; do sleep 0.05; done')
        self.assertEqual(self.check('--only', 'netns', '--only', 'demo', expect=0)[-1], '3 passed, 0 failed, 0 skipped')

    def test_skip_is_named_with_its_reason(self):
        self.script('tests/netns/a.sh', 'exit 0')
        self.script('tests/netns/b.sh', 'echo no tcx on this kernel; exit 77')
        lines = self.check('--only', 'netns', expect=0)
        self.assertEqual(lines[-1], '1 passed, 0 failed, 1 skipped')
        self.assertIn('skipped  netns: b: no tcx on this kernel', lines)

    def test_without_root_a_part_that_needs_it_is_skipped_and_counted(self):
        self.uid(1000)
        self.script('demo', 'exit 1')
        lines = self.check('--only', 'demo', expect=0)
        self.assertEqual(lines[-1], '0 passed, 0 failed, 1 skipped')
        self.assertIn('skipped  demo: demo: needs root', lines)

    def test_emulated_kernels_run_only_when_asked_for(self):
        self.script('tests/qemu/a.sh', 'echo 2 passed, 0 failed, 0 skipped')
        lines = self.check('--only', 'qemu', expect=0)
        self.assertEqual(lines[-1], '0 passed, 0 failed, 1 skipped')
        self.assertIn('skipped  qemu: a: takes minutes; CHECK_QEMU=1 ./check --only qemu', lines)
        os.environ['CHECK_QEMU'] = '1'
        self.addCleanup(os.environ.pop, 'CHECK_QEMU')
        self.assertEqual(self.check('--only', 'qemu', expect=0)[-1], '2 passed, 0 failed, 0 skipped')

    def test_program_whose_end_nobody_saw_is_a_failure(self):
        self.script('tests/netns/a.sh', 'exit 0')
        # the parent is `timeout`; the shell that counts what it says is above the one that started it
        self.script('tests/netns/b.sh', 'up() { cut -d " " -f 4 "/proc/$1/stat"; }; kill -KILL "$(up "$(up "$PPID")")"')
        lines = self.check('--only', 'netns', expect=1)
        self.assertEqual(lines[-1], '1 passed, 1 failed, 0 skipped')
        self.assertIn('FAILED   netns: b', lines)

    def test_demo_that_ends_badly_is_a_failure(self):
        self.script('demo', '[ $# -eq 0 ]')
        self.assertEqual(self.check('--only', 'demo', expect=1)[-1], '1 passed, 1 failed, 0 skipped')

    def test_failed_build_is_a_failure_of_what_needs_it(self):
        self.script('tools/build', 'exit 1')
        self.script('demo', 'exit 0')
        self.assertEqual(self.check('--only', 'demo', expect=1)[-1], '0 passed, 1 failed, 0 skipped')

    def test_nothing_runs_after_a_failed_build(self):
        self.script('tools/build', 'exit 1')
        self.script('demo', 'exit 0')
        lines = self.check(expect=1)
        self.assertIn('FAILED   all parts after build-gcc: not run', lines)
        self.assertFalse([line for line in lines if line.startswith('demo')])

    def test_part_that_counts_nothing_is_a_failure(self):
        self.script('demo', 'echo 0 passed, 0 failed, 0 skipped')
        self.assertEqual(self.check('--only', 'demo', expect=1)[-1], '0 passed, 2 failed, 0 skipped')

    def test_parts_without_files_are_not_listed(self):
        self.assertNotIn('demo', self.check('--list', expect=0))
        self.script('demo', 'exit 0')
        self.assertIn('demo', self.check('--list', expect=0))

    def test_unknown_part_is_a_usage_error(self):
        self.check('--only', 'nonsense', expect=2)
        self.check('--nonsense', expect=2)


if __name__ == '__main__':
    unittest.main()
