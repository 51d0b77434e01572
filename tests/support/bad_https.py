#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of the portal that mean no good. Each command is one case; exit 0: it went as it should.

usage: bad_https.py PORT CASE [ARGUMENT]
"""
import base64
import concurrent.futures
import json
import os
import re
import select
import socket
import ssl
import sys
import time

PORT = int(sys.argv[1])
PROVIDERS = b'GET /api/v1/providers HTTP/1.1\r\nHost: x\r\n\r\n'
LOGIN = '/api/v1/login'
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE  # the certificate is another test's matter


def tcp(source='127.0.0.1'):
    return socket.create_connection(('127.0.0.1', PORT), timeout=30, source_address=(source, 0))


def connect(source='127.0.0.1'):
    return context.wrap_socket(tcp(source))


class Answer:
    """One response, by its Content-Length."""

    def __init__(self, connection, data=b'', has_body=True):
        while b'\r\n\r\n' not in data:
            data += self.more(connection)
        head, _, self.body = data.partition(b'\r\n\r\n')
        lines = head.decode().split('\r\n')
        self.status = int(lines[0].split()[1])
        self.headers = {k.lower(): v for k, v in (line.split(': ', 1) for line in lines[1:])}
        length = int(self.headers['content-length']) if has_body and self.status != 304 else 0
        while len(self.body) < length:
            self.body += self.more(connection)
        self.body, self.rest = self.body[:length], self.body[length:]

    @staticmethod
    def more(connection):
        piece = connection.recv(65536)
        if not piece:
            raise EOFError('closed without an answer')
        return piece

    def code(self):
        return json.loads(self.body).get('error', {}).get('code')


def is_closed(connection):
    """Whether the other end closes within 3 s."""
    connection.settimeout(3)
    try:
        return connection.recv(1) == b''
    except (ConnectionError, ssl.SSLError):
        return True
    except TimeoutError:
        return False


def say(*what):
    print('    ', *what)
    return False


def gets(request, status, code=None, closes=False):
    """The request's answer is this one."""
    connection = connect()
    connection.sendall(request)
    answer = Answer(connection)
    if answer.status != status or (code and answer.code() != code):
        return say(request[:90], answer.status, answer.body[:200])
    return not closes or is_closed(connection) or say(request[:90], 'left open')


def post(path, body, *headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f'POST {path} HTTP/1.1', 'Host: x', 'Content-Type: application/json', f'Content-Length: {len(body)}', *headers]
    return '\r\n'.join(lines).encode() + b'\r\n\r\n' + body


def device():
    return {'public_key': base64.b64encode(os.urandom(31) + b'\x40').decode(), 'name': 'x'}  # below 2^255 - 19, as a public key is


# ---- one request each ----

def served():
    return gets(PROVIDERS, 200)


def provider(state):
    connection = connect()
    connection.sendall(PROVIDERS)
    found = json.loads(Answer(connection).body)['providers'][0]['state']
    return found == state or say(found)


def no_gateway():
    return gets(post(LOGIN, {'user': 'ana', 'password': 'correct horse', 'device': device()}), 503, 'gateway-unreachable')


def no_token():
    return gets(b'GET /api/v1/session HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n', 401, 'token-invalid')


def smuggling():
    second = b'GET /api/v1/devices HTTP/1.1\r\nHost: x\r\n\r\n'
    chunked = b'0\r\n\r\n' + second
    return all(gets(b'POST /api/v1/login HTTP/1.1\r\nHost: x\r\n' + headers + b'\r\n' + body, 400, closes=True)
               for headers, body in (
        (b'Content-Length: %d\r\nTransfer-Encoding: chunked\r\n' % len(chunked), chunked),
        (b'Transfer-Encoding: chunked\r\nContent-Length: 0\r\n', chunked),
        (b'Content-Length: 0\r\nContent-Length: %d\r\n' % len(second), second),
    ))


def lengths():
    return all(gets(b'POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: '
                    + text + b'\r\n\r\n', status, closes=True)
               for text, status in ((b'-1', 400), (b'+2', 400), (b'0x2', 400), (b'2, 2', 400), (b'16385', 413),
                                    (b'999999999999', 413), (b'99999999999999999999999999', 413)))


