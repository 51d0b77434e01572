# SPDX-License-Identifier: GPL-3.0-or-later
"""People by the hundred: sign-ins through the portal's API over connections that stay open, and junk."""
import asyncio
import base64
import json
import os
import ssl
import time

PORTAL, PORT = '192.0.2.1', 443
WARM_UP_S = 3  # the first ones end after the provider's interval of a second


def trust():
    context = ssl.create_default_context()
    context.check_hostname = False  # whose server it is does not matter here
    context.verify_mode = ssl.CERT_NONE
    return context


def new_key():
    return base64.b64encode(os.urandom(32)).decode()


class Client:
    """One connection to the portal, from a given address."""

    def __init__(self, context, source=None):
        self.context, self.source = context, source
        self.reader = self.writer = None

    async def post(self, path, body):
        """Status and object of the answer. ConnectionError: none came. A kept connection may have been closed at the other
        end just now; then a new one is made."""
        kept = self.writer is not None
        try:
            return await self.exchange(path, body)
        except ConnectionError:
            if not kept:
                raise
            return await self.exchange(path, body)

    async def exchange(self, path, body):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(
                PORTAL, PORT, ssl=self.context, local_addr=(self.source, 0) if self.source else None)
        text = json.dumps(body).encode()
        head = f'POST /api/v1/{path} HTTP/1.1\r\nHost: {PORTAL}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n'
        try:
            self.writer.write(head.encode() + text)
            await self.writer.drain()
            lines = (await self.reader.readuntil(b'\r\n\r\n')).decode().lower().split('\r\n')
            headers = dict(line.split(': ', 1) for line in lines[1:] if ': ' in line)
            found = json.loads(await self.reader.readexactly(int(headers['content-length'])))
        except (OSError, asyncio.IncompleteReadError, KeyError) as error:
            self.close()
            raise ConnectionError(str(error)) from None
        if headers.get('connection') == 'close':
            self.close()
        return int(lines[0].split()[1]), found

    def close(self):
        if self.writer:
            self.writer.close()
        self.writer = None

    async def start(self, idp, key, name):
        return await self.post('device/start', {'idp': idp, 'device': {'public_key': key, 'name': name}})

    async def sign_in(self, idp, key, name):
        """The last answer."""
        status, found = await self.start(idp, key, name)
        handle = found.get('handle')
        while status == 200 and found.get('state') != 'done':
            status, found = await self.post('device/poll', {'handle': handle, 'wait_s': 20})
        return status, found


async def sustained(rate, seconds, sources):
    """@rate new sign-ins begin each second, whatever became of those before."""
    context, tasks, free = trust(), [], []
    refused, took, ended = {}, [], []

    async def one(number):
        client = free.pop() if free else Client(context, sources[number % len(sources)])
        began = time.monotonic()
        try:
            status, found = await client.sign_in('many', new_key(), f'device-{number}')
            what = 'done' if status == 200 else found['error']['code']
        except (ConnectionError, OSError) as error:
            what = 'no answer: ' + type(error).__name__
        if what == 'done':
            ended.append(time.monotonic())
            took.append(ended[-1] - began)
        else:
            refused[what] = refused.get(what, 0) + 1
        free.append(client)

    began = time.monotonic()
    for number in range(rate * seconds):
        wait = began + number / rate - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(number)))
    offered_until = time.monotonic()
    await asyncio.wait(tasks, timeout=60)
    for client in free:
        client.close()
    took.sort()
    steady = [at for at in ended if began + WARM_UP_S <= at <= offered_until]
    return {'offered_per_s': rate * seconds / (offered_until - began), 'signed_in': len(took), 'refused': refused,
            'per_s': len(steady) / (offered_until - began - WARM_UP_S),
            'median_s': took[len(took) // 2] if took else None,
            'p99_s': took[len(took) * 99 // 100] if took else None}


async def unfinished(count, sources):
    """Begin sign-ins that nobody will ever finish; gives how many were taken."""
    context, taken = trust(), 0
    share = -(-count // len(sources))

    async def some(source):
        nonlocal taken
        client = Client(context, source)
        for number in range(share):
            try:
                status, _ = await client.start('never', new_key(), f'never-{number}')
                taken += status == 200
            except (ConnectionError, OSError):
                pass
        client.close()

    await asyncio.gather(*(some(source) for source in sources))
    return taken


JUNK = [
    lambda: os.urandom(200),
    lambda: b'GET / HTTP/1.1\r\n' + b'X: ' + b'a' * 20000 + b'\r\n\r\n',
    lambda: b'POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{"a":',
    lambda: b'POST /api/v1/device/poll HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{',
    lambda: b'GET /api/v1/' + os.urandom(8).hex().encode() + b' HTTP/1.1\r\nHost: x\r\n\r\n',
]


async def flood(seconds, sources, at_once=64):
    """Connections with junk in them, for a while; half of them never say a word of TLS. Gives how many."""
    context, count = trust(), 0
    deadline = time.monotonic() + seconds

    async def some(number):
        nonlocal count
        while time.monotonic() < deadline:
            source = sources[number % len(sources)]
            try:
                reader, writer = await asyncio.wait_for(asyncio.open_connection(
                    PORTAL, PORT, ssl=context if number % 2 else None, local_addr=(source, 0)), 5)
                writer.write(JUNK[count % len(JUNK)]())
                count += 1
                await asyncio.wait_for(reader.read(1000), 1)
                writer.close()
            except (OSError, asyncio.TimeoutError):
                await asyncio.sleep(0.01)

    await asyncio.gather(*(some(number) for number in range(at_once)))
    return count


async def real_ones(seconds):
    """A person a second signs in, meanwhile, from an address of their own; how it went."""
    context = trust()
    deadline = time.monotonic() + seconds
    tried, took = 0, []
    while time.monotonic() < deadline:
        client = Client(context)
        tried += 1
        began = time.monotonic()
        try:
            status, _ = await asyncio.wait_for(client.sign_in('many', new_key(), f'real-{tried}'), 30)
            if status == 200:
                took.append(time.monotonic() - began)
        except (ConnectionError, OSError, asyncio.TimeoutError):
            pass
        client.close()
    return {'tried': tried, 'signed_in': len(took), 'slowest_s': max(took) if took else None}
