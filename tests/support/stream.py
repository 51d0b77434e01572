#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paced, numbered datagrams for labs.

stream.py send ADDRESS PORT RATE SECONDS    numbers from 1, RATE a second; prints how many
stream.py receive ADDRESS PORT              a line "NUMBER NANOSECONDS" for each, until ended; first
                                            "0 NANOSECONDS": it listens
stream.py tap IFACE PORT [IN|OUT]           the same for what passes an interface towards PORT
"""
import ipaddress
import socket
import struct
import sys
import time


# Room for a burst on a busy machine: what a lab counts as missing must be the gateway's doing.
ROOM = 64 << 20


def make_room(sock):
    sock.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_RCVBUFFORCE", 33), ROOM)


def family(address):
    return socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET


def send(address, port, rate, seconds):
    sock = socket.socket(family(address), socket.SOCK_DGRAM)
    sock.connect((address, port))
    total = int(rate * seconds)
    start = time.monotonic()
    for number in range(1, total + 1):
        wait = start + number / rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        try:
            sock.send(struct.pack("!Q", number))
        except OSError:
            pass  # an ICMP refusal of an earlier one: the next is sent all the same
    print(total)


def receive(address, port):
    sock = socket.socket(family(address), socket.SOCK_DGRAM)
    make_room(sock)
    sock.bind((address, port))
    print(0, time.time_ns(), flush=True)
    while True:
        data = sock.recv(64)
        print(struct.unpack("!Q", data[:8])[0], time.time_ns(), flush=True)


def udp_payload(packet, port):
    """The payload of a UDP packet to the port; no options, no extension headers in labs."""
    if packet[0] >> 4 == 4:
        proto, header = packet[9], (packet[0] & 15) * 4
    else:
        proto, header = packet[6], 40
    if proto != 17 or struct.unpack("!H", packet[header + 2:header + 4])[0] != port:
        return None
    return packet[header + 8:]


def tap(iface, port, direction):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    make_room(sock)
    sock.bind((iface, 3))
    print(0, time.time_ns(), flush=True)
    while True:
        packet, where = sock.recvfrom(1 << 16)
        if (where[2] == socket.PACKET_OUTGOING) != (direction == "OUT"):
            continue
        # An engine that is behind hands over several datagrams in one piece (UDP_SEGMENT).
        for (number,) in struct.iter_unpack("!Q", udp_payload(packet, port) or b""):
            print(number, time.time_ns(), flush=True)


if sys.argv[1] == "send":
    send(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5]))
elif sys.argv[1] == "receive":
    receive(sys.argv[2], int(sys.argv[3]))
elif sys.argv[1] == "tap":
    tap(sys.argv[2], int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else "IN")
else:
    sys.exit(__doc__)
