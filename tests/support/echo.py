#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams and how they arrive.

echo.py serve ADDRESS PORT            answers each datagram with "SENDER PORT LENGTH CHECKSUM"; the checksum is of
                                      IPv4 as it stood in the packet, of IPv6 "-"
echo.py ask ADDRESS PORT LENGTH [FROM]   sends one, from this port or address, and prints the answer. FROM "bare": without a checksum.
                                      Exit 2: it is told that the port is closed; 1: no answer
"""
import socket
import sys

SO_NO_CHECK = 11  # asm-generic/socket.h
PATIENCE_S = 20


def checksum_of(raw, port):
    while True:  # of every port of this machine
        packet = raw.recv(65536)
        udp = packet[(packet[0] & 15) * 4 :]
        if int.from_bytes(udp[2:4], "big") == port:
            return f"{int.from_bytes(udp[6:8], 'big'):04x}"


def serve(address, port):
    is_v6 = ":" in address
    sock = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_DGRAM)
    raw = None if is_v6 else socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    sock.bind((address, port))
    while True:
        data, who = sock.recvfrom(65536)
        checksum = checksum_of(raw, port) if raw else "-"
        sock.sendto(f"{who[0]} {who[1]} {len(data)} {checksum}".encode().ljust(len(data)), who)


def ask(address, port, length, source):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    if source == "bare":
        sock.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    elif source.isdigit():
        sock.bind(("", int(source)))
    elif source:
        sock.bind((source, 0))
    sock.connect((address, port))
    try:
        sock.settimeout(2)
        for _ in range(PATIENCE_S // 2):
            sock.send(bytes(length))
            try:
                print(sock.recv(65536).decode().strip())
                return 0
            except TimeoutError:
                pass
    except ConnectionRefusedError:
        return 2
    return 1


if sys.argv[1] == "serve":
    serve(sys.argv[2], int(sys.argv[3]))
else:
    sys.exit(ask(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5] if len(sys.argv) > 5 else ""))
