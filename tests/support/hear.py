#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""hear.py PORT : write every UDP datagram that comes to the port, of either family, as a line to stdout."""
import socket
import sys

with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as heard:
    heard.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    heard.bind(("::", int(sys.argv[1])))
    while True:
        print(heard.recvfrom(2048)[0].decode(errors="replace").strip(), flush=True)
