#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server for labs: web.py ADDRESS PORT TEXT. `/` gives TEXT, `/big` bytes without end."""
import http.server
import socket
import socketserver
import sys


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    # not http.server.HTTPServer: that one asks the resolver for its name, which a lab lacks
    allow_reuse_address = True
    daemon_threads = True


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        if self.path != "/big":
            self.wfile.write(sys.argv[3].encode() + b"\n")
            return
        chunk = bytes(65536)
        while True:
            self.wfile.write(chunk)

    def log_message(self, *args):
        pass

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # the reader has gone, or was cut off


if ":" in sys.argv[1]:
    Server.address_family = socket.AF_INET6
Server((sys.argv[1], int(sys.argv[2])), Page).serve_forever()
