// SPDX-License-Identifier: GPL-3.0-or-later
// An evil identity provider: many providers on one address, each of which does one thing wrong.
//
//	node evil.mjs --address 192.0.2.31 --port 8443 --certs DIR --bends FILE
//
// The provider NAME has the issuer https://ADDRESS:PORT/NAME; what it does wrong is the entry of that name
// in the bends (bends.json tells the words). Every sign-in is approved as soon as it is asked for. DIR has
// good.pem and good.key, and for each certificate a bend names CERT.pem and CERT.key; those are at ports
// of their own, from PORT + 1 on, in the order of their names. `--list` prints a line for each bend, its
// name, issuer and the reason it must be refused with, and ends.
//
// A line of JSON on stdout for each request: {"event":"request","provider":…,"endpoint":…}, and for each
// good token answer {"event":"tokens","provider":…,"user":…,"monotonic_ns":…}, written before it is sent. A refresh
// token is good once: showing it again gives invalid_grant and {"event":"reused","provider":…}.
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import zlib from 'node:zlib';
import { KEYS, keySet, makeToken } from './evil_token.mjs';

const CLIENT = 'sallyport';
const REFRESH = 'refresh_token';

const { values: options } = parseArgs({
	options: {
		address: { type: 'string' },
		port: { type: 'string', default: '8443' },
		certs: { type: 'string' },
		bends: { type: 'string' },
		list: { type: 'boolean', default: false },
	},
});

const bends = new Map(JSON.parse(fs.readFileSync(options.bends, 'utf8')).bends.map((bend) => [bend.name, bend]));
const certificates = ['good', ...new Set([...bends.values()].map((bend) => bend.certificate).filter(Boolean))].sort(
	(a, b) => (b === 'good') - (a === 'good') || a.localeCompare(b),
);
const portOf = (bend) => Number(options.port) + certificates.indexOf(bend.certificate ?? 'good');
const issuerOf = (bend) => `https://${options.address}:${portOf(bend)}/${bend.name}`;
const say = (event) => console.log(JSON.stringify(event));

// ---- a provider that does nothing wrong ----

const flows = new Map(); // device code or refresh token -> {user, polls}
let started = 0;

function discovery(bend, issuer) {
	return {
		issuer,
		device_authorization_endpoint: `${issuer}/device`,
		token_endpoint: `${issuer}/token`,
		userinfo_endpoint: `${issuer}/userinfo`,
		jwks_uri: `${issuer}/jwks`,
		authorization_endpoint: `${issuer}/authorize`,
		response_types_supported: ['code'],
		subject_types_supported: ['public'],
		id_token_signing_alg_values_supported: Object.keys(KEYS),
	};
}

function device(bend, issuer) {
	const code = crypto.randomUUID();
	const user = bend.people ? `u${started++ % bend.people}` : 'ana';
	flows.set(code, { user, polls: 0 });
	return {
		device_code: code,
		user_code: 'EVIL-CODE',
		verification_uri: `${issuer}/enter`,
		verification_uri_complete: `${issuer}/enter?code=EVIL-CODE`,
		expires_in: 300,
		interval: 1,
	};
}

const refuse = (error) => ({ status: 400, json: { error } });

function token(bend, issuer, form, wrong) {
	const handle = form.get('device_code') ?? form.get(REFRESH);
	const flow = flows.get(handle);
	if (!flow && form.has(REFRESH)) say({ event: 'reused', provider: bend.name }); // a reuse detection would end the grant here
	if (!flow) return refuse('invalid_grant');
	if (flow.polls++ < (wrong.pending ?? 0)) return refuse('authorization_pending');
	flows.delete(handle);
	const refreshToken = crypto.randomUUID().padEnd(wrong.refresh_bytes ?? 0, 'x');
	flows.set(refreshToken, { user: flow.user, polls: 0 });
	const accessToken = crypto.randomUUID();
	const tokenBend = wrong.id_token ?? {};
	if (wrong.more_groups) {
		const groups = Array.from({ length: wrong.more_groups }, (_, number) => `g${number}`.padEnd(16, '-'));
		tokenBend.claims = { ...tokenBend.claims, groups: [...groups, 'eng'] };
	}
	return {
		json: {
			token_type: 'Bearer',
			access_token: accessToken,
			expires_in: 60,
			refresh_token: refreshToken,
			id_token: makeToken({ issuer, client: CLIENT, user: flow.user, accessToken, wrong: tokenBend }),
		},
		user: flow.user,
	};
}

