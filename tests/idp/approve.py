#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The person at the browser, scripted: open the address of a device sign-in, enter the code, log in, agree.

usage: approve.py [--ca FILE] [--user ana] [--password secret] [--deny] [--expect TEXT] ADDRESS CODE

Knows no provider: it follows redirects, keeps cookies, and sends each form it meets with its hidden
fields, the code, user and password put in where they are asked for, until a page has none. Prints that
page's heading; exit 0 if it has the word "success" or --expect's TEXT in it. --deny presses the other button.
"""
import argparse
import html.parser
import http.cookiejar
import re
import ssl
import sys
import urllib.parse
import urllib.request

PAGES_MAX = 12


class Page(html.parser.HTMLParser):
    """The forms of a page: (address, [(name, type, value)])."""

    def __init__(self, text):
        super().__init__()
        self.forms = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == 'form':
            self.forms.append((attrs.get('action', ''), []))
        elif tag in ('input', 'button') and self.forms and attrs.get('name'):
            kind = attrs.get('type', 'submit' if tag == 'button' else 'text')
            self.forms[-1][1].append((attrs['name'], kind, attrs.get('value', '')))


def fill(fields, options):
    """What to send: oidc-provider confirms a code with a button named `confirm`, and aborts with `abort`."""
    sent = {}
    for name, kind, value in fields:
        if name == 'user_code':
            sent[name] = value or options.code
        elif kind == 'password':
            sent[name] = options.password
        elif kind == 'text':
            sent[name] = options.user
        elif kind == 'submit' and name not in ('confirm', 'abort'):
            sent[name] = value
        elif kind == 'hidden' and name != 'confirm':
            sent[name] = value
    names = {name for name, _, _ in fields}
    if options.deny and 'abort' in names:
        sent['abort'] = 'yes'
    elif 'confirm' in names or 'abort' in names:
        sent['confirm'] = 'yes'
    return sent


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument('--ca')
    parser.add_argument('--user', default='ana')
    parser.add_argument('--password', default='secret')
    parser.add_argument('--deny', action='store_true')
    parser.add_argument('--expect', default='success')
    parser.add_argument('address')
    parser.add_argument('code')
    options = parser.parse_args()

    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=options.ca)),
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    address, data = options.address, None
    for _ in range(PAGES_MAX):
        try:
            answer = opener.open(address, data, timeout=10)
        except urllib.error.HTTPError as error:
            answer = error
        text = answer.read().decode()
        forms = [form for form in Page(text).forms if form[1]]
        if not forms or (data and b'abort=yes' in data):
            heading = re.search(r'<h1>([^<]*)', text)
            heading = heading.group(1).strip() if heading else f'status {answer.status}'
            print(heading)
            return 0 if options.expect.lower() in heading.lower() else 1
        action, fields = forms[0]
        address = urllib.parse.urljoin(answer.url, action)
        data = urllib.parse.urlencode(fill(fields, options)).encode()
    print('too many pages')
    return 1


if __name__ == '__main__':
    sys.exit(main())
