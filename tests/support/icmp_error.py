#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""ICMP errors about datagrams that somebody else sent.

icmp_error.py SOURCE DESTINATION QUOTED-SOURCE PORT QUOTED-DESTINATION PORT WORD

Sends an unreachable, a too-big (need-frag, packet-too-big) and a time-exceeded, each quoting such a UDP
datagram with WORD in it, from the address SOURCE, whether it is this host's or not.
"""
import socket
import struct
import sys

KINDS = {4: ((3, 1, 0), (3, 4, 576), (11, 0, 0)), 6: ((1, 3, 0), (2, 0, 1280), (3, 0, 0))}  # type, code, field


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(version, protocol, source, destination, payload):
    if version == 4:
        header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0, source, destination)
        return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + payload
    return struct.pack(">IHBB16s16s", 6 << 28, len(payload), protocol, 64, source, destination) + payload


def error(version, kind, source, destination, quote):
    number, code, field = kind
    body = struct.pack(">BBHI", number, code, 0, field) + quote
    pseudo = source + destination + struct.pack(">II", len(body), 58) if version == 6 else b""
    body = body[:2] + struct.pack(">H", checksum(pseudo + body)) + body[4:]
    return packet(version, 1 if version == 4 else 58, source, destination, body)


def main(source, destination, quoted_source, source_port, quoted_destination, destination_port, word):
    version = 6 if ":" in source else 4
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    addresses = [socket.inet_pton(family, each) for each in (source, destination, quoted_source, quoted_destination)]
    text = word.encode() + b" " * (len(word) % 2)
    datagram = struct.pack(">HHHH", int(source_port), int(destination_port), 8 + len(text), 0) + text
    quote = packet(version, 17, addresses[2], addresses[3], datagram)
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        for kind in KINDS[version]:
            sock.sendto(error(version, kind, addresses[0], addresses[1], quote), (destination, 0))


if __name__ == "__main__":
    if len(sys.argv) != 8:
        sys.exit(__doc__)
    main(*sys.argv[1:])
