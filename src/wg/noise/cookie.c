/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wg/noise/cookie.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "crypto/aead/aead.h"
#include "crypto/blake2s.h"
#include "net/addr.h"

static void derive_keys(const uint8_t public_key[SP_WG_KEY_LEN],
			uint8_t ret_mac1_key[SP_WG_KEY_LEN], uint8_t ret_cookie_key[SP_WG_KEY_LEN])
{
	sp_blake2s_of(ret_mac1_key, "mac1----", 8, public_key, SP_WG_KEY_LEN);
	sp_blake2s_of(ret_cookie_key, "cookie--", 8, public_key, SP_WG_KEY_LEN);
}

void sp_wg_cookie_checker_init(struct sp_wg_cookie_checker *checker,
			       const uint8_t our_public[SP_WG_KEY_LEN])
{
	derive_keys(our_public, checker->mac1_key, checker->cookie_key);
}

void sp_wg_cookie_jar_init(struct sp_wg_cookie_jar *jar, const uint8_t peer_public[SP_WG_KEY_LEN])
{
	sp_wipe(jar, sizeof(*jar));
	derive_keys(peer_public, jar->mac1_key, jar->cookie_key);
}

static struct sp_wg_macs *macs_of(uint8_t *message, size_t len)
{
	return (struct sp_wg_macs *)(message + len - sizeof(struct sp_wg_macs));
}

static const struct sp_wg_macs *const_macs_of(const uint8_t *message, size_t len)
{
	return (const struct sp_wg_macs *)(message + len - sizeof(struct sp_wg_macs));
}

/* mac1 is MAC(key, all bytes before mac1). mac2 is MAC(cookie, all bytes before mac2). */
static void compute_mac1(uint8_t ret_mac[SP_WG_MAC_LEN], const uint8_t key[SP_WG_KEY_LEN],
			 const uint8_t *message, size_t len)
{
	sp_blake2s_keyed(ret_mac, SP_WG_MAC_LEN, key, SP_WG_KEY_LEN, message,
			 len - sizeof(struct sp_wg_macs));
}

static void compute_mac2(uint8_t ret_mac[SP_WG_MAC_LEN], const uint8_t cookie[SP_WG_COOKIE_LEN],
			 const uint8_t *message, size_t len)
{
	sp_blake2s_keyed(ret_mac, SP_WG_MAC_LEN, cookie, SP_WG_COOKIE_LEN, message,
			 len - SP_WG_MAC_LEN);
}

void sp_wg_macs_add(struct sp_wg_cookie_jar *jar, uint8_t *message, size_t len, uint64_t now_ns)
{
	struct sp_wg_macs *macs = macs_of(message, len);

	compute_mac1(macs->mac1, jar->mac1_key, message, len);
	memcpy(jar->last_mac1, macs->mac1, sizeof(jar->last_mac1));
	jar->has_last_mac1 = true;
	if (jar->has_cookie &&
	    now_ns - jar->cookie_got_ns >=
		    SP_WG_COOKIE_SECRET_MAX_AGE_NS - SP_WG_COOKIE_SECRET_LATENCY_NS) {
		sp_wipe(jar->cookie, sizeof(jar->cookie));
		jar->has_cookie = false;
	}
	if (jar->has_cookie)
		compute_mac2(macs->mac2, jar->cookie, message, len);
	else
		memset(macs->mac2, 0, sizeof(macs->mac2));
}

bool sp_wg_mac1_check(const struct sp_wg_cookie_checker *checker, const uint8_t *message,
		      size_t len)
{
	uint8_t mac[SP_WG_MAC_LEN];

	compute_mac1(mac, checker->mac1_key, message, len);
	return sodium_memcmp(mac, const_macs_of(message, len)->mac1, sizeof(mac)) == 0;
}

/* MAC(secret, source address and port). */
static void make_cookie(const struct sp_wg_cookie_checker *checker, const struct sp_addr *source,
			uint16_t source_port, uint8_t ret_cookie[SP_WG_COOKIE_LEN])
{
	uint8_t place[sizeof(source->b) + 2];

	memcpy(place, source->b, sizeof(source->b));
	sp_put_be16(place + sizeof(source->b), source_port);
	sp_blake2s_keyed(ret_cookie, SP_WG_COOKIE_LEN, checker->secret, sizeof(checker->secret),
			 place, sizeof(place));
}

bool sp_wg_mac2_check(const struct sp_wg_cookie_checker *checker, const uint8_t *message,
		      size_t len, const struct sp_addr *source, uint16_t source_port,
		      uint64_t now_ns)
{
	uint8_t cookie[SP_WG_COOKIE_LEN], mac[SP_WG_MAC_LEN];
	bool is_right;

	if (sp_wg_cookie_secret_is_stale(checker, now_ns))
		return false;
	make_cookie(checker, source, source_port, cookie);
	compute_mac2(mac, cookie, message, len);
	is_right = sodium_memcmp(mac, const_macs_of(message, len)->mac2, sizeof(mac)) == 0;
	sp_wipe(cookie, sizeof(cookie));
	return is_right;
}

bool sp_wg_cookie_secret_is_stale(const struct sp_wg_cookie_checker *checker, uint64_t now_ns)
{
	return !checker->has_secret ||
	       now_ns - checker->secret_made_ns >= SP_WG_COOKIE_SECRET_MAX_AGE_NS;
}

void sp_wg_cookie_secret_set(struct sp_wg_cookie_checker *checker,
			     const uint8_t secret[SP_WG_KEY_LEN], uint64_t now_ns)
{
	memcpy(checker->secret, secret, sizeof(checker->secret));
	checker->secret_made_ns = now_ns;
	checker->has_secret = true;
}

int sp_wg_cookie_reply_create(const struct sp_wg_cookie_checker *checker, const uint8_t *message,
			      size_t len, const struct sp_addr *source, uint16_t source_port,
			      const uint8_t nonce[SP_WG_COOKIE_NONCE_LEN], uint64_t now_ns,
			      struct sp_wg_cookie_reply *ret_reply)
{
	uint8_t cookie[SP_WG_COOKIE_LEN];

	if (sp_wg_cookie_secret_is_stale(checker, now_ns))
		return -ESTALE;
	make_cookie(checker, source, source_port, cookie);
	sp_put_le32(ret_reply->type_le, SP_WG_COOKIE_REPLY);
	memcpy(ret_reply->receiver_index_le, message + 4,
	       4); /* the sender index of either message */
	memcpy(ret_reply->nonce, nonce, SP_WG_COOKIE_NONCE_LEN);
	sp_xchachapoly_seal(checker->cookie_key, nonce, const_macs_of(message, len)->mac1,
			    SP_WG_MAC_LEN, cookie, sizeof(cookie), ret_reply->encrypted_cookie);
	sp_wipe(cookie, sizeof(cookie));
	return 0;
}

int sp_wg_cookie_reply_consume(struct sp_wg_cookie_jar *jar, const struct sp_wg_cookie_reply *reply,
			       uint64_t now_ns)
{
	uint8_t cookie[SP_WG_COOKIE_LEN];

	if (!jar->has_last_mac1)
		return -EPROTO;
	if (sp_xchachapoly_open(jar->cookie_key, reply->nonce, jar->last_mac1,
				sizeof(jar->last_mac1), reply->encrypted_cookie, sizeof(cookie),
				cookie) < 0)
		return -EBADMSG;
	memcpy(jar->cookie, cookie, sizeof(cookie));
	sp_wipe(cookie, sizeof(cookie));
	jar->has_cookie = true;
	jar->cookie_got_ns = now_ns;
	jar->has_last_mac1 = false;
	return 0;
}
