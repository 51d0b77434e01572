#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that a terminal acts on or a reader cannot see.

usage: hostile.py clean                     stdin has none of them as they are: exit 1 and the line if it has
       hostile.py control SOCKET --uid N    as that user, put each into each field of what the control socket takes;
                                            prints how many requests were made and how many were taken
       hostile.py login URL-HOST PORT       the same with the portal's answers to strangers; prints likewise
"""
import http.client
import json
import os
import socket
import ssl
import sys
import unicodedata

TEXTS = ['\x1b[2J', '\x1b]0;TITLE\x07', 'a\x07b', '\x9b31m', 'a\rb', 'a\nb', 'ana\u202egnp', 'a\u200bb', 'a\u2028b',
         '\U000e0041', '\x7f', '\x00']
CATEGORIES = {'Cc', 'Cf', 'Zl', 'Zp', 'Co', 'Cs'}


def find(data):
    """The first thing in some bytes that should not be there, or None."""
    for number, line in enumerate(data.split(b'\n'), 1):
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            return f'line {number}: no UTF-8: {line[:160]!r} ({error.reason})'
        for c in text:
            if unicodedata.category(c) in CATEGORIES:
                return f'line {number}: {c!r} in {text[:160]!r}'
    return None


def spread(request, leaves):
    """Each request with one of the hostile texts in one of the fields; a field is a path of keys."""
    for path in leaves:
        for text in TEXTS:
            changed = json.loads(json.dumps(request))
            at = changed
            for key in path[:-1]:
                at = at[key]
            at[path[-1]] = text
            yield changed


KEY = 'bm9ib2R5IGhvbGRzIHRoaXMga2V5LCBub3QgZXZlbiB3ZSA='
REFUSED = {'v': 1, 'op': 'login.refused', 'reason': 'wrong-password', 'idp': 'corp', 'user': 'ana', 'detail': 'x',
           'device': 'laptop', 'from': '192.0.2.66'}
REPORT = {'v': 1, 'op': 'portal.report', 'url': 'https://192.0.2.1', 'fingerprint': 'ab',
          'providers': [{'name': 'corp', 'type': 'oidc', 'state': 'failed', 'error': 'x'}]}
OPEN = {'v': 1, 'op': 'session.open', 'idp': 'corp', 'subject': 'mallory', 'user': 'mallory', 'groups': ['eng'],
        'device': {'public_key': KEY, 'name': 'laptop'}, 'refresh': 'x', 'from': '192.0.2.66'}
FIELDS = [
    (REFUSED, [['idp'], ['user'], ['detail'], ['device'], ['reason'], ['from'], ['op']]),
    (REPORT, [['url'], ['fingerprint'], ['providers', 0, 'name'], ['providers', 0, 'type'], ['providers', 0, 'state'],
              ['providers', 0, 'error']]),
    (OPEN, [['idp'], ['subject'], ['user'], ['groups', 0], ['device', 'name'], ['device', 'public_key'], ['from']]),
    ({'v': 1, 'op': 'session.list', 'user': 'ana'}, [['user']]),
    ({'v': 1, 'op': 'peer.remove', 'device': 'x'}, [['device']]),
]


def control(path, uid):
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    asked = taken = 0
    for request, leaves in FIELDS:
        for changed in spread(request, leaves):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(60)
                client.connect(path)
                client.sendall(json.dumps(changed, ensure_ascii=False).encode() + b'\n')
                answer = client.makefile('rb').readline()
            trouble = find(answer.rstrip(b'\n'))
            if trouble:
                sys.exit(f'the answer to {changed}: {trouble}')
            asked += 1
            taken += bool(answer) and json.loads(answer).get('ok', False)
    print(asked, taken)


def login(host, port):
    request = {'idp': 'local', 'user': 'ana', 'password': 'wrong', 'device': {'public_key': KEY, 'name': 'laptop'}}
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    asked = taken = 0
    for changed in spread(request, [['idp'], ['user'], ['device', 'name'], ['device', 'public_key']]):
        client = http.client.HTTPSConnection(host, port, timeout=60, context=context)
        client.request('POST', '/api/v1/login', json.dumps(changed), {'Content-Type': 'application/json'})
        reply = client.getresponse()
        trouble = find(reply.read())
        client.close()
        if trouble:
            sys.exit(f'the answer to {changed}: {trouble}')
        asked += 1
        taken += reply.status == 200
    print(asked, taken)


if __name__ == '__main__':
    if sys.argv[1] == 'clean':
        sys.exit(find(sys.stdin.buffer.read()))
    elif sys.argv[1] == 'control':
        control(sys.argv[2], int(sys.argv[4]))
    else:
        login(sys.argv[2], int(sys.argv[3]))
