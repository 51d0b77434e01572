#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two ends that go on, whatever happens to the other.

talk.py serve PORT                          TCP and UDP, both families: sends a line ten times a second to
                                            everybody who ever spoke, and writes each line heard
talk.py call tcp|udp ADDRESS PORT NAME [FROM]   from this port says "NAME N" ten times a second, and writes each line heard
"""
import ipaddress
import socket
import sys
import threading
import time


def note(line):
    sys.stdout.write(line + "\n")  # in one piece: several threads do
    sys.stdout.flush()


def hear(sock):
    while True:
        try:
            for line in sock.recv(4096).decode(errors="replace").split("\n"):
                if line:
                    note(line)
        except OSError:
            time.sleep(0.1)


def say(sock, name):
    number = 0
    while True:
        number += 1
        try:
            sock.send(f"{name} {number}\n".encode())
        except OSError:
            pass
        time.sleep(0.1)


def both(sock, name):
    threading.Thread(target=hear, args=(sock,), daemon=True).start()
    say(sock, name)


def dual(kind, port):
    sock = socket.socket(socket.AF_INET6, kind)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("::", port))
    return sock


def serve_udp(port):
    sock = dual(socket.SOCK_DGRAM, port)
    people = set()

    def tell():
        while True:
            for who in list(people):
                try:
                    sock.sendto(b"server\n", who)
                except OSError:
                    pass
            time.sleep(0.1)

    threading.Thread(target=tell, daemon=True).start()
    while True:
        data, who = sock.recvfrom(4096)
        people.add(who)
        note(data.decode(errors="replace").strip())


def serve(port):
    listener = dual(socket.SOCK_STREAM, port)
    listener.listen(64)
    threading.Thread(target=serve_udp, args=(port,), daemon=True).start()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=both, args=(connection, "server"), daemon=True).start()


def call(kind, address, port, name, own_port=0):
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", own_port))
    sock.connect((address, port))
    both(sock, name)


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    call(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5], int((sys.argv[6:] or [0])[0]))