def headers():
    return (gets(b'GET /api/v1/providers HTTP/1.1\r\nHost: x\r\nX: ' + b'a' * 7000 + b'\r\n\r\n', 200)
            and gets(b'GET /api/v1/providers HTTP/1.1\r\nHost: x\r\nX: ' + b'a' * 9000 + b'\r\n\r\n', 431, closes=True)
            and gets(b'GET /api/v1/providers HTTP/1.1\r\nHost: x\r\nX: ' + b'a' * 70000 + b'\r\n\r\n', 431, closes=True)
            and gets(b'GET /' + b'a' * 9000 + b' HTTP/1.1\r\nHost: x\r\n\r\n', 431, closes=True))


def bodies():
    chunk = b'4000\r\n' + b' ' * 0x4000 + b'\r\n'
    return (gets(post(LOGIN, b' ' * 16000 + b'{}'), 400, 'bad-request')
            and gets(b'POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
                     b'Transfer-Encoding: chunked\r\n\r\n' + chunk * 2 + b'0\r\n\r\n', 413, 'too-large', closes=True)
            and gets(b'POST /api/v1/device/poll HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
                     b'Transfer-Encoding: chunked\r\n\r\nf\r\n{"handle":"abc"\r\n1\r\n}\r\n0\r\n\r\n', 410, 'expired'))


