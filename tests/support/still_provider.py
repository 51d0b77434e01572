#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An OpenID provider at which nobody ever finishes: codes are given, approvals never.

usage: still_provider.py PORT CERT KEY [ADDRESS ISSUER]      at 127.0.0.1
"""
import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, CERT, KEY = int(sys.argv[1]), sys.argv[2], sys.argv[3]
ADDRESS, ISSUER = sys.argv[4:] or ('127.0.0.1', f'https://127.0.0.1:{PORT}')
ANSWERS = {
    '/.well-known/openid-configuration': {
        'issuer': ISSUER, 'jwks_uri': ISSUER + '/jwks', 'token_endpoint': ISSUER + '/token',
        'device_authorization_endpoint': ISSUER + '/device'},
    # RFC 8037, appendix A.2
    '/jwks': {'keys': [{'kty': 'OKP', 'crv': 'Ed25519', 'kid': 'a', 'alg': 'EdDSA', 'use': 'sig',
                        'x': '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'}]},
    '/device': {'device_code': 'd' * 43, 'user_code': 'ABCD-EFGH', 'verification_uri': ISSUER + '/go',
                'expires_in': 600, 'interval': 5},
    '/token': {'error': 'authorization_pending'},
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def answer(self):
        self.rfile.read(int(self.headers.get('Content-Length') or 0))
        body = json.dumps(ANSWERS.get(self.path, {})).encode()
        self.send_response(400 if self.path == '/token' else 200)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)

    def finish_request(self, request, client_address):  # in the thread: a handshake holds up nobody
        super().finish_request(self.context.wrap_socket(request, server_side=True), client_address)


Server.context.load_cert_chain(CERT, KEY)
Server((ADDRESS, PORT), Handler).serve_forever()
