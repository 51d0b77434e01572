#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glewlwyd, another identity provider (C, from Debian), with the same two people as provider.mjs.

    glewlwyd.py fetch                      its packages into build/glewlwyd, nothing installed; exit 77 and
                                           the reason on stdout if that cannot be done
    glewlwyd.py run --address ADDR --port PORT --cert FILE --key FILE --folder DIR
                                           serve https://ADDR:PORT/api/oidc until killed
    glewlwyd.py approve --address … --port … --cert … [--user ana] CODE
                                           what the person does at the browser, by the provider's own API
    glewlwyd.py groups --address … --port … --cert … ana eng,ops
                                           change a person's groups

The client is "sallyport", public; each person's password is "secret-secret".
"""
import argparse
import http.cookiejar
import json
import os
import shutil
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STORE = TOP + '/build/glewlwyd'
ROOT = STORE + '/root'
LIBRARIES = ROOT + '/usr/lib/x86_64-linux-gnu'
# Glewlwyd and those of its libraries that a machine which builds Sallyport does not have.
PACKAGES = ['glewlwyd', 'glewlwyd-common', 'libconfig9', 'libhoel1.4', 'libcbor0.8', 'liboath0', 'libldap-2.5-0',
            'libsasl2-2', 'libiddawc1.1', 'liborcania2.3', 'librhonabwy1.1', 'libulfius2.7', 'libyder2.0', 'libmariadb3',
            'libpq5']
EXIT_SKIP = 77
PASSWORD = 'secret-secret'
PEOPLE = {'ana': ['eng'], 'bob': ['vendors']}


class Skip(Exception):
    """Why it cannot be had here."""


# ---- having it ----

def environment():
    return {**os.environ, 'LD_LIBRARY_PATH': LIBRARIES}


def lacks():
    """What keeps the program from starting; empty: nothing."""
    program = ROOT + '/usr/bin/glewlwyd'
    if not os.path.exists(program):
        return 'not fetched'
    said = subprocess.run(['ldd', program], env=environment(), capture_output=True, text=True, check=False).stdout
    return ', '.join(line.split()[0] for line in said.splitlines() if 'not found' in line)


def fetch():
    if os.uname().machine != 'x86_64':
        raise Skip('its packages are taken for x86_64 only')
    if not lacks():
        return
    folder = STORE + '/packages'
    shutil.rmtree(STORE, ignore_errors=True)
    os.makedirs(folder)
    said = subprocess.run(['apt-get', '-q', 'download', *PACKAGES], cwd=folder, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        raise Skip('apt-get download: ' + (said.stderr.strip().splitlines() or ['failed'])[-1])
    for name in os.listdir(folder):
        subprocess.run(['dpkg', '-x', f'{folder}/{name}', ROOT], check=True)
    if lacks():
        raise Skip('it lacks ' + lacks())
    os.makedirs(ROOT + '/usr/lib/glewlwyd/user_middleware', exist_ok=True)  # it insists, and the package has none


# ---- running it ----

CONFIG = '''
port={port}
bind_address="{address}"
external_url="https://{address}:{port}"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="WARNING"
cookie_domain="{address}"
cookie_secure=1
session_expiration=2419200
session_key="session"
max_post_size=16777216
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="{lib}/user"
user_middleware_module_path="{lib}/user_middleware"
client_module_path="{lib}/client"
user_auth_scheme_module_path="{lib}/scheme"
plugin_module_path="{lib}/plugin"
use_secure_connection=true
secure_connection_key_file="{key}"
secure_connection_pem_file="{cert}"
hash_algorithm="SHA512"
database = {{ type = "sqlite3" path = "{folder}/glewlwyd.db" }};
'''


def plugin(options):
    key = subprocess.run(['openssl', 'genrsa', '2048'], capture_output=True, text=True, check=True).stdout
    public = subprocess.run(['openssl', 'rsa', '-pubout'], input=key, capture_output=True, text=True, check=True).stdout
    enabled = {name: True for name in ('auth-type-code-enabled', 'auth-type-device-enabled', 'auth-type-refresh-enabled',
                                       'refresh-token-rolling', 'jwks-show')}
    disabled = {name: False for name in ('auth-type-token-enabled', 'auth-type-id-token-enabled', 'allow-non-oidc',
                                         'auth-type-none-enabled', 'auth-type-password-enabled', 'auth-type-client-enabled',
                                         'request-parameter-allow')}
    return {
        'module': 'oidc', 'name': 'oidc', 'display_name': 'OpenID Connect', 'enabled': True,
        'parameters': {
            'iss': issuer(options), 'jwt-type': 'rsa', 'jwt-key-size': '256', 'key': key, 'cert': public,
            'access-token-duration': 600, 'refresh-token-duration': 86400, 'code-duration': 600,
            'refresh-token-one-use': 'always', 'secret-type': 'pairwise',
            'allowed-scope': ['openid'], 'device-authorization-expiration': 300, 'device-authorization-interval': 1,
            'scope': [], 'additional-parameters': [], 'name-claim': 'no', 'email-claim': 'no', 'scope-claim': 'no',
            'claims': [
                {'name': 'groups', 'user-property': 'groups', 'type': 'string', 'mandatory': True, 'on-demand': False, 'scope': []},
                {'name': 'preferred_username', 'user-property': 'username', 'type': 'string', 'mandatory': True,
                 'on-demand': False, 'scope': []},
            ],
            **enabled, **disabled,
        },
    }


def make_database(path):
    done = subprocess.run(['zcat', ROOT + '/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz'], capture_output=True,
                          text=True, check=True)
    with sqlite3.connect(path) as database:
        database.executescript(done.stdout)
        # A person may have a list of groups; it must be told before the first start.
        database.execute('update g_user_module_instance set gumi_parameters = json_set(gumi_parameters, ?, json(?))', (
            '$."data-format".groups',
            json.dumps({'multiple': True, 'read': True, 'write': True, 'profile-read': True, 'profile-write': False})))


def issuer(options):
    return f'https://{options.address}:{options.port}/api/oidc'


class Session:
    """Somebody's browser at its API."""

    def __init__(self, options, user, password):
        self.base = f'https://{options.address}:{options.port}/api'
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=options.ca or options.cert)),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        self.call('/auth/', {'username': user, 'password': password})

    def call(self, path, data=None, method=None, taken=()):
        body = json.dumps(data).encode() if data is not None else None
        request = urllib.request.Request(self.base + path, body, {'Content-Type': 'application/json'}, method=method)
        try:
            return self.opener.open(request, timeout=10).read().decode()
        except urllib.error.HTTPError as error:
            if error.code in taken:
                return ''
            raise SystemExit(f'{path}: {error.code} {error.read().decode()[:500]}') from None


