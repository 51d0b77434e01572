// SPDX-License-Identifier: GPL-3.0-or-later
// A test identity provider: oidc-provider over https, with two people, ana (eng) and bob (vendors); any
// password is right. Its signing keys are made at start: a restart is a rotation.
//
//	node provider.mjs --issuer https://192.0.2.30 --listen 192.0.2.30:443 --cert FILE --key FILE
//	     [--admin 127.0.0.1:9000] [--state FILE] [--interval S] [--access-ttl S] [--id-ttl S] [--refresh-ttl S] [--device-ttl S]
//	     [--secret TEXT]
//
// Clients: "sallyport" (public, RS256), "sallyport-es256", "-ps256", "-eddsa", and "sallyport-secret" with
// the secret of --secret, CONFIDENTIAL_SECRET below if there is none. --admin is a plain port for whoever tests:
//
//	POST /groups/ana    body "eng,ops": groups from the next token on
//	POST /revoke/ana    every grant of hers is gone
//	POST /delay/1500    each answer comes that many milliseconds later; 0: at once
//
// A line of JSON on stdout for each token answer: {"event":"tokens","grant":…,"user":…,"monotonic_ns":…},
// in CLOCK_MONOTONIC, written before the answer is sent.
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { parseArgs } from 'node:util';
import * as jose from 'jose';
import Provider from 'oidc-provider';
import { Memory } from './memory.mjs';

const CONFIDENTIAL_SECRET = 'a-secret-of-the-lab-0123456789abcdef';
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

const { values: options } = parseArgs({
	options: {
		issuer: { type: 'string' },
		listen: { type: 'string' },
		cert: { type: 'string' },
		key: { type: 'string' },
		admin: { type: 'string' },
		state: { type: 'string' },
		interval: { type: 'string', default: '1' },
		'access-ttl': { type: 'string', default: '60' },
		'id-ttl': { type: 'string', default: '120' },
		'refresh-ttl': { type: 'string', default: '86400' },
		'device-ttl': { type: 'string', default: '300' },
		secret: { type: 'string', default: CONFIDENTIAL_SECRET },
	},
});
const seconds = (name) => Number(options[name]);

const people = { ana: ['eng'], bob: ['vendors'] };
const memory = new Memory(options.state);
let delayMs = 0;

const say = (event) => console.log(JSON.stringify(event));

async function makeKey(alg) {
	const { privateKey } = await jose.generateKeyPair(alg, { extractable: true, modulusLength: 2048 });
	const jwk = await jose.exportJWK(privateKey);
	return { ...jwk, kid: await jose.calculateJwkThumbprint(jwk), alg, use: 'sig' };
}

function client(id, alg, more = {}) {
	return {
		client_id: id,
		token_endpoint_auth_method: 'none',
		application_type: 'native',
		redirect_uris: [],
		response_types: [],
		grant_types: [DEVICE_CODE, 'refresh_token'],
		id_token_signed_response_alg: alg,
		...more,
	};
}

const provider = new Provider(options.issuer, {
	adapter: memory.adapter(),
	jwks: { keys: await Promise.all(['RS256', 'ES256', 'PS256', 'EdDSA'].map(makeKey)) },
	clients: [
		client('sallyport', 'RS256'),
		client('sallyport-es256', 'ES256'),
		client('sallyport-ps256', 'PS256'),
		client('sallyport-eddsa', 'EdDSA'),
		client('sallyport-secret', 'RS256', {
			client_secret: options.secret,
			token_endpoint_auth_method: 'client_secret_basic',
		}),
	],
	enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'PS256', 'EdDSA'] },
	scopes: ['openid', 'offline_access', 'profile', 'groups'],
	claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
	conformIdTokenClaims: false, // else the claims of scopes are at userinfo alone
	features: { devInteractions: { enabled: true }, deviceFlow: { enabled: true }, revocation: { enabled: true } },
	cookies: { keys: ['a key of the lab'] },
	issueRefreshToken: () => true,
	rotateRefreshToken: true,
	ttl: {
		AccessToken: seconds('access-ttl'),
		IdToken: seconds('id-ttl'),
		RefreshToken: seconds('refresh-ttl'),
		DeviceCode: seconds('device-ttl'),
		Grant: seconds('refresh-ttl'),
		Interaction: 600,
		Session: 600,
	},
	findAccount: (ctx, id) =>
		people[id] && {
			accountId: id,
			claims: () => ({ sub: id, preferred_username: id, groups: people[id] }),
		},
});

provider.use(async (ctx, next) => {
	if (delayMs) await new Promise((resolve) => setTimeout(resolve, delayMs));
	await next();
	if (ctx.path === '/device/auth' && ctx.status === 200) {
		ctx.body = { ...ctx.body, interval: seconds('interval') }; // it leaves that out, which means 5 s
	}
	if (ctx.path === '/token' && ctx.status === 200) {
		const user = ctx.oidc.entities.Account.accountId;
		say({ event: 'tokens', grant: ctx.oidc.params.grant_type, user, monotonic_ns: Number(process.hrtime.bigint()) });
	}
});
provider.on('server_error', (ctx, error) => console.error(error));

// ---- for whoever tests ----

function administer(word, name, body) {
	if (word === 'groups' && people[name]) people[name] = body.split(',').filter(Boolean);
	else if (word === 'revoke' && people[name]) memory.revoke(name);
	else if (word === 'delay') delayMs = Number(name);
	else return false;
	return true;
}

const admin = http.createServer(async (request, response) => {
	const [, word, name] = request.url.split('/');
	let body = '';
	for await (const part of request) body += part;
	response.writeHead(administer(word, name, body) ? 204 : 404).end();
});

function listen(server, where) {
	const [, host, port] = /^(.*):(\d+)$/.exec(where);
	return new Promise((resolve) => server.listen(Number(port), host, resolve));
}

const tls = { cert: fs.readFileSync(options.cert), key: fs.readFileSync(options.key) };
await listen(https.createServer(tls, provider.callback()), options.listen);
if (options.admin) await listen(admin, options.admin);
say({ event: 'listening', issuer: options.issuer });
