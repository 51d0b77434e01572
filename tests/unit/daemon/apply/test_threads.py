#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The thread beside the loop under ThreadSanitizer: applies on the fake plane, and a job alone.

usage: test_threads.py FUNCTION…   (the functions that test_apply.c answers itself: apply_answered of meson.build)

Compiles the files that an apply needs, without meson, since a sanitizer wants every file compiled for it. What has a
planted race is reported first: a sanitizer that sees nothing proves nothing. Exit code 77: it cannot run here."""
import concurrent.futures
import glob
import os
import subprocess
import sys
import tempfile

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), *['..'] * 4))
CLANG = os.environ.get('CLANG', 'clang-19')
FLAGS = ['-gline-tables-only', '-O1', '-fsanitize=thread', '-std=gnu11', '-D_GNU_SOURCE', '-DSP_VERSION="test"', '-Iinclude', '-Isrc',
         '-Ibpf']
LIBS = [f'-l{name}' for name in 'cmocka jansson yaml sqlite3 nftables mnl systemd seccomp cap sodium crypto curl cares b2 m'.split()]
# A kernel; other processes; another main; instructions not everybody has.
NOT_NEEDED = ('src/plane/ebpf/', 'src/cli/', 'src/portal/', 'src/vpnd/', 'src/watchdog/', 'src/wg/', 'src/daemon/main.c',
              'ifma')
REPORTED = 66

RACE = """
#include <stdio.h>
#include "io/loop/job.h"
static int shared;
static void work(void *arg) { (void)arg; shared++; }
static void done(void *arg) { *(int *)arg = 1; }
int main(void)
{
	struct sp_loop *loop;
	int is_done = 0;
	struct sp_job job = { .work = work, .done = done, .arg = &is_done };
	if (sp_loop_new(&loop) < 0 || sp_job_start(&job, loop) < 0)
		return 1;
	shared++; /* the work's until done is called */
	while (!is_done)
		sp_loop_round(loop, SP_SECOND_NS);
	sp_loop_free(loop);
	printf("%d\\n", shared);
	return 0;
}
"""


def sources():
    found = glob.glob('src/**/*.c', root_dir=TOP, recursive=True)
    return sorted(path for path in found if not any(part in path for part in NOT_NEEDED))


def run(command, **more):
    done = subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)
    return done.returncode, done.stdout


def must(command):
    code, said = run(command)
    if code != 0:
        sys.exit(f'{" ".join(command[:8])} …: {code}\n{said}')


def compile_all(folder):
    """An archive of all sources: the linker takes what a test needs."""
    def compile_one(path):
        must([CLANG, *FLAGS, '-c', path, '-o', os.path.join(folder, path.replace('/', '_') + '.o')])
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, sources()))
    archive = os.path.join(folder, 'all.a')
    must(['ar', 'rcs', archive, *glob.glob(f'{folder}/*.o')])
    return archive


def judge(folder, archive, name, files, wraps=()):
    """Link and run. Returns the exit code, REPORTED of a race, and what was said."""
    program = os.path.join(folder, name)
    must([CLANG, *FLAGS, *files, *(f'-Wl,--wrap={word}' for word in wraps), archive, *LIBS, '-o', program])
    return run([program], env={**os.environ, 'TSAN_OPTIONS': f'halt_on_error=1 exitcode={REPORTED}'}, timeout=300)


def main(wraps):
    with tempfile.TemporaryDirectory() as folder:
        archive = compile_all(folder)
        race = os.path.join(folder, 'race.c')
        with open(race, 'w', encoding='utf-8') as file:
            file.write(RACE)
        code, said = judge(folder, archive, 'race', [race])
        if 'FATAL: ThreadSanitizer' in said:
            print(f'skip: ThreadSanitizer cannot run with the addresses of this kernel: {said.strip()}')
            return 77
        if code != REPORTED or 'data race' not in said:
            sys.exit(f'the planted race was not reported: {code}\n{said}')
        for name, files, functions in (
                ('job', ['tests/unit/io/loop/test_job.c'], ()),
                ('apply', ['tests/unit/daemon/apply/test_apply.c', 'tests/support/fake_plane.c'], wraps)):
            code, said = judge(folder, archive, name, files, functions)
            if code != 0:
                sys.exit(f'{name}: {code}\n{said}')
            print(f'{name}: no race')
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
