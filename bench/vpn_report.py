# SPDX-License-Identifier: GPL-3.0-or-later
"""From the values of each round to medians, ratios, goals, and the texts that show them. No I/O.

values[engine][measure] is a list with one value a round, None where it failed. A ratio is made of two
values of the same round, so that a minute in which the machine was slow counts for neither; the ratio
that is reported is the median of those.
"""
from statistics import median

OURS, BASE = 'sallyport-vpnd', 'wireguard-go'

# measure -> unit, what it is, whether more is better, digits
MEASURES = {
    'tcp1': ('Gbit/s', 'TCP, 1 stream', True, 2),
    'tcp1r': ('Gbit/s', 'TCP, 1 stream back', True, 2),
    'tcp4': ('Gbit/s', 'TCP, 4 streams', True, 2),
    'tcp4r': ('Gbit/s', 'TCP, 4 streams back', True, 2),
    'tcp1_per_core': ('Gbit/s', 'TCP, 1 stream, for each core of the engines', True, 2),
    'udp64': ('kpackets/s', 'flood of 64 bytes, delivered', True, 0),
    'paced_delivered': ('share', '100 kpackets/s of 64 bytes, delivered', True, 4),
    'paced_cpu': ('cores', '100 kpackets/s of 64 bytes, both engines', False, 2),
    'smooth_delivered': ('share', 'the same without bursts, delivered', True, 4),
    'smooth_cpu': ('cores', 'the same without bursts, both engines', False, 2),
    'rtt50': ('us', 'round trip of 64 bytes, median', False, 1),
    'rtt99': ('us', 'round trip of 64 bytes, 99th percentile', False, 1),
    'rss': ('MB', 'memory of both engines after load', False, 1),
    'rss_idle': ('MB', 'memory of both engines before', False, 1),
}

# ours / wireguard-go: must, aim. paced_delivered is judged by our own share.
GOALS = {
    'tcp1': (2.5, 3.0), 'tcp1r': (2.5, 3.0), 'tcp4': (2.5, 3.0), 'tcp4r': (2.5, 3.0), 'udp64': (5.0, 7.0),
    'paced_delivered': (0.9995, 0.9995), 'paced_cpu': (1 / 3, 1 / 4),
    'rtt50': (0.6, 0.5), 'rtt99': (0.6, 0.5), 'rss': (1 / 20, 1 / 50),
}
SAID = {'aim': 'aim met', 'must': 'must met, aim missed', 'missed': 'MISSED', None: 'not measured'}


def summary(values):
    """Median and range of the rounds that gave a value."""
    seen = [v for v in values if v is not None]
    if not seen:
        return {'median': None, 'min': None, 'max': None, 'values': list(values)}
    return {'median': median(seen), 'min': min(seen), 'max': max(seen), 'values': list(values)}


def round_ratios(ours, base):
    return [a / b for a, b in zip(ours, base) if a is not None and b]


def ratios(values, engine, base=BASE):
    """{measure: median of the same-round ratios, or None}."""
    found = {}
    for measure in MEASURES:
        pairs = round_ratios(values.get(engine, {}).get(measure, []), values.get(base, {}).get(measure, []))
        found[measure] = median(pairs) if pairs else None
    return found


def judge(measure, value):
    """'aim', 'must', 'missed', or None without a value."""
    if value is None:
        return None
    must, aim = GOALS[measure]
    if not MEASURES[measure][2]:
        must, aim, value = -must, -aim, -value
    return 'aim' if value >= aim else 'must' if value >= must else 'missed'


def goals(values):
    found, made = {}, ratios(values, OURS)
    for measure, (must, aim) in GOALS.items():
        value = made[measure]
        if measure == 'paced_delivered':
            value = summary(values.get(OURS, {}).get(measure, []))['median']
        found[measure] = {'better': 'higher' if MEASURES[measure][2] else 'lower', 'must': round(must, 4),
                          'aim': round(aim, 4), 'value': value, 'met': judge(measure, value)}
    return found


