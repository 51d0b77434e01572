#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign in once at each of many providers, by the portal's API, as a client would.

usage: attempt.py [--at-once N] PORTAL-ADDRESS [PROVIDER…]       providers from stdin, a line each, without any

A line of JSON for each: {"idp", "status", "code", "message", "user", "seconds"}; code "done" when it was let in.
Asks on when it is told to slow down. Whose server the portal is does not matter here.
"""
import argparse
import base64
import concurrent.futures
import http.client
import json
import os
import ssl
import sys
import time

PATIENCE_S = 60
WAIT_S = 10


class Portal:
    def __init__(self, address):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.connection = http.client.HTTPSConnection(address, timeout=30, context=context)

    def post(self, path, body):
        while True:
            self.connection.request('POST', '/api/v1/' + path, json.dumps(body), {'Content-Type': 'application/json'})
            answer = self.connection.getresponse()
            found = json.loads(answer.read())
            if answer.status != 429:
                return answer.status, found
            time.sleep(found['error'].get('retry_after_s', 1))


def sign_in(address, idp):
    """Status and body of the answer that ended it."""
    portal = Portal(address)
    key = base64.b64encode(os.urandom(31) + b'\x40').decode()  # below 2^255 - 19, as a public key is
    status, found = portal.post('device/start', {'idp': idp, 'device': {'public_key': key, 'name': 'd-' + idp[:60]}})
    deadline = time.monotonic() + PATIENCE_S
    while status == 200 and found.get('state') != 'done' and time.monotonic() < deadline:
        handle = found.get('handle') or handle
        status, found = portal.post('device/poll', {'handle': handle, 'wait_s': WAIT_S})
    return status, found


def attempt(address, idp):
    began = time.monotonic()
    try:
        status, found = sign_in(address, idp)
    except (OSError, http.client.HTTPException, ValueError) as error:
        status, found = 0, {'error': {'code': 'no-answer', 'message': str(error)}}
    error = found.get('error', {})
    code = error.get('code', found.get('state', '?'))
    return {'idp': idp, 'status': status, 'code': code, 'message': error.get('message', ''),
            'user': found.get('session', {}).get('user'), 'seconds': round(time.monotonic() - began, 2)}


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument('--at-once', type=int, default=8)
    parser.add_argument('address')
    parser.add_argument('providers', nargs='*')
    options = parser.parse_args()
    names = options.providers or sys.stdin.read().split()
    with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
        for found in pool.map(lambda name: attempt(options.address, name), names):
            print(json.dumps(found), flush=True)


if __name__ == '__main__':
    main()
