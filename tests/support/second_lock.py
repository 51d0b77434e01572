#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""One end of forbidden conversations: says what nobody allows, and writes down whatever of it arrives.

usage: second_lock.py NAME FOLDER ADDRESS4 ADDRESS6 [SAYING:ADDRESS4,ADDRESS6]...
  SAYING   call-…  from 32 ports to the other end's port 7001
           back-…  from port 7001 to the other end's 32 ports, as if it answered
           ask-…   to port 5000, whose end answers: what a rule allows

FOLDER/NAME.heard: a line for each datagram that arrived, `call-gate 4 17` (family, number).
FOLDER/NAME.allowed: the same for what a rule allows. FOLDER/NAME.rounds: how often everything was said.
It ends by itself after MOST_ROUNDS.
"""
import os
import selectors
import socket
import sys
import time

PORT, ALLOWED_PORT = 7001, 5000
CALLING = range(20000, 20032)
MOST_ROUNDS, PAUSE = 120000, 0.01
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


class End:
    def __init__(self, name, folder, addresses):
        self.selector = selectors.DefaultSelector()
        self.sockets = {}
        self.heard = open(os.path.join(folder, name + '.heard'), 'a', buffering=1)
        self.allowed = open(os.path.join(folder, name + '.allowed'), 'a', buffering=1)
        for family, address in zip(FAMILIES, addresses):
            for port in (PORT, ALLOWED_PORT, *CALLING):
                self.bind(family, address, port)

    def bind(self, family, address, port):
        sock = socket.socket(FAMILIES[family], socket.SOCK_DGRAM)
        if family == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        sock.bind((address, port))
        self.sockets[family, port] = sock
        self.selector.register(sock, selectors.EVENT_READ, port)

    def say(self, saying, family, address, number):
        call = CALLING[number % len(CALLING)]
        source, target = {'call': (call, PORT), 'back': (PORT, call), 'ask': (call, ALLOWED_PORT)}[saying.split('-')[0]]
        try:
            self.sockets[family, source].sendto(f'{saying} {family} {number}'.encode(), (address, target))
        except OSError:
            pass  # no way to there just now

    def hear(self, seconds):
        for key, _ in self.selector.select(seconds):
            try:
                text, sender = key.fileobj.recvfrom(200)
            except OSError:
                continue
            text = text.decode(errors='replace')
            if key.data == ALLOWED_PORT:
                self.answer(key.fileobj, text, sender)
            else:
                print(text, file=self.allowed if text.startswith('answer') else self.heard)

    def answer(self, sock, text, sender):
        print(text, file=self.allowed)
        try:
            sock.sendto(b'answer ' + text.encode(), sender)
        except OSError:
            pass

    def hear_until(self, end):
        while (left := end - time.monotonic()) > 0:
            self.hear(left)


def count(path, number):
    with open(path + '.new', 'w') as out:
        print(number, file=out)
    os.rename(path + '.new', path)


def main(name, folder, address4, address6, *sayings):
    end = End(name, folder, (address4, address6))
    sayings = [(saying, to.split(',')) for saying, to in (text.split(':', 1) for text in sayings)]
    for number in range(MOST_ROUNDS):
        for saying, addresses in sayings:
            for family, address in zip(FAMILIES, addresses):
                end.say(saying, family, address, number)
        if number % 10 == 0:
            count(os.path.join(folder, name + '.rounds'), number)
        end.hear_until(time.monotonic() + PAUSE)


if __name__ == '__main__':
    main(*sys.argv[1:])
