#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The far end of a TUN interface: whoever sends there sends bare IP, with any source.

usage: tun_end.py INTERFACE ping SOURCE DESTINATION        exit 0 if an echo is answered
       tun_end.py INTERFACE udp SOURCE DESTINATION PORT    a datagram, ten times
       tun_end.py INTERFACE forged SOURCE DESTINATION PORT the same, made so that its bytes from the 15th on, where IP begins
                                                           behind an Ethernet header, read as 77.1.2.3 -> 78.1.2.3, udp/9
"""
import fcntl
import ipaddress
import os
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
UDP = 17
ICMP = {4: (1, 8, 0), 6: (58, 128, 129)}  # protocol, echo, its answer
FORGED_LENGTH = 256  # of the packet that an Ethernet reader would see


def sum_of(data):
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack(f'>{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def pseudo(source, destination, protocol, length):
    return source.packed + destination.packed + struct.pack('>II', length, protocol)


def packet(source, destination, protocol, body):
    if source.version == 6:
        return struct.pack('>IHBB', 0x60000000, len(body), protocol, 64) + source.packed + destination.packed + body
    head = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(body), 7, 0, 64, protocol, 0) + source.packed + destination.packed
    return head[:10] + struct.pack('>H', ~sum_of(head) & 0xffff) + head[12:] + body


def datagram(source, destination, port, text, sender=0):
    head = struct.pack('>HHH', sender, port, 8 + len(text))
    total = sum_of(pseudo(source, destination, UDP, 8 + len(text)) + head + b'\0\0' + text)
    return packet(source, destination, UDP, head + struct.pack('>H', ~total & 0xffff or 0xffff) + text)


def forged(source, destination, port):
    """IPv6: the addresses say all of it. IPv4: the UDP checksum must read as 77.1, the last bytes make it so."""
    if source.version == 6:
        return datagram(source, destination, port, bytes(14 + FORGED_LENGTH - 48))
    text = bytes([2, 3, 78, 1, 2, 3]) + struct.pack('>HHHH', 1000, 9, FORGED_LENGTH - 20, 0) + bytes(240)
    head = struct.pack('>HHH', 0, port, 8 + len(text))
    total = sum_of(pseudo(source, destination, UDP, 8 + len(text)) + head + text)
    text = text[:-2] + struct.pack('>H', ((~0x4d01 & 0xffff) - total) % 0xffff)
    return datagram(source, destination, port, text)


def echo(source, destination, number):
    protocol, kind, _ = ICMP[source.version]
    body = struct.pack('>BBHHH', kind, 0, 0, 77, number) + b'echo' * 4
    before = pseudo(source, destination, protocol, len(body)) if source.version == 6 else b''
    return packet(source, destination, protocol, body[:2] + struct.pack('>H', ~sum_of(before + body) & 0xffff) + body[4:])


def is_answer(data, source, destination):
    expected = destination.packed + source.packed
    _, _, kind = ICMP[source.version]
    at, body = (12, 20) if source.version == 4 else (8, 40)
    return data[at:at + len(expected)] == expected and data[body:body + 1] == bytes([kind])


def ping(tun, source, destination):
    for number in range(3):
        os.write(tun, echo(source, destination, number))
        end = time.monotonic() + 0.4
        while (left := end - time.monotonic()) > 0:
            if select.select([tun], [], [], left)[0] and is_answer(os.read(tun, 2000), source, destination):
                return True
    return False


def main(interface, what, source, destination, port='0'):
    source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    tun = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack('16sH22x', interface.encode(), IFF_TUN | IFF_NO_PI))
    time.sleep(0.2)  # the carrier comes with the open file
    if what == 'ping':
        return not ping(tun, source, destination)
    text = f'{what} {source}\n'.encode()
    data = forged(source, destination, int(port)) if what == 'forged' else datagram(source, destination, int(port), text, 1000)
    for _ in range(10):
        os.write(tun, data)
        time.sleep(0.01)
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
