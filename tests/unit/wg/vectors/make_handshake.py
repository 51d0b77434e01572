#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write handshake.txt: one whole WireGuard handshake with fixed keys, computed by hashlib and pyca/cryptography.

It follows the text of the WireGuard paper (5.4.2 to 5.4.7) line by line and shares nothing with src/wg: the
two check each other. usage: make_handshake.py > handshake.txt"""
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305


def hash_(*parts):
    return hashlib.blake2s(b''.join(parts)).digest()


def mac(key, data):
    return hashlib.blake2s(data, key=key, digest_size=16).digest()


def kdf(n, key, data):
    secret = hmac.new(key, data, hashlib.blake2s).digest()
    out, last = [], b''
    for i in range(1, n + 1):
        last = hmac.new(secret, last + bytes([i]), hashlib.blake2s).digest()
        out.append(last)
    return out


def aead(key, counter, text, ad):
    return ChaCha20Poly1305(key).encrypt(bytes(4) + struct.pack('<Q', counter), text, ad)


def dh(private, public):
    return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))


def public_of(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def fixed(name):
    return hashlib.sha256(b'sallyport handshake vector: ' + name.encode()).digest()


s_i, s_r, e_i, e_r, q = (fixed(n) for n in ('initiator static', 'responder static', 'initiator ephemeral',
                                            'responder ephemeral', 'preshared key'))
index_i, index_r = 0x11223344, 0xaabbccdd
timestamp = bytes.fromhex('400000006553f10a3b000000')

# 5.4.2: the initiation
c = hash_(b'Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s')
h = hash_(c, b'WireGuard v1 zx2c4 Jason@zx2c4.com')
h = hash_(h, public_of(s_r))
[c] = kdf(1, c, public_of(e_i))
h = hash_(h, public_of(e_i))
c, k = kdf(2, c, dh(e_i, public_of(s_r)))
static = aead(k, 0, public_of(s_i), h)
h = hash_(h, static)
c, k = kdf(2, c, dh(s_i, public_of(s_r)))
stamp = aead(k, 0, timestamp, h)
h = hash_(h, stamp)
initiation = struct.pack('<II', 1, index_i) + public_of(e_i) + static + stamp
initiation += mac(hash_(b'mac1----', public_of(s_r)), initiation)
initiation += bytes(16)

# 5.4.3: the response
[c] = kdf(1, c, public_of(e_r))
h = hash_(h, public_of(e_r))
[c] = kdf(1, c, dh(e_r, public_of(e_i)))
[c] = kdf(1, c, dh(e_r, public_of(s_i)))
c, t, k = kdf(3, c, q)
h = hash_(h, t)
empty = aead(k, 0, b'', h)
h = hash_(h, empty)
response = struct.pack('<III', 2, index_r, index_i) + public_of(e_r) + empty
response += mac(hash_(b'mac1----', public_of(s_i)), response)
cookie = fixed('cookie')[:16]
response += mac(cookie, response)

# 5.4.5 and 5.4.6: the keys, and a first message
to_responder, to_initiator = kdf(2, c, b'')
data = struct.pack('<IIQ', 4, index_r, 0) + aead(to_responder, 0, b'', b'')

print('# One handshake: make_handshake.py')
for name in ('s_i', 's_r', 'e_i', 'e_r', 'q', 'timestamp', 'initiation', 'cookie', 'response',
             'to_responder', 'to_initiator', 'data'):
    print(name, globals()[name].hex())
