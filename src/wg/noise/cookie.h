/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The macs of handshake messages and the cookies behind the second one.
 *
 * mac1 says "I know whom I talk to" and costs us one short hash; mac2 says "I can receive at this
 * address": it is keyed with a cookie that an engine under load sends instead of doing
 * Diffie-Hellman. The cookie is a function of the sender's address and a secret that is replaced
 * every two minutes.
 * Source: WireGuard paper 5.3, 5.4.4, 5.4.7. */
#ifndef SALLYPORT_WG_COOKIE_H
#define SALLYPORT_WG_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/abi/tables.h>

#include "wg/noise/messages.h"

/* The side that receives handshakes: one for an engine. */
struct sp_wg_cookie_checker {
	uint8_t mac1_key[SP_WG_KEY_LEN];   /* HASH("mac1----" || our public key) */
	uint8_t cookie_key[SP_WG_KEY_LEN]; /* HASH("cookie--" || our public key) */
	uint8_t secret[SP_WG_KEY_LEN];
	uint64_t secret_made_ns;
	bool has_secret;
};

/* The side that sends them: one for a peer. */
struct sp_wg_cookie_jar {
	uint8_t mac1_key[SP_WG_KEY_LEN]; /* of the peer's public key */
	uint8_t cookie_key[SP_WG_KEY_LEN];
	uint8_t cookie[SP_WG_COOKIE_LEN];
	uint8_t last_mac1[SP_WG_MAC_LEN];
	uint64_t cookie_got_ns;
	bool has_cookie, has_last_mac1;
};

/* Derive both keys from our public key. The secret stays as it was. */
void sp_wg_cookie_checker_init(struct sp_wg_cookie_checker *checker,
			       const uint8_t our_public[SP_WG_KEY_LEN]);
/* Derive both keys from the peer's public key, and forget every cookie and mac. */
void sp_wg_cookie_jar_init(struct sp_wg_cookie_jar *jar, const uint8_t peer_public[SP_WG_KEY_LEN]);

/* Fill the macs at the end of a handshake message of @len bytes (148 or 92). */
void sp_wg_macs_add(struct sp_wg_cookie_jar *jar, uint8_t *message, size_t len, uint64_t now_ns);

/* Is the first mac right; is the second, for that source? Constant time. */
bool sp_wg_mac1_check(const struct sp_wg_cookie_checker *checker, const uint8_t *message,
		      size_t len);
/* Is the second mac right for a message from @source and @source_port (host order)? Constant
 * time. False, too, while the secret is missing or two minutes old. */
bool sp_wg_mac2_check(const struct sp_wg_cookie_checker *checker, const uint8_t *message,
		      size_t len, const struct sp_addr *source, uint16_t source_port,
		      uint64_t now_ns);

/* True: the secret is missing or two minutes old, sp_wg_cookie_secret_set has to come before the
 * next reply. */
bool sp_wg_cookie_secret_is_stale(const struct sp_wg_cookie_checker *checker, uint64_t now_ns);
/* @secret: 32 random bytes. @now_ns: CLOCK_BOOTTIME. Cookies of the secret before it are refused
 * from here on. */
void sp_wg_cookie_secret_set(struct sp_wg_cookie_checker *checker,
			     const uint8_t secret[SP_WG_KEY_LEN], uint64_t now_ns);

/* Answer a handshake message with a cookie. @nonce: 24 random bytes.
 * Returns 0; -ESTALE the secret has to be set first. */
int sp_wg_cookie_reply_create(const struct sp_wg_cookie_checker *checker, const uint8_t *message,
			      size_t len, const struct sp_addr *source, uint16_t source_port,
			      const uint8_t nonce[SP_WG_COOKIE_NONCE_LEN], uint64_t now_ns,
			      struct sp_wg_cookie_reply *ret_reply);

/* Keep the cookie of a reply to the last message we sent. Returns 0; -EPROTO there is no such
 * message, or a reply to it came already; -EBADMSG not an answer to it. */
int sp_wg_cookie_reply_consume(struct sp_wg_cookie_jar *jar, const struct sp_wg_cookie_reply *reply,
			       uint64_t now_ns);

#endif