// ---- what is done wrong ----

// null takes a field away.
function merge(json, changes) {
	const merged = { ...json, ...changes };
	for (const [name, value] of Object.entries(merged)) if (value === null) delete merged[name];
	return merged;
}

function bodyOf(json, wrong) {
	if (wrong.body !== undefined) return wrong.body;
	let body = JSON.stringify(merge(json, wrong.json));
	if (wrong.nested) body = body.replace(/}$/, `,"nested":${'['.repeat(wrong.nested)}${']'.repeat(wrong.nested)}}`);
	if (wrong.twice) body = body.replace('{', `{"${wrong.twice}":"other",`);
	return body;
}

async function answer(response, made, wrong) {
	if (wrong.hang) return; // until the other side has had enough
	const body = bodyOf(made.json, wrong);
	const headers = { 'Content-Type': wrong.type ?? 'application/json' };
	if (wrong.location) headers.Location = wrong.location;
	if (wrong.retry_after) headers['Retry-After'] = wrong.retry_after;
	if (wrong.gzip) headers['Content-Encoding'] = 'gzip';
	response.writeHead(wrong.status ?? made.status ?? 200, headers);
	if (wrong.gzip) return response.end(zlib.gzipSync(body));
	if (wrong.cut) {
		response.write(body.slice(0, body.length / 2));
		setTimeout(() => response.destroy(), 50);
	} else {
		await pipeline(Readable.from(pieces(body, wrong)), response).catch(() => {}); // it may well hang up
	}
}

// The body as it is sent: at once, a letter at a time, or with very much behind it.
async function* pieces(body, wrong) {
	if (wrong.drip_ms) {
		for (const letter of body) {
			yield letter;
			await sleep(wrong.drip_ms);
		}
	} else if (wrong.huge_mb) {
		yield `${body.slice(0, -1)},"huge":"`;
		for (let n = 0; n < wrong.huge_mb * 16; n++) yield 'x'.repeat(65536);
		yield '"}';
	} else if (body) {
		yield body;
	}
}

async function serve(request, response) {
	const [, name, ...rest] = request.url.split('?')[0].split('/');
	const bend = bends.get(name);
	const endpoint = rest.join('/').replace('.well-known/openid-configuration', 'discovery');
	let body = '';
	for await (const part of request) body += part;
	const form = new URLSearchParams(body);
	const isRefresh = form.get('grant_type') === REFRESH;
	say({ event: 'request', provider: name, endpoint: isRefresh ? 'refresh' : endpoint });
	if (!bend) return response.writeHead(404).end();

	const issuer = issuerOf(bend);
	const wrong = (endpoint === 'token' && isRefresh ? bend.refresh : bend[endpoint]) ?? {};
	let made;
	if (endpoint === 'discovery') made = { json: discovery(bend, issuer) };
	else if (endpoint === 'jwks') made = { json: keySet(wrong.keys) };
	else if (endpoint === 'device') made = { json: device(bend, issuer) };
	else if (endpoint === 'token') made = token(bend, issuer, form, wrong);
	else if (endpoint === 'userinfo') made = { json: { sub: 'ana', preferred_username: 'ana', groups: ['eng'] } };
	else return response.writeHead(404).end();
	if (made.user && !wrong.status) {
		say({ event: 'tokens', provider: name, user: made.user, monotonic_ns: Number(process.hrtime.bigint()) });
	}
	return answer(response, made, wrong);
}

if (options.list) {
	for (const bend of bends.values()) console.log(bend.name, issuerOf(bend), bend.refused ?? '-');
} else {
	for (const [number, name] of certificates.entries()) {
		const tls = {
			cert: fs.readFileSync(`${options.certs}/${name}.pem`),
			key: fs.readFileSync(`${options.certs}/${name}.key`),
		};
		const server = https.createServer(tls, serve);
		await new Promise((resolve) => server.listen(Number(options.port) + number, options.address, resolve));
	}
	say({ event: 'listening', address: options.address });
}
