// SPDX-License-Identifier: GPL-3.0-or-later
// The tokens and keys of the evil provider: right ones, and every way in which they may be wrong.
import crypto from 'node:crypto';

const rsa = (bits) => crypto.generateKeyPairSync('rsa', { modulusLength: bits });

const ALGORITHMS = {
	RS256: { pair: () => rsa(2048), sign: (data, key) => crypto.sign('sha256', data, key) },
	PS256: {
		pair: () => rsa(2048),
		sign: (data, key) =>
			crypto.sign('sha256', data, { key, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }),
	},
	ES256: {
		pair: () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }),
		sign: (data, key) => crypto.sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' }),
	},
	EdDSA: { pair: () => crypto.generateKeyPairSync('ed25519'), sign: (data, key) => crypto.sign(null, data, key) },
};

const makeKey = (algorithm, kid, pair) => ({
	kid,
	private: pair.privateKey,
	public: pair.publicKey,
	jwk: { ...pair.publicKey.export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig' },
});

export const KEYS = Object.fromEntries(
	Object.entries(ALGORITHMS).map(([name, { pair }]) => [name, makeKey(name, `key-${name}`, pair())]),
);
const stranger = makeKey('RS256', KEYS.RS256.kid, rsa(2048)); // another's key under our key's name
const small = makeKey('RS256', 'small', rsa(1024));

const all = () => Object.values(KEYS).map((key) => key.jwk);

// What /jwks says: all keys, or one of these sets.
const SETS = {
	none: () => [],
	many: () => Array.from({ length: 1000 }, (_, n) => ({ ...KEYS.RS256.jwk, kid: `key-${n}` })),
	'same-kid': () => [KEYS.RS256.jwk, { ...KEYS.ES256.jwk, kid: KEYS.RS256.kid }],
	small: () => [small.jwk],
	'even-exponent': () => [{ ...KEYS.RS256.jwk, e: 'AQAA' }],
	'off-curve': () => [{ ...KEYS.ES256.jwk, y: KEYS.ES256.jwk.x }],
	encryption: () => all().map((jwk) => ({ ...jwk, use: 'enc' })),
	secret: () => [{ kty: 'oct', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I', kid: KEYS.RS256.kid, alg: 'HS256', use: 'sig' }],
};

export const keySet = (name) => ({ keys: name ? SETS[name]() : all() });

// Keys a forger has for HS256: all of them public.
const HMAC_KEYS = {
	pem: () => KEYS.RS256.public.export({ format: 'pem', type: 'spki' }),
	modulus: () => Buffer.from(KEYS.RS256.jwk.n, 'base64url'),
	empty: () => '',
	client: () => 'sallyport',
};

// "now-3600" -> a number; other values as they are.
function timed(value, nowS) {
	const match = typeof value === 'string' && /^now([+-]\d+)?$/.exec(value);
	return match ? nowS + Number(match[1] ?? 0) : value;
}

function merged(right, changes, nowS) {
	const made = { ...right };
	for (const [name, value] of Object.entries(changes ?? {})) {
		if (value === null) delete made[name];
		else made[name] = timed(value, nowS);
	}
	return made;
}

// Half of the hash that goes with the signature; Ed25519 signs over SHA-512.
function atHash(algorithm, accessToken) {
	const digest = crypto.createHash(algorithm === 'EdDSA' ? 'sha512' : 'sha256').update(accessToken).digest();
	return digest.subarray(0, digest.length / 2).toString('base64url');
}

// The part's bytes, with what JSON.stringify would never write.
function partBytes(json, wrong) {
	let text = JSON.stringify(json);
	if (wrong.twice) text = text.replace('{', `{"${wrong.twice}":"other",`);
	if (wrong.nested) text = text.replace(/}$/, `,"nested":${'['.repeat(wrong.nested)}${']'.repeat(wrong.nested)}}`);
	if (wrong.text !== undefined) text = wrong.text;
	const bytes = Buffer.from(text);
	if (wrong.byte !== undefined) bytes[bytes.indexOf('"ana"') + 1] = wrong.byte;
	return bytes;
}

// What is done to the finished token.
const SHAPES = {
	'two-parts': (token) => token.split('.').slice(0, 2).join('.'),
	'four-parts': (token) => `${token}.AAAA`,
	'no-signature': (token) => token.replace(/[^.]*$/, ''),
	'other-signature': (token) => token.replace(/\.([^.]{10})([^.]*)$/, (_, head, rest) => `.${'A'.repeat(10)}${rest}`),
	padded: (token) => `${token}==`,
	blank: (token) => `${token}\n`,
	'not-canonical': (token) => token.slice(0, -1) + { A: 'B', Q: 'R', g: 'h', w: 'x' }[token.at(-1)],
	changed: (token) => {
		const [header, claims, signature] = token.split('.');
		const text = Buffer.from(claims, 'base64url').toString().replace('"eng"', '"adm"');
		return [header, Buffer.from(text).toString('base64url'), signature].join('.');
	},
	random: () => crypto.randomUUID(),
	json: (token) => JSON.stringify({ payload: token.split('.')[1], signature: token.split('.')[2] }),
};

export function makeToken({ issuer, client, user, accessToken, wrong }) {
	const nowS = Math.floor(Date.now() / 1000);
	const algorithm = wrong.sign ?? 'RS256';
	const key = { stranger, small }[wrong.key] ?? KEYS[algorithm] ?? KEYS.RS256;
	const header = merged({ alg: algorithm, typ: 'JWT', kid: key.kid }, wrong.header, nowS);
	if (wrong.embed) header.jwk = stranger.jwk;
	const claims = merged(
		{
			iss: issuer,
			sub: user,
			aud: client,
			iat: nowS,
			exp: nowS + 120,
			at_hash: atHash(algorithm, accessToken),
			preferred_username: user,
			groups: ['eng'],
		},
		wrong.claims,
		nowS,
	);
	if (wrong.groups_count) claims.groups = [...(wrong.claims?.groups ?? []), ...Array.from({ length: wrong.groups_count }, (_, n) => `group-${n}`)];
	if (wrong.padding) claims.padding = 'x'.repeat(wrong.padding);

	const signed = [partBytes(header, wrong.header_bytes ?? {}), partBytes(claims, wrong.claims_bytes ?? {})]
		.map((bytes) => bytes.toString('base64url'))
		.join('.');
	let signature = Buffer.alloc(0);
	if (HMAC_KEYS[wrong.hmac]) {
		signature = crypto.createHmac('sha256', HMAC_KEYS[wrong.hmac]()).update(signed).digest();
	} else if (algorithm !== 'none') {
		signature = ALGORITHMS[algorithm].sign(Buffer.from(signed), key.private);
	}
	const token = `${signed}.${signature.toString('base64url')}`;
	return wrong.shape ? SHAPES[wrong.shape](token) : token;
}
