#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A portal that answers as docs/portal-api.md says and is told what to answer: the peer of the client's tests.
It knows one person, ana, password "correct horse", who signs in at `local` (password) or `corp` (device)."""
import datetime
import http.server
import json
import os
import ssl
import subprocess
import threading

GATEWAY_KEY = 'sallyportGatewayKeyForTestsAAAAAAAAAAAAAAAA='
PRESHARED = 'presharedPresharedPresharedPresharedPresha0='
TOKEN = 'tokenTokenTokenToken'
HANDLE = 'handleHandleHandle'
CONFIG = f'''# {{name}} at gate1
[Interface]
PrivateKey = # yours: it never leaves your device
Address = 100.64.0.2/32, fd00:64::2/128
MTU = 1420

[Peer]
PublicKey = {GATEWAY_KEY}
PresharedKey = {PRESHARED}
AllowedIPs = 10.30.0.0/16
Endpoint = 192.0.2.1:51820
PersistentKeepalive = 25
'''


def make_certificate(folder, name='127.0.0.1'):
    """A key and a self-signed certificate for an address; their paths and the SHA-256 fingerprint."""
    key, cert = os.path.join(folder, 'tls.key'), os.path.join(folder, 'tls.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout',
                    key, '-out', cert, '-days', '2', '-subj', '/CN=gate1', '-addext', f'subjectAltName=IP:{name}'],
                   check=True, capture_output=True)
    text = subprocess.run(['openssl', 'x509', '-in', cert, '-noout', '-fingerprint', '-sha256'], check=True,
                          capture_output=True, text=True).stdout
    return key, cert, text.strip().split('=')[1]


def when(seconds):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.strftime('%Y-%m-%dT%H:%M:%S.000Z')


class Refused(Exception):
    def __init__(self, status, code, message, **more):
        super().__init__(code)
        self.status, self.body = status, {'v': 1, 'error': {'code': code, 'message': message, **more}}


class FakePortal:
    """Starts at once; `url`, `fingerprint` and `cert` are for the client, the other fields steer what it answers."""

    def __init__(self, folder):
        key, self.cert, self.fingerprint = make_certificate(folder)
        self.refuse = {}      # path below /api/v1/ -> Refused, raised instead of an answer
        self.raw = {}         # path -> bytes, sent instead of one
        self.calls = []       # (path, body, bearer)
        self.password = 'correct horse'
        self.providers = [{'name': 'local', 'type': 'local', 'method': 'password', 'state': 'ok'},
                          {'name': 'corp', 'type': 'oidc', 'method': 'device', 'state': 'ok'}]
        self.challenge = None  # an answer; None: a portal that has none
        self.polls_pending = 1
        self.state, self.life_s, self.warn_s = None, 3600, 600
        self.config = CONFIG
        self.idp, self.device, self.started, self.expires = 'local', None, None, None
        portal = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def log_message(self, *_args):
                pass

            def answer(self, post):
                path = self.path.removeprefix('/api/v1/')
                text = self.rfile.read(int(self.headers.get('Content-Length', 0))) if post else b''
                status, body = portal.handle(path, json.loads(text or b'{}') if post else None,
                                             (self.headers.get('Authorization') or '').removeprefix('Bearer '))
                self.send_response(status)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.answer(False)

            def do_POST(self):
                self.answer(True)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # clients that refuse the certificate

        self.server = Server(('127.0.0.1', 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.place = f'127.0.0.1:{self.server.server_address[1]}'
        self.url = f'https://{self.place}'
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    # ---- the API ----

    def handle(self, path, body, bearer):
        self.calls.append((path, body, bearer))
        if path in self.raw:
            return 200, self.raw[path]
        try:
            if path in self.refuse:
                raise self.refuse[path]
            status, answer = getattr(self, 'on_' + path.replace('/', '_'))(body, bearer)
        except Refused as refused:
            status, answer = refused.status, refused.body
        return status, json.dumps({'v': 1, **answer}).encode()

    def session(self):
        return {'session': 3, 'state': self.state, 'user': 'ana', 'idp': self.idp, 'roles': ['engineer'],
                'addresses': ['100.64.0.2', 'fd00:64::2'], 'device': self.device, 'opened': when(-1),
                'expires': self.expires, 'idle_s': 3600, 'warn_s': self.warn_s}

    def signed_in(self):
        self.state, self.expires = 'live', when(self.life_s)
        return {'token': TOKEN, 'session': self.session(),
                'tunnel': {'addresses': ['100.64.0.2', 'fd00:64::2'], 'dns': [], 'mtu': 1420, 'gateway_key': GATEWAY_KEY,
                           'preshared_key': PRESHARED, 'endpoint': '192.0.2.1:51820', 'allowed_ips': ['10.30.0.0/16'],
                           'config': self.config.replace('{name}', self.device['name'])}}

    def check_password(self, password):
        if password != self.password:
            raise Refused(401, 'login-failed', 'user name or password is wrong; check both, or ask your administrator')

    def check_token(self, bearer):
        if bearer != TOKEN:
            raise Refused(401, 'token-invalid', 'this device is not known here; sign in')

    def prompt(self):
        self.started = self.polls_pending
        return {'handle': HANDLE, 'user_code': 'ABCD-EFGH', 'verification_uri': 'https://idp.example/device',
                'verification_uri_complete': 'https://idp.example/device?code=ABCD-EFGH', 'expires': when(600)}

    def on_providers(self, _body, _bearer):
        return 200, {'gateway': 'gate1', 'providers': self.providers}

    def on_challenge(self, _body, _bearer):
        if self.challenge is None:
            raise Refused(404, 'not-found', 'there is no such address here')
        return 200, self.challenge

    def on_login(self, body, _bearer):
        assert set(body) == {'idp', 'user', 'password', 'device'}, body
        self.check_password(body['password'])
        self.idp, self.device = body['idp'], body['device']
        return 200, self.signed_in()

    def on_device_start(self, body, _bearer):
        assert set(body) == {'idp', 'device'}, body
        self.idp, self.device = body['idp'], body['device']
        return 200, self.prompt()

    def on_device_poll(self, body, _bearer):
        if body['handle'] != HANDLE or self.started is None:
            raise Refused(410, 'expired', 'the code was not entered in time; start the sign-in again')
        if self.started:
            self.started -= 1
            return 200, {'state': 'pending'}
        self.started = None
        answer = self.signed_in()
        return 200, {**answer, 'state': 'done'}

    def on_session(self, _body, bearer):
        self.check_token(bearer)
        return 200, {'session': self.session()}

    def on_session_extend(self, body, bearer):
        self.check_token(bearer)
        if self.state != 'live':
            raise Refused(409, 'no-session', 'the session has ended; sign in again')
        if self.idp == 'corp':
            return 202, self.prompt()
        self.check_password(body.get('password'))
        self.expires = when(self.life_s)
        return 200, {'token': TOKEN, 'session': self.session()}

    def on_session_tunnel(self, _body, bearer):
        self.check_token(bearer)
        if self.state not in ('live', 'expired'):
            raise Refused(409, 'no-session', 'the session has ended: sign in again')
        signed_in = self.signed_in()
        return 200, {'session': signed_in['session'], 'tunnel': signed_in['tunnel']}

    def on_devices_remove(self, _body, bearer):
        self.check_token(bearer)
        self.state = 'closed'
        return 200, {'removed': 'laptop'}

    def on_session_close(self, _body, bearer):
        self.check_token(bearer)
        was, self.state = self.state, 'closed'
        return 200, {'closed': [3] if was == 'live' else []}
