# SPDX-License-Identifier: GPL-3.0-or-later
"""Strangers at many addresses: crowd.py passwords|connections|addresses 4|6

passwords: each asks for a sign-in with a wrong password, some 80 a second together. Those are 150. connections:
each of 600, of as many sites, opens an idle one, and opens it anew when it ends. For five minutes at most; each round
says a line. addresses: a line each, for `ip -batch`.
"""
import json
import select
import socket
import ssl
import sys
import threading
import time

KIND, FAMILY = sys.argv[1], int(sys.argv[2])
GATEWAY = ('192.0.2.1', 443) if FAMILY == 4 else ('2001:db8:1::1', 443)
SOURCES = [f'198.18.{n // 200}.{n % 200 + 1}' if FAMILY == 4 else f'3fff:{n + 256:x}::1' for n in range(600)]
END = time.monotonic() + 300
KEY = 'Ji8okP1Vjw0tyoUfRqG3AVIhmfAuZnLoE/nLd3LhAhA='


def opened(source):
    one = socket.socket(socket.AF_INET if FAMILY == 4 else socket.AF_INET6)
    one.settimeout(20)
    one.bind((source, 0))
    one.connect(GATEWAY)
    return one


def try_password(source, number):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    body = json.dumps({'idp': 'local', 'user': f'user{number % 40}', 'password': 'a wrong one',
                       'device': {'public_key': KEY, 'name': 'x'}})
    try:
        with context.wrap_socket(opened(source)) as secure:
            secure.sendall(f'POST /api/v1/login HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n'
                           f'Content-Length: {len(body)}\r\n\r\n{body}'.encode())
            answer = secure.recv(64).split(b'\r\n')[0].decode()
            sys.stdout.write(f'{source} {answer}\n')  # in one piece: several threads do
            sys.stdout.flush()
    except OSError:
        pass


def passwords():
    number = 0
    while time.monotonic() < END:
        for source in SOURCES[:150]:
            number += 1
            if threading.active_count() < 200:
                threading.Thread(target=try_password, args=(source, number), daemon=True).start()
            time.sleep(1 / 80)


def connections():
    held = {}
    while time.monotonic() < END:
        for source in SOURCES:
            if source not in held:
                try:
                    held[source] = opened(source)
                except OSError:
                    pass
        ended, _, _ = select.select(held.values(), [], [], 0.05)
        for source in [source for source, one in held.items() if one in ended]:
            held.pop(source).close()
        print(len(held), 'held', len(ended), 'ended', flush=True)


def addresses():
    for source in SOURCES:
        print('address add', source + ('/32' if FAMILY == 4 else '/128'), 'dev eth0', 'nodad' if FAMILY == 6 else '')


{'passwords': passwords, 'connections': connections, 'addresses': addresses}[KIND]()
