#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that say their name, and clients that ask from many addresses.

named.py serve ADDRESS PORT NAME      to each connection: NAME at once, and behind every line it hears
named.py ask ADDRESS PORT SOURCE…     a connection from each source, one line each: "SOURCE NAME", or "SOURCE -"
named.py hold ADDRESS PORT SOURCE…    one from each source that stays and asks ten times a second; a line for each
                                      answer: "SOURCE NAME"
"""
import ipaddress
import socket
import sys
import threading
import time


def note(line):
    sys.stdout.write(line + "\n")  # in one piece: several threads do
    sys.stdout.flush()


def family_of(address):
    return socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET


def answer(connection, name):
    with connection:
        try:
            connection.sendall(name + b"\n")
            while connection.recv(4096):
                connection.sendall(name + b"\n")
        except OSError:
            pass


def serve(address, port, name):
    listener = socket.socket(family_of(address))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(256)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection, name.encode()), daemon=True).start()


def connect(address, port, source):
    sock = socket.socket(family_of(address))
    sock.settimeout(4)
    sock.bind((source, 0))
    sock.connect((address, port))
    return sock


def ask(address, port, source, names):
    try:
        with connect(address, port, source) as sock:
            names[source] = sock.recv(4096).decode().strip()
    except OSError:
        names[source] = "-"


def ask_all(address, port, sources):
    names = {}
    threads = [threading.Thread(target=ask, args=(address, port, source, names)) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for source in sources:
        note(f"{source} {names[source] or '-'}")


def hold(address, port, source):
    try:
        sock = connect(address, port, source)
        sock.settimeout(None)
        while name := sock.recv(4096).decode().split("\n")[0]:
            note(f"{source} {name}")
            time.sleep(0.1)
            sock.sendall(b"?\n")
    except OSError:
        pass


if sys.argv[1] == "serve":
    serve(sys.argv[2], int(sys.argv[3]), sys.argv[4])
elif sys.argv[1] == "ask":
    ask_all(sys.argv[2], int(sys.argv[3]), sys.argv[4:])
else:
    for one in sys.argv[4:]:
        threading.Thread(target=hold, args=(sys.argv[2], int(sys.argv[3]), one)).start()
