#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests/interop/*.sh do to the wire, and look for on it.

  wire.py types PCAP            outer datagrams by WireGuard message type; exit 1 if one is of no type
  wire.py types --print PCAP    the same, a line each: source, type, length, whether it has a mac2
  wire.py outer PCAP            of each outer packet: length, DF, fragment offset, traffic class
  wire.py mss PCAP              the MSS of each SYN in a capture of a tunnel interface
  wire.py tos PCAP              the traffic class and port of each datagram in a capture of a tunnel interface
  wire.py echo ADDRESS PORT     answer datagrams with themselves
  wire.py sizes ADDRESS PORT LAST   one datagram of each length 0..LAST, which must come back unchanged
  wire.py class ADDRESS PORT CLASS COUNT LENGTH   datagrams with that traffic class
  wire.py junk ADDRESS PORT KEY            junk of every kind, most of it with a right mac1 for the public KEY, until ended
  wire.py initiations ADDRESS PORT KEY     well-formed initiations from nobody, until ended
                                           (both 10000 a second at the most: what a receiver on a busy machine reads)
  wire.py replay PCAP FROM ADDRESS PORT    what FROM sent, again, and again with one bit turned
  wire.py proxy LISTEN ADDRESS PORT        between a client and ADDRESS: a third is late, a tenth comes twice
"""
import base64
import hashlib
import heapq
import itertools
import os
import random
import select
import socket
import struct
import sys
import time

LENGTHS = {1: 148, 2: 92, 3: 64}


def packets(path):
    """The link-layer payload of each packet, from its IP header on."""
    with open(path, "rb") as file:
        header = file.read(24)
        magic, link = struct.unpack("<I16xI", header)
        assert magic in (0xA1B2C3D4, 0xA1B23C4D), "not a capture of this machine"
        skip = {1: 14, 101: 0, 12: 0}[link & 0xFFFF]
        while len(head := file.read(16)) == 16:
            data = file.read(struct.unpack("<8xI4x", head)[0])
            yield data[skip:]


def ip_fields(data):
    """(version, class, source, payload after the IP header, total length, DF, fragment offset, more)."""
    if data[0] >> 4 == 4:
        header = (data[0] & 15) * 4
        flags = struct.unpack(">H", data[6:8])[0]
        return (4, data[1], socket.inet_ntop(socket.AF_INET, data[12:16]), data[9], data[header:],
                struct.unpack(">H", data[2:4])[0], bool(flags & 0x4000), (flags & 0x1FFF) * 8, bool(flags & 0x2000))
    traffic = (data[0] & 15) << 4 | data[1] >> 4
    protocol, rest, offset, more = data[6], data[40:], 0, False
    if protocol == 44:
        protocol, flags = rest[0], struct.unpack(">H", rest[2:4])[0]
        offset, more, rest = flags & 0xFFF8, bool(flags & 1), rest[8:]
    return (6, traffic, socket.inet_ntop(socket.AF_INET6, data[8:24]), protocol, rest,
            struct.unpack(">H", data[4:6])[0] + 40, False, offset, more)


def datagrams(path):
    """(source address, source port, payload) of whole UDP datagrams."""
    for data in packets(path):
        _, _, source, protocol, rest, _, _, offset, more = ip_fields(data)
        if protocol == 17 and not offset and not more:
            yield source, struct.unpack(">H", rest[:2])[0], rest[8:struct.unpack(">H", rest[4:6])[0]]


def message_type(payload):
    """1..4 if it has the shape of that message, 0 if of none."""
    if len(payload) < 32 or payload[1:4] != b"\0\0\0":
        return 0
    kind = payload[0]
    if kind == 4:
        return 4 if len(payload) % 16 == 0 or len(payload) - 32 > 1280 else 0
    return kind if LENGTHS.get(kind) == len(payload) else 0


def types(arguments):
    show = arguments[0] == "--print"
    count = [0] * 5
    for source, _, payload in datagrams(arguments[-1]):
        kind = message_type(payload)
        count[kind] += 1
        if show:
            print(source, kind, len(payload), "mac2" if kind in (1, 2) and any(payload[-16:]) else "-")
        elif not kind:
            print("of no type:", source, len(payload), payload[:16].hex())
    if not show:
        print("initiations %d, responses %d, cookies %d, data %d, other %d" % (*count[1:], count[0]))
    return 1 if count[0] else 0


def outer(arguments):
    for data in packets(arguments[0]):
        version, traffic, source, protocol, _, length, df, offset, more = ip_fields(data)
        if protocol == 17:
            print(source, "v%d" % version, "length=%d" % length, "df=%d" % df,
                  "fragment=%d" % (offset or more), "class=%d" % traffic)
    return 0


def mss(arguments):
    for data in packets(arguments[0]):
        _, _, source, protocol, tcp, *_ = ip_fields(data)
        if protocol != 6 or not tcp[13] & 2:
            continue
        at, end = 20, (tcp[12] >> 4) * 4
        while at < end and tcp[at]:
            if tcp[at] == 2:
                print(source, struct.unpack(">H", tcp[at + 2:at + 4])[0])
            at += 1 if tcp[at] == 1 else tcp[at + 1]
    return 0


def tos(arguments):
    for data in packets(arguments[0]):
        _, traffic, source, protocol, rest, *_ = ip_fields(data)
        if protocol == 17:
            print(source, "port=%d" % struct.unpack(">H", rest[2:4]), "class=%d" % traffic)
    return 0


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def udp(address, port, bound=False):
    sock = socket.socket(family_of(address), socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    (sock.bind if bound else sock.connect)((address, int(port)))
    return sock


def echo(arguments):
    sock = udp(*arguments, bound=True)
    while True:
        data, peer = sock.recvfrom(65535)
        sock.sendto(data, peer)


def body(length):
    return random.Random(length).randbytes(length)


def sizes(arguments):
    address, port, last = arguments
    missing = set(range(int(last) + 1))
    for _ in range(10):  # a datagram may be lost, or late; a wrong one may not come
        # From another port each time: in inner IPv6, wireguard-go leaves a checksum that comes to 0 at 0, not 0xffff,
        # and every receiver drops that datagram.
        sock = udp(address, port)
        sock.settimeout(1)
        again = sorted(missing)
        for begin in range(0, len(again), 32):
            window = set(again[begin:begin + 32])
            for length in window:
                sock.send(body(length))
            try:
                while window & missing:
                    data = sock.recv(65535)
                    if data != body(len(data)):
                        print("came back changed: a datagram of", len(data))
                        return 1
                    missing.discard(len(data))
            except socket.timeout:
                pass
    if missing:
        print("never came back:", sorted(missing)[:20])
    return 1 if missing else 0


def traffic_class(arguments):
    address, port, number, count, length = arguments
    sock = udp(address, port)
    if family_of(address) == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, int(number))
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, int(number))
    for _ in range(int(count)):
        try_send(sock, b"x" * int(length))
        time.sleep(0.01)
    return 0


def mac1(key, message):
    """What stands in front of every handshake's mac2. Source: WireGuard paper, 5.4.4."""
    label = hashlib.blake2s(b"mac1----" + base64.b64decode(key)).digest()
    return hashlib.blake2s(message, key=label, digest_size=16).digest()


