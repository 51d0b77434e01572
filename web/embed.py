#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the files of web/ as C: their paths, and their bytes.

usage: embed.py PATHS.H BYTES.H FILE...

NAME.EXT is served at /assets/NAME.HASH.EXT, HASH being 16 digits of its SHA-256, which is its ETag as well.
Every byte becomes a number and every name is [a-z0-9-], so no file can say anything in the language it
stands in. Exit 1: a file that the portal would have no type for, or a name of another form.
"""
import hashlib
import os
import re
import sys

TYPES = {
    'css': 'text/css; charset=utf-8',
    'js': 'text/javascript; charset=utf-8',
    'png': 'image/png',
    'svg': 'image/svg+xml',
}
NAME = re.compile(r'([a-z0-9-]+)\.([a-z0-9]+)')
HEAD = '/* SPDX-License-Identifier: GPL-3.0-or-later */\n/* Written by web/embed.py. */\n'


class Asset:
    def __init__(self, file):
        match = NAME.fullmatch(os.path.basename(file))
        if not match or match[2] not in TYPES:
            sys.exit(f'embed.py: {file}: a name is [a-z0-9-]+ and one of .{", .".join(TYPES)}')
        with open(file, 'rb') as opened:
            self.bytes = opened.read()
        if not self.bytes:
            sys.exit(f'embed.py: {file} is empty')
        self.hash = hashlib.sha256(self.bytes).hexdigest()[:16]
        self.path = f'/assets/{match[1]}.{self.hash}.{match[2]}'
        self.symbol = f'{match[1]}_{match[2]}'.replace('-', '_')
        self.type = TYPES[match[2]]


def rows(data):
    for at in range(0, len(data), 16):
        yield '\t' + ' '.join(f'{byte},' for byte in data[at:at + 16]) + '\n'


def main():
    assets = [Asset(file) for file in sys.argv[3:]]
    with open(sys.argv[1], 'w', encoding='ascii') as out:
        out.write(HEAD)
        for asset in assets:
            out.write(f'#define SP_ASSET_{asset.symbol.upper()} "{asset.path}"\n')
    with open(sys.argv[2], 'w', encoding='ascii') as out:
        out.write(HEAD)
        for asset in assets:
            out.write(f'static const unsigned char {asset.symbol}[] = {{\n{"".join(rows(asset.bytes))}}};\n')
        out.write('static const struct sp_asset assets[] = {\n')
        for asset in assets:
            out.write(f'\t{{ "{asset.path}", "{asset.type}", "\\"{asset.hash}\\"", {asset.symbol}, '
                      f'sizeof({asset.symbol}) }},\n')
        out.write('};\n')


if __name__ == '__main__':
    main()
