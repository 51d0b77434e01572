// SPDX-License-Identifier: GPL-3.0-or-later
// What oidc-provider keeps (grants, tokens, codes, browser sessions), in memory and, if asked, in a file: a
// provider that is restarted then still knows its grants, as real ones do.
import fs from 'node:fs';

export class Memory {
	constructor(file) {
		this.file = file;
		this.entries = new Map();
		if (file && fs.existsSync(file)) {
			this.entries = new Map(JSON.parse(fs.readFileSync(file, 'utf8')));
		}
	}

	// The class oidc-provider makes one object of for each kind of thing.
	adapter() {
		const memory = this;
		return class {
			constructor(kind) {
				this.kind = kind;
			}

			async upsert(id, payload, expiresIn) {
				memory.set(this.kind, id, { ...payload, expires: expiresIn && Date.now() + expiresIn * 1000 });
			}

			async find(id) {
				return memory.get(this.kind, id);
			}

			async findByUid(uid) {
				return memory.search(this.kind, (entry) => entry.uid === uid);
			}

			async findByUserCode(userCode) {
				return memory.search(this.kind, (entry) => entry.userCode === userCode);
			}

			async consume(id) {
				const entry = memory.get(this.kind, id);
				memory.set(this.kind, id, { ...entry, consumed: Math.floor(Date.now() / 1000) });
			}

			async destroy(id) {
				memory.remove((entry, key) => key === `${this.kind}:${id}`);
			}

			async revokeByGrantId(grantId) {
				memory.remove((entry) => entry.grantId === grantId);
			}
		};
	}

	set(kind, id, entry) {
		this.entries.set(`${kind}:${id}`, entry);
		this.save();
	}

	get(kind, id) {
		const entry = this.entries.get(`${kind}:${id}`);
		return entry && !(entry.expires < Date.now()) ? entry : undefined;
	}

	search(kind, wanted) {
		for (const [key, entry] of this.entries) {
			if (key.startsWith(`${kind}:`) && wanted(entry)) return this.get(kind, key.slice(kind.length + 1));
		}
		return undefined;
	}

	remove(wanted) {
		for (const [key, entry] of this.entries) {
			if (wanted(entry, key)) this.entries.delete(key);
		}
		this.save();
	}

	// Everything granted to this account is gone: what an administrator of a provider can do.
	revoke(account) {
		this.remove((entry, key) => entry.accountId === account && /^(Grant|RefreshToken|AccessToken):/.test(key));
	}

	save() {
		if (!this.file) return;
		fs.writeFileSync(`${this.file}.new`, JSON.stringify([...this.entries]));
		fs.renameSync(`${this.file}.new`, this.file);
	}
}
