#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request on a control socket; its reply on stdout.

usage: control.py SOCKET [--uid N] [--hold] OP [KEY=VALUE...]     VALUE: JSON, or else a text

--uid N: as that user. --hold: keep the connection until stdin ends.
"""
import json
import os
import socket
import sys

args = sys.argv[1:]
path = args.pop(0)
hold = False
while args[0].startswith('--'):
    option = args.pop(0)
    if option == '--uid':
        uid = int(args.pop(0))
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    else:
        hold = option == '--hold'
request = {'v': 1, 'id': 1, 'op': args.pop(0)}
for pair in args:
    key, value = pair.split('=', 1)
    try:
        request[key] = json.loads(value)
    except ValueError:
        request[key] = value
client = socket.socket(socket.AF_UNIX)
client.connect(path)
client.sendall(json.dumps(request).encode() + b'\n')
print(client.makefile('r').readline(), end='', flush=True)
if hold:
    sys.stdin.read()