def person(name, groups):
    return {'username': name, 'password': PASSWORD, 'name': name, 'scope': ['openid', 'g_profile'], 'groups': groups, 'enabled': True}


def run(options):
    os.makedirs(options.folder, exist_ok=True)
    make_database(options.folder + '/glewlwyd.db')
    with open(options.folder + '/glewlwyd.conf', 'w', encoding='utf-8') as file:
        file.write(CONFIG.format(lib=ROOT + '/usr/lib/glewlwyd', **vars(options)))
    if os.fork() == 0:
        configure(options)
        os._exit(0)
    program = ROOT + '/usr/bin/glewlwyd'  # this process becomes it, so that whoever started it can end it
    os.execve(program, [program, '-c', options.folder + '/glewlwyd.conf'], environment())


def configure(options):
    deadline = time.monotonic() + 15
    while True:
        try:
            admin = Session(options, 'admin', 'password')
            break
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    admin.call('/mod/plugin/', plugin(options))
    admin.call('/client/', {'client_id': 'sallyport', 'confidential': False, 'enabled': True,
                            'authorization_type': ['device_authorization', 'refresh_token'], 'scope': ['openid']})
    for name, groups in PEOPLE.items():
        admin.call('/user/', person(name, groups))
    print(json.dumps({'event': 'listening', 'issuer': issuer(options)}), flush=True)


def approve(options):
    browser = Session(options, options.user, PASSWORD)
    browser.call('/auth/grant/sallyport', {'scope': 'openid'}, 'PUT')
    code = urllib.parse.quote(options.words[0])
    browser.call(f'/oidc/device?code={code}&g_continue', taken=(404,))  # sends on to a page, which is not here
    print('approved')
    return 0


def regroup(options):
    name, groups = options.words
    admin = Session(options, 'admin', 'password')
    admin.call('/user/' + name, {'name': name, 'scope': ['openid', 'g_profile'], 'groups': groups.split(','), 'enabled': True}, 'PUT')
    return 0


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument('what', choices=('fetch', 'run', 'approve', 'groups'))
    parser.add_argument('words', nargs='*')
    for name in ('address', 'port', 'cert', 'key', 'ca', 'folder'):
        parser.add_argument('--' + name)
    parser.add_argument('--user', default='ana')
    options = parser.parse_intermixed_args()
    if options.what != 'fetch':
        return {'run': run, 'approve': approve, 'groups': regroup}[options.what](options)
    try:
        fetch()
    except Skip as reason:
        print(reason)
        return EXIT_SKIP
    return 0


if __name__ == '__main__':
    sys.exit(main())