def report(values, about, rounds, seconds, machine, skipped, failures):
    """The object of --json. @about: engine -> {'version', 'program'}."""
    engines = {}
    for name, measured in values.items():
        engines[name] = {**about[name], **{m: {'unit': MEASURES[m][0], **summary(v)} for m, v in measured.items()}}
    for name, why in skipped.items():
        engines[name] = {'skipped': why}
    others = {name: ratios(values, name) for name in values if name not in (OURS, BASE)}
    return {'v': 1, 'bench': 'vpn', 'rounds': rounds, 'seconds': seconds, 'engines': engines,
            'ratios': ratios(values, OURS), 'ratio_rounds': {
                m: round_ratios(values.get(OURS, {}).get(m, []), values.get(BASE, {}).get(m, [])) for m in MEASURES},
            'ratios_of_others': others, 'goals': goals(values), 'failures': failures, 'machine': machine}


def number(value, digits):
    return '-' if value is None else f'{value:.{digits}f}'


def counted(count, what):
    return f'{count} {what}' + ('' if count == 1 else 's')


def cell(one, digits):
    if not one or one['median'] is None:
        return '-'
    if one['min'] == one['max']:
        return number(one['median'], digits)
    return f'{number(one["median"], digits)} ({number(one["min"], digits)}-{number(one["max"], digits)})'


def rows(made):
    """Head and body of the table of figures."""
    names = [name for name, engine in made['engines'].items() if 'skipped' not in engine]
    body = []
    for measure, (unit, what, _, digits) in MEASURES.items():
        cells = [cell(made['engines'][name].get(measure), digits) for name in names]
        if any(c != '-' for c in cells):
            body.append([f'{what}, {unit}', *cells])
    return ['median (range)', *names], body


def goal_rows(made):
    body = []
    for measure, goal in made['goals'].items():
        if not any(measure in engine for engine in made['engines'].values()):
            continue  # nobody asked for it
        sign = '>=' if goal['better'] == 'higher' else '<='
        body.append([measure, number(goal['value'], 4 if measure == 'paced_delivered' else 3),
                     f'{sign} {goal["must"]:g}', f'{sign} {goal["aim"]:g}', SAID[goal['met']]])
    return [f'{OURS} / {BASE}', 'ratio', 'must', 'aim', 'verdict'], body


def text_table(head, body):
    widths = [max(len(str(row[i])) for row in [head, *body]) for i in range(len(head))]
    lines = ['  '.join(str(c).ljust(w) for c, w in zip(row, widths)).rstrip() for row in [head, *body]]
    return '\n'.join([lines[0], '-' * len(lines[0]), *lines[1:]])


def notes(made):
    """What was left out or went wrong, a line each."""
    lines = [f'{name}: skipped, {engine["skipped"]}' for name, engine in made['engines'].items() if 'skipped' in engine]
    lines += [f'{f["engine"]}, {f["measure"]}, round {f["round"]}: failed, {f["why"]}' for f in made['failures']]
    machine = made['machine']
    lines.append(f'{counted(made["rounds"], "round")}, {made["seconds"]} s a measurement; {machine["cpus"]} x {machine["model"]}, '
                 f'Linux {machine["kernel"]}, load {machine["load"]} at the start, {machine["date"]}')
    return lines


def text(made):
    parts = [text_table(*rows(made)), '', text_table(*goal_rows(made)), '', *notes(made)]
    return '\n'.join(parts) + '\n'


def markdown_table(head, body):
    lines = [head, ['---'] * len(head), *body]
    return '\n'.join('| ' + ' | '.join(str(c) for c in line) + ' |' for line in lines)


def markdown(made):
    programs = [f'{name}: {engine["version"]}' for name, engine in made['engines'].items() if 'version' in engine]
    parts = [markdown_table(*rows(made)), '', markdown_table(*goal_rows(made)), '']
    parts += [f'- {line}' for line in [*notes(made), '; '.join(programs)]]
    return '\n'.join(parts) + '\n'