def initiation(key):
    message = b"\1\0\0\0" + os.urandom(112)
    return message + mac1(key, message) + bytes(16)


def try_send(sock, data):
    try:
        sock.send(data)
    except OSError:  # what the other side's kernel says of an earlier one
        pass


def send_paced(sock, messages):
    """At most 10000 a second, in bursts of 100. Were it faster than the receiver reads, the receiver's socket would be
    full at all times and drop whatever else comes: that says how busy the machine is, not how it takes junk."""
    for number, message in enumerate(messages, 1):
        try_send(sock, message)
        if number % 100 == 0:
            time.sleep(0.01)


def junk_of_every_kind():
    for _ in range(2000):
        yield os.urandom(random.randrange(0, 1500))
    for kind in range(0, 8):  # every type with every length around the right ones
        for length in [*range(0, 200), 1000, 1472, 9000, 65507]:
            yield (bytes([kind, 0, 0, 0]) + os.urandom(length))[:length]
    for kind, length in LENGTHS.items():  # reserved bytes that are not zero
        yield bytes([kind, 1, 2, 3]) + os.urandom(length - 4)
    for _ in range(200):  # an own header and somebody's index
        yield b"\4\0\0\0" + os.urandom(28 + 16 * random.randrange(0, 80))


def junk(arguments):
    address, port, key = arguments
    sock = udp(address, port)
    made = [initiation(key) for _ in range(2000)]
    while True:
        send_paced(sock, itertools.chain(junk_of_every_kind(), made * 10))


def initiations(arguments):
    address, port, key = arguments
    sock = udp(address, port)
    made = [initiation(key) for _ in range(500)]
    while True:
        send_paced(sock, made)


def replay(arguments):
    path, source, address, port = arguments
    sock = udp(address, port)
    count = 0
    for sender, _, payload in datagrams(path):
        if sender != source:
            continue
        try_send(sock, payload)
        for _ in range(3):
            changed = bytearray(payload)
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
            try_send(sock, bytes(changed))
        count += 1
        if count % 50 == 0:
            time.sleep(0.002)
    print("replayed", count)
    return 0 if count else 1


def proxy(arguments):
    listen, address, port = arguments
    front, back = udp("127.0.0.1" if ":" in listen else "0.0.0.0", listen.split(":")[-1], bound=True), udp(address, port)
    client, late, serial = None, [], 0
    for sock in (front, back):
        sock.setblocking(False)
    while True:
        wait = max(0, late[0][0] - time.monotonic()) if late else 1
        for sock in select.select([front, back], [], [], wait)[0]:
            try:
                while True:
                    data, sender = sock.recvfrom(65535)
                    if sock is front:
                        client = sender
                    for _ in range(2 if random.random() < 0.1 else 1):
                        serial += 1
                        after = random.uniform(0, 0.02) if random.random() < 0.33 else 0
                        heapq.heappush(late, (time.monotonic() + after, serial, sock is front, data))
            except OSError:
                pass
        while late and late[0][0] <= time.monotonic():
            _, _, to_back, data = heapq.heappop(late)
            try:
                back.send(data) if to_back else front.sendto(data, client)
            except OSError:
                pass


COMMANDS = {"types": types, "outer": outer, "mss": mss, "tos": tos, "echo": echo, "sizes": sizes, "class": traffic_class,
            "junk": junk, "initiations": initiations, "replay": replay, "proxy": proxy}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    sys.exit(COMMANDS[sys.argv[1]](sys.argv[2:]))
