# SPDX-License-Identifier: GPL-3.0-or-later
"""What the runners written in Python have in common: talk, options, the machine."""
import argparse
import os
import platform
import sys
import time


def say_as(name):
    """A function that writes a line to stderr."""
    def say(text):
        print(f'{name}: {text}', file=sys.stderr, flush=True)
    return say


def whole_number(least, most):
    """An argparse type."""
    def parse(text):
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f'"{text}" is no number') from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f'{text} is not within {least} to {most}')
        return value
    return parse


def machine():
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        model = next((line.split(':', 1)[1].strip() for line in file if line.startswith('model name')), 'unknown')
    with open('/proc/loadavg', encoding='ascii') as file:
        load = ' '.join(file.read().split()[:3])
    return {'cpus': os.cpu_count(), 'model': model, 'kernel': platform.release(), 'load': load,
            'date': time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}