def hosts():
    return (gets(b'GET /api/v1/providers HTTP/1.1\r\n\r\n', 400)
            and gets(b'GET /api/v1/providers HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400))


def methods():
    return all(gets(method + b' /api/v1/login HTTP/1.1\r\nHost: x\r\n\r\n', 405, 'method')
               for method in (b'GET', b'DELETE', b'PUT', b'TRACE', b'OPTIONS', b'BREW'))


def addresses():
    """No such address: JSON below /api, a page elsewhere; what is no path at all is refused."""
    return (all(gets(b'GET ' + path + b' HTTP/1.1\r\nHost: x\r\n\r\n', 404, 'not-found')
                for path in (b'/api', b'/api/v1/providers/', b'/api/v1/../v1/providers', b'/api/v1/providers%00'))
            and all(gets(b'GET ' + path + b' HTTP/1.1\r\nHost: x\r\n\r\n', 404)
                    for path in (b'/', b'/etc/passwd', b'//', b'/assets/', b'/assets/../etc/passwd', b'/assets/%2e%2e/x',
                                 b'/assets/..%2f..%2fetc%2fpasswd', b'/?' + b'a=1&' * 40, b'/?' + b'a' * 7000, b'/?a=%00&a=%zz'))
            and all(gets(b'GET ' + target + b' HTTP/1.1\r\nHost: x\r\n\r\n', 400, closes=True)
                    for target in (b'https://x/api/v1/providers', b'http://evil.test/', b'*', b'x:443', b'api/v1/providers',
                                   b'/api/v1/providers#a', b'/a\x7fb', b'/\xc3\xa4', b'/api/v1/providers?\x01')))


def queries():
    """More names than libmicrohttpd has room for: no answer, and nothing of it stays."""
    for path in (b'/', b'/api/v1/providers', icon().encode()):
        for _ in range(20):
            connection = connect()
            connection.sendall(b'GET ' + path + b'?' + b'a&' * 3500 + b' HTTP/1.1\r\nHost: x\r\n\r\n')
            if not is_closed(connection):
                return say(path, 'left open')
    return True


def same(found, wanted):
    return found == wanted or say(found, 'instead of', wanted)


SENT = ('cache-control', 'content-security-policy', 'content-type', 'cross-origin-opener-policy',
        'cross-origin-resource-policy', 'referrer-policy', 'strict-transport-security', 'x-content-type-options')


def kinds():
    """Each kind of answer carries its headers, seen over TLS."""
    closed = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    page = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
    kept = 'public, max-age=31536000, immutable'
    for path, wanted in (
            ('/api/v1/providers', ('no-store', closed, 'application/json', None, 'no-referrer')),
            ('/api/nothing', ('no-store', closed, 'application/json', None, 'no-referrer')),
            ('/', ('no-store', page, 'text/html; charset=utf-8', 'same-origin', 'same-origin')),
            (icon(), (kept, closed, 'image/svg+xml', None, 'no-referrer')),
            ('/assets/icon.svg', ('no-store', closed, 'text/html; charset=utf-8', None, 'no-referrer'))):
        cache, policy, kind, opener, referrer = wanted
        found = tuple(ask('GET', path).headers.get(name) for name in SENT)
        if not same((path, found), (path, (cache, policy, kind, opener, 'same-origin', referrer, 'max-age=31536000', 'nosniff'))):
            return False
    return True


def ask(method, path, *headers):
    """One request, and behind its answer another: whatever is sent of a body that must not be is found in that."""
    connection = connect()
    connection.sendall('\r\n'.join((f'{method} {path} HTTP/1.1', 'Host: x', *headers)).encode() + b'\r\n\r\n' + PROVIDERS)
    answer = Answer(connection, has_body=method != 'HEAD')
    following = Answer(connection, answer.rest)
    assert following.status == 200 and 'providers' in json.loads(following.body), (method, path, following.body)
    return answer


def icon():
    """The address of the one asset, as the page names it."""
    return re.search(r'href="(/assets/icon\.[0-9a-f]{16}\.svg)"', ask('GET', '/').body.decode())[1]


def asset():
    path = icon()
    whole = ask('GET', path)
    tag = whole.headers['etag']
    if not (whole.status == 200 and whole.body.startswith(b'<svg') and tag.strip('"') in path):
        return say(whole.status, tag, whole.body[:40])
    for headers, status in (
            (('If-None-Match: ' + tag,), 304), (('If-None-Match: W/' + tag,), 304), (('If-None-Match: *',), 304),
            (('If-None-Match: "a", ' + tag,), 304), (('If-None-Match: "a"',), 200), (('If-None-Match: ' + tag[:-1],), 200),
            (('If-None-Match: ' + '"a",' * 1500,), 200), (('Range: bytes=0-3',), 200), (('Range: bytes=0-0,2-3',), 200),
            (('Range: bytes=-1', 'If-Range: ' + tag), 200), (('If-Modified-Since: Mon, 30 Nov 2026 00:00:00 GMT',), 200)):
        for method in ('GET', 'HEAD'):
            found = ask(method, path, *headers)
            body = whole.body if (method, status) == ('GET', 200) else b''
            if not same((headers, found.status, found.body, found.headers['etag']), (headers, status, body, tag)):
                return False
    return True


def heads():
    """HEAD is GET without the body; where GET is another matter it is refused."""
    for path in ('/api/v1/providers', '/api/v1/nothing', '/', icon()):
        whole, head = ask('GET', path), ask('HEAD', path)
        if not same((path, head.status, head.body, head.headers['content-length']),
                    (path, whole.status, b'', str(len(whole.body)))):
            return False
    return (ask('HEAD', '/api/v1/login').status == 405 and ask('POST', icon()).headers['allow'] == 'GET, HEAD'
            and same(ask('DELETE', '/api/v1/devices').headers['allow'], 'GET, HEAD'))


def twice():
    """What stands once is not there twice, and what is no cookie of ours keeps nobody out."""
    return (all(gets(b'GET /api/v1/providers HTTP/1.1\r\nHost: x\r\n' + header + b': a\r\n' + header.upper() + b': b\r\n\r\n',
                     400, 'bad-request', closes=True)
                for header in (b'Cookie', b'Authorization', b'Origin', b'Sec-Fetch-Site', b'Content-Type', b'If-None-Match'))
            and all(gets(b'GET /api/v1/providers HTTP/1.1\r\nHost: x\r\nCookie: ' + cookie + b'\r\n\r\n', 200)
                    for cookie in (b'', b'=', b';;;', b'a="b; c', b'a=\xff', b'__Host-sallyport=x; __Host-sallyport=y',
                                   b'a=' + b'b' * 6000))
            and gets(b'GET /api/v1/providers HTTP/1.1\r\nHost: x\r\nCookie: a=' + b'b' * 9000 + b'\r\n\r\n', 431, closes=True))


def not_json():
    return (gets(post(LOGIN, b'{' * 16000), 400, 'bad-request')
            and gets(post(LOGIN, b'[' * 16000), 400, 'bad-request')
            and gets(post(LOGIN, b'\xff\xfe'), 400, 'bad-request')
            and gets(post(LOGIN, {'user': 'a', 'user2': 'b'}), 400, 'bad-request')
            and gets(b'POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}', 415,
                     'media-type'))


def plain_http():
    connection = tcp()
    connection.sendall(PROVIDERS)
    return is_closed(connection)


def garbage():
    for text in (os.urandom(2000), b'\x16\x03\x01\xff\xff' + os.urandom(500), b'\r\n' * 500):
        connection = tcp()
        connection.sendall(text)
        connection.close()
    connection = connect()
    connection.sendall(os.urandom(500).replace(b'\0', b'a') + b'\r\n\r\n')
    connection.close()
    return True


def pipelined():
    connection = connect()
    connection.sendall(PROVIDERS * 20)
    data = b''
    connection.settimeout(5)
    while data.count(b'HTTP/1.1 200') < 20:
        data += Answer.more(connection)
    return True


# ---- time ----

def drip(connection, text, each_s=0.5):
    """Byte by byte until it is closed: seconds that took; None: it is open after a minute."""
    start = time.monotonic()
    for byte in text:
        try:
            connection.send(bytes([byte]))
        except OSError:
            return time.monotonic() - start
        if select.select([connection], [], [], each_s)[0] and is_closed(connection):
            return time.monotonic() - start
        if time.monotonic() - start > 60:
            break
    return None


def took_ten_seconds(seconds):
    """Never before; after it as soon as a busy machine can."""
    return (seconds is not None and 8 <= seconds <= 60) or say(seconds, 's')


def slow_headers():
    return took_ten_seconds(drip(connect(), b'GET /api/v1/providers HTTP/1.1\r\nHost: x\r\nX: ' + b'a' * 100))


def slow_body():
    return took_ten_seconds(drip(connect(), post(LOGIN, b'{' + b' ' * 200)))


def silence():
    start = time.monotonic()
    connection = tcp()
    connection.settimeout(60)
    try:
        return connection.recv(1) == b'' and took_ten_seconds(time.monotonic() - start)
    except ConnectionError:
        return took_ten_seconds(time.monotonic() - start)


# ---- many ----

def connections():
    held = {}  # when each was last used

    def use(connection):
        held[connection] = time.monotonic()
        connection.sendall(PROVIDERS)
        return Answer(connection).status == 200

    ok = True
    for _ in range(64):
        ok = use(connect('127.0.3.1')) and ok
        # a busy machine may need longer for 64 handshakes than an idle connection may live
        ok = all([use(c) for c, used in list(held.items()) if time.monotonic() - used > 2]) and ok
    refused = tcp('127.0.3.1')
    ok = ok and (is_closed(refused) or say('the 65th is open'))
    return ok and all([use(connection) for connection in held]) and served()


def slow_crowd():
    held = []
    for i in range(600):
        try:
            held.append(tcp(f'127.0.4.{i % 100 + 1}'))
        except OSError:
            pass  # the backlog is a bound too
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            if served():
                return True
        except (OSError, EOFError):
            time.sleep(0.5)
    return say('nobody else is served')


def few_descriptors(pid):
    return len(os.listdir(f'/proc/{pid}/fd')) < 100


def start_some(source, count):
    connection, started, put_off = connect(source), 0, 0
    while started < count:
        connection.sendall(post('/api/v1/device/start', {'idp': 'corp', 'device': device()}))
        answer = Answer(connection)
        if answer.status == 503 and put_off < 40:  # a busy machine's provider is slow: again, as the answer says
            put_off += 1
            time.sleep(5)
            connection = connect(source)
        elif answer.status != 200:
            return say(source, answer.status, answer.body[:200])
        else:
            started += 1
    handle = json.loads(answer.body)['handle']
    connection.sendall(post('/api/v1/device/poll', {'handle': handle, 'wait_s': 0}))
    return json.loads(Answer(connection).body).get('state') == 'pending'


def unfinished(count):
    count = int(count)
    workers = max(1, count // 500)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        done = pool.map(lambda i: start_some(f'127.0.5.{i + 1}', min(count, 500)), range(workers))
        return all(list(done))


if __name__ == '__main__':
    sys.exit(0 if globals()[sys.argv[2]](*sys.argv[3:]) else 1)
