#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A DNS server for tests, by UDP and TCP, which answers what a folder says.

dns_server.py ADDRESS PORT FOLDER

FOLDER/NAME is read anew for each question about NAME. Its first word says what happens:
  a TTL ADDRESS…      these addresses, both families
  cname TTL TARGET    an alias; what FOLDER/TARGET says follows in the same answer
  many TTL N          N addresses, from 10.40.0.0 on
  no-name | no-data   NXDOMAIN; an empty answer
  servfail            a server that failed
  silent              no answer
  garbage             bytes that are no message
  cut                 by UDP an empty answer with the bit for "truncated"; by TCP what `then` says on the next line
  other-id | other-name | other-port ADDRESS    a forged answer with that address, and then what the next line says
Every question is written to stdout: NAME TYPE udp|tcp.
"""
import ipaddress
import os
import socket
import struct
import sys
import threading

A, CNAME, AAAA = 1, 5, 28
NO_ERROR, SERVER_FAILED, NO_NAME = 0, 2, 3
OF_THE_QUESTION = b"\xc0\x0c"  # its name: RFC 1035, 4.1.4


def wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def read_question(message):
    """The name, the type, and the bytes of the question."""
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    return ".".join(labels), struct.unpack_from("!H", message, at + 1)[0], message[12:at + 5]


def record(name, kind, ttl, data):
    return name + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def address_records(name, kind, ttl, addresses):
    found = [ipaddress.ip_address(text) for text in addresses]
    return [record(name, kind, ttl, each.packed) for each in found if (each.version == 6) == (kind == AAAA)]


def answer(message, question, records, code=NO_ERROR, bits=0):
    flags = 0x8180 | bits | code
    return message[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + question + b"".join(records)


class Server:
    def __init__(self, address, port, folder):
        self.folder = folder
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.udp.bind((address, port))
        self.other = socket.socket(family, socket.SOCK_DGRAM)
        self.tcp = socket.socket(family, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((address, port))
        self.tcp.listen()

    def lines_of(self, name):
        try:
            with open(os.path.join(self.folder, name), encoding="ascii") as file:
                return file.read().splitlines()
        except OSError:
            return ["no-name"]

    def records_of(self, name, kind, lines):
        """What stands in the answer section about a name, given as bytes, and its code."""
        words = lines[0].split()
        if words[0] == "a":
            return address_records(name, kind, int(words[1]), words[2:]), NO_ERROR
        if words[0] == "many":
            first = ipaddress.ip_address("10.40.0.0")
            return address_records(name, kind, int(words[1]), [str(first + i) for i in range(int(words[2]))]), NO_ERROR
        if words[0] == "cname":
            target = words[2]
            rest, code = self.records_of(wire_name(target), kind, self.lines_of(target))
            return [record(name, CNAME, int(words[1]), wire_name(target))] + rest, code
        return [], {"no-name": NO_NAME, "servfail": SERVER_FAILED}.get(words[0], NO_ERROR)

    def forge(self, words, message, kind, question, name, peer):
        sock = self.other if words[0] == "other-port" else self.udp
        forged = message
        if words[0] == "other-id":
            forged = bytes([message[0] ^ 0x55]) + message[1:]
        if words[0] == "other-name":
            question = wire_name("x" + name[1:]) + question[-4:]
        sock.sendto(answer(forged, question, address_records(OF_THE_QUESTION, kind, 600, words[1:])), peer)

    def reply(self, message, way, peer):
        """The answer; None: none."""
        name, kind, question = read_question(message)
        print(name, {A: "A", AAAA: "AAAA"}.get(kind, kind), way, flush=True)
        name = name.lower()
        lines = self.lines_of(name)
        while lines[0].startswith("other-"):
            if way == "udp":
                self.forge(lines[0].split(), message, kind, question, name, peer)
            lines = lines[1:]
        if lines[0] == "silent":
            return None
        if lines[0] == "garbage":
            return message[:2] + b"\xff" * 40
        if lines[0] == "cut":
            if way == "udp":
                return answer(message, question, [], bits=0x0200)
            lines = lines[1:]
        records, code = self.records_of(OF_THE_QUESTION, kind, lines)
        whole = answer(message, question, records, code)
        if way == "udp" and len(whole) > 1232:
            return answer(message, question, [], bits=0x0200)
        return whole

    def serve_udp(self):
        while True:
            message, peer = self.udp.recvfrom(4096)
            reply = self.reply(message, "udp", peer)
            if reply:
                self.udp.sendto(reply, peer)

    def serve_one(self, sock):
        with sock:
            while True:
                size = sock.recv(2, socket.MSG_WAITALL)
                if len(size) < 2:
                    return
                reply = self.reply(sock.recv(struct.unpack("!H", size)[0], socket.MSG_WAITALL), "tcp", None)
                if reply:
                    sock.sendall(struct.pack("!H", len(reply)) + reply)

    def serve_tcp(self):
        while True:
            sock, _ = self.tcp.accept()
            threading.Thread(target=self.serve_one, args=(sock,), daemon=True).start()


def main():
    server = Server(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    threading.Thread(target=server.serve_tcp, daemon=True).start()
    print("ready", flush=True)
    server.serve_udp()


main()
