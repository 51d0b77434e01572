# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as a picture: gnuplot draws, this writes what it reads.

Six small charts, each of one thing, one bar for each engine, its median written above and the range of
the rounds as a whisker; each title says what is shown, which way is better and our ratio to wireguard-go.
"""
import subprocess

from vpn_lab import Failed
from vpn_report import BASE, MEASURES, OURS, counted, number

COLOURS = {OURS: '#1b6ca8', 'sallyport-vpnd-null': '#a9c7dd', BASE: '#d98b2b', 'openvpn': '#9a9a9a', 'veth': '#d9d9d9'}
LABELS = {OURS: 'sallyport', 'sallyport-vpnd-null': 'no cipher', 'veth': 'bare cable'}
# measure, title, unit, digits, logarithmic, engines that would only hide the others
PANELS = (
    ('tcp1', 'TCP, 1 stream', 'Gbit/s', 1, False, ('veth',)),
    ('tcp4', 'TCP, 4 streams', 'Gbit/s', 1, False, ('veth',)),
    ('udp64', 'Small packets delivered', '1000/s', 0, False, ()),
    ('rtt50', 'Round trip, median', 'us', 0, False, ()),
    ('rtt99', 'Round trip, 99th percentile', 'us', 0, False, ()),
    ('rss', 'Memory after load', 'MB', 0, True, ('veth',)),
)


def quote(text):
    return "'" + text.replace("'", "''") + "'"


def says_ratio(made, measure):
    ratio = made['ratios'].get(measure)
    if not ratio:
        return 'higher is better' if MEASURES[measure][2] else 'lower is better'
    if MEASURES[measure][2]:
        return f'{number(ratio, 1)} x {BASE}, higher is better'
    if measure == 'rss':
        return f'1/{number(1 / ratio, 0)} of {BASE}, lower is better'
    return f'{number(ratio, 2)} x {BASE}, lower is better'


def panel(made, measure, title, unit, digits, is_log, without):
    """The commands that draw one chart; none when no engine has that figure."""
    bars = []
    for name, engine in made['engines'].items():
        one = engine.get(measure)
        if name in without or not isinstance(one, dict) or one['median'] is None:
            continue
        bars.append((name, *(one[k] for k in ('median', 'min', 'max'))))
    if not bars:
        return []
    top, low = max(b[3] for b in bars), min(b[2] for b in bars)
    lines = ['$bars << EOD']
    for place, (name, middle, least, most) in enumerate(bars):
        colour = int(COLOURS.get(name, '#777777')[1:], 16)
        lines.append(f'{place} {middle} {least} {most} {colour} "{number(middle, digits)}"')
    names = ', '.join(f'{quote(LABELS.get(b[0], b[0]))} {place}' for place, b in enumerate(bars))
    lines += ['EOD', f'set title "{title}, {unit}\\n{says_ratio(made, measure)}"',
              f'set xtics ({names}) rotate by -25 left scale 0', f'set xrange [-0.6:{len(bars) - 0.4}]']
    if is_log:
        lines += ['set logscale y', f'set yrange [{low / 3}:{top * 4}]']
    else:
        lines += ['unset logscale y', f'set yrange [0:{top * 1.2}]']
    lines.append('plot $bars using 1:2:5 with boxes fillcolor rgb variable notitle, '
                 '$bars using 1:2:3:4 with yerrorbars linecolor rgb "#333333" pointtype -1 notitle, '
                 '$bars using 1:4:6 with labels offset 0,0.7 notitle')
    return lines


def script(made, path):
    kind = 'svg size 1200,760 dynamic font "sans,13"' if path.endswith('.svg') else 'pngcairo size 1200,760 font "sans,11"'
    best = made['ratios'].get('tcp1')
    headline = f'sallyport-vpnd moves {number(best, 1)} times what {BASE} does (TCP, same machine, same minute)' \
        if best else 'User-space tunnels on one machine'
    machine = made['machine']
    lines = [f'set terminal {kind}', f'set output {quote(path)}', 'set boxwidth 0.7', 'set style fill solid',
             'set grid ytics linecolor rgb "#dddddd"', 'set border 3 linecolor rgb "#888888"',
             'set tics nomirror textcolor rgb "#222222"',
             'set bars 0.7', 'set format y "%g"',
             f'set multiplot layout 2,3 title "{headline}\\n{{/*0.75 median and range of {counted(made["rounds"], "round")}, '
             f'both ends and the load on {machine["cpus"]} x {machine["model"]}}}"']
    for one in PANELS:
        lines += panel(made, *one)
    return '\n'.join([*lines, 'unset multiplot', ''])


def draw(made, path):
    try:
        done = subprocess.run(['gnuplot'], input=script(made, path), capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Failed('--plot needs gnuplot (Debian: gnuplot-nox)') from None
    if done.returncode or 'error' in done.stderr.lower():
        raise Failed(f'gnuplot: {done.stderr.strip()[-300:]}')
