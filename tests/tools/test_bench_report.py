#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""bench/vpn and bench/peers: ratios and goals, options, what is drawn. Measures nothing."""
import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(TOP, 'bench')
sys.dont_write_bytecode = True
sys.path.insert(0, BENCH)
import vpn_plot  # noqa: E402
import vpn_report as report  # noqa: E402

VALUES = {
    'sallyport-vpnd': {'tcp1': [6.0, 3.0, None, 9.0], 'rss': [4.0, 4.0, 4.0, 4.0], 'rtt50': [50.0, 60.0, 50.0, 50.0],
                       'paced_delivered': [1.0, 0.9999, 1.0, 1.0]},
    'wireguard-go': {'tcp1': [2.0, 1.5, 1.0, 2.25], 'rss': [400.0, 100.0, 400.0, 400.0], 'rtt50': [100.0, 100.0, 0, 80.0],
                     'paced_delivered': [0.5, 0.4, 0.5, 0.5]},
    'veth': {'tcp1': [12.0, 12.0, 12.0, 12.0], 'rss': [None] * 4},
}
MACHINE = {'cpus': 2, 'model': "Xeon's", 'kernel': '6.18', 'load': '0 0 0', 'date': '2026-11-22 06:00 UTC'}
FAILURE = {'engine': 'sallyport-vpnd', 'measure': 'tcp1', 'round': 3, 'why': 'iperf3: nothing arrived'}


def made():
    about = {name: {'version': name + ' 1'} for name in VALUES}
    return report.report(copy.deepcopy(VALUES), about, 4, 2, MACHINE, {'openvpn': 'not installed'}, [FAILURE])


class Arithmetic(unittest.TestCase):
    def test_a_ratio_is_the_median_of_same_round_ratios(self):
        self.assertEqual(report.round_ratios(VALUES['sallyport-vpnd']['tcp1'], VALUES['wireguard-go']['tcp1']), [3, 2, 4])
        self.assertEqual(made()['ratios']['tcp1'], 3)  # not median / median, 6 / 1.75
        self.assertEqual(made()['ratios_of_others']['veth']['tcp1'], (6 + 8) / 2)

    def test_a_failed_or_empty_value_makes_no_ratio(self):
        self.assertEqual(report.round_ratios([None, 5, 5], [1, None, 0]), [])
        self.assertIsNone(made()['ratios']['tcp4'])
        self.assertEqual(made()['ratios']['rtt50'], 0.6)  # the round with 0 on the other side does not count

    def test_a_failed_value_stays_null_and_is_named(self):
        one = made()['engines']['sallyport-vpnd']['tcp1']
        self.assertEqual((one['values'], one['median'], one['min'], one['max']), ([6, 3, None, 9], 6, 3, 9))
        self.assertIsNone(made()['engines']['veth']['rss']['median'])
        self.assertIn('sallyport-vpnd, tcp1, round 3: failed, iperf3: nothing arrived', report.text(made()))
        self.assertIn('openvpn: skipped, not installed', report.text(made()))

    def test_goals_know_which_way_is_better(self):
        for measure, value, met in (
                ('tcp1', 3.0, 'aim'), ('tcp1', 2.99, 'must'), ('tcp1', 2.5, 'must'), ('tcp1', 2.49, 'missed'),
                ('udp64', 7, 'aim'), ('udp64', 4.9, 'missed'), ('rtt99', 0.5, 'aim'), ('rtt99', 0.6, 'must'),
                ('rtt99', 0.61, 'missed'), ('rss', 0.02, 'aim'), ('rss', 0.05, 'must'), ('rss', 0.051, 'missed'),
                ('paced_cpu', 1 / 3, 'must'), ('paced_delivered', 0.9994, 'missed'), ('tcp4', None, None)):
            self.assertEqual(report.judge(measure, value), met, (measure, value))

    def test_paced_is_judged_by_our_own_share_not_by_the_ratio(self):
        self.assertEqual(made()['goals']['paced_delivered']['value'], 1.0)
        self.assertEqual(made()['ratios']['paced_delivered'], 2)

    def test_keys_that_others_read(self):
        one = made()
        self.assertEqual((one['v'], one['bench'], one['rounds']), (1, 'vpn', 4))
        for key in ('tcp1', 'tcp1r', 'tcp4', 'tcp4r', 'udp64', 'rtt50', 'rtt99', 'rss', 'paced_delivered', 'paced_cpu'):
            self.assertIn(key, one['ratios'])
        self.assertEqual(one['goals']['rss']['met'], 'aim')
        self.assertEqual(json.loads(json.dumps(one)), one)


class Options(unittest.TestCase):
    def bench(self, *words, code=0, runner='vpn'):
        done = subprocess.run([sys.executable, os.path.join(BENCH, runner), *words], capture_output=True, text=True,
                              check=False, timeout=30)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_usage_is_refused_and_suggests(self):
        for words, said in (
                (['--only', 'tpc1'], 'did you mean "tcp1"'), (['--engines', 'wireguard'], 'did you mean "wireguard-go"'),
                (['--rounds', '0'], 'not within'), (['--rounds', 'many'], 'no number'), (['--plot', 'x.pdf'], '.svg nor .png'),
                (['--only', ''], 'unknown measurement'), (['--round', '1'], 'unrecognized')):
            self.assertIn(said, self.bench(*words, code=2).stderr)

    def test_peers_refuses_usage_too(self):
        for words, said in ((['--idle', '0'], 'not within'), (['--active', 'x'], 'no number'),
                            (['--engine', 'veth'], 'invalid choice'), (['idle'], 'unrecognized')):
            self.assertIn(said, self.bench(*words, code=2, runner='peers').stderr)

    def test_what_is_asked_for_and_not_there_is_an_error(self):
        done = self.bench('--vpnd', '/nonexistent', '--engines', 'sallyport-vpnd', code=1 if os.geteuid() == 0 else 7)
        if os.geteuid() == 0:
            self.assertIn('/nonexistent: no such program', done.stderr)

    def test_shows_again_what_it_measured(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'run.json')
            with open(path, 'w', encoding='utf-8') as file:
                json.dump(made(), file)
            self.assertEqual(json.loads(self.bench('--from', path, '--json').stdout), made())
            self.assertRegex(self.bench('--from', path).stdout, r'(?m)^tcp1 +3\.000 +>= 2\.5 +>= 3 +aim met$')
            self.assertIn('| tcp1 | 3.000 | >= 2.5 | >= 3 | aim met |', self.bench('--from', path, '--markdown').stdout)
            with open(path, 'w', encoding='utf-8') as file:
                file.write('[]')
            self.assertIn('not what', self.bench('--from', path, code=1).stderr)


class Plot(unittest.TestCase):
    def test_titles_state_the_ratio(self):
        script = vpn_plot.script(made(), 'x.svg')
        self.assertIn('3.0 x wireguard-go, higher is better', script)
        self.assertIn('0.60 x wireguard-go, lower is better', script)
        self.assertIn('1/100 of wireguard-go', script)

    def test_only_what_was_measured_is_drawn(self):
        script = vpn_plot.script(made(), 'x.png')
        self.assertEqual(script.count('plot $bars'), 3)
        self.assertNotIn('None', script)


if __name__ == '__main__':
    unittest.main()
