/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wg/noise/noise.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "crypto/x25519/x25519.h"

static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

/* Begin with the state before the first message: both ends know the responder's static key. */
static void begin(struct sp_wg_symmetric *state, const uint8_t responder_public[SP_WG_KEY_LEN])
{
	sp_wg_symmetric_init(state, construction, identifier, sizeof(identifier) - 1);
	sp_wg_mix_hash(state, responder_public, SP_WG_KEY_LEN);
}

/* Mix an ephemeral key into the hash and, since the pattern has a psk, into the chaining key. */
static void mix_ephemeral(struct sp_wg_symmetric *state, const uint8_t public_key[SP_WG_KEY_LEN])
{
	sp_wg_mix_hash(state, public_key, SP_WG_KEY_LEN);
	sp_wg_mix_chaining_key(state, public_key, SP_WG_KEY_LEN);
}

/* The results of one message's Diffie-Hellman operations, wiped on every way out. */
struct secrets {
	uint8_t first[SP_WG_KEY_LEN], second[SP_WG_KEY_LEN];
};

static void secrets_wipe(struct secrets *secrets)
{
	sp_wipe(secrets, sizeof(*secrets));
}

static int mix_static_static(struct sp_wg_symmetric *state, const struct sp_wg_remote *remote)
{
	if (!remote->has_static_static)
		return -EKEYREJECTED;
	sp_wg_mix_key(state, remote->static_static, sizeof(remote->static_static));
	return 0;
}

void sp_wg_identity_init(struct sp_wg_identity *identity, const uint8_t private_key[SP_WG_KEY_LEN])
{
	memcpy(identity->private_key, private_key, SP_WG_KEY_LEN);
	identity->private_key[0] &= 248;
	identity->private_key[31] = (identity->private_key[31] & 127) | 64;
	sp_x25519_public(identity->public_key, identity->private_key);
}

void sp_wg_remote_precompute(struct sp_wg_remote *remote, const struct sp_wg_identity *identity)
{
	sp_wipe(remote->static_static, sizeof(remote->static_static));
	remote->has_static_static =
		sp_x25519(remote->static_static, identity->private_key, remote->public_key) == 0;
}

void sp_wg_handshake_wipe(struct sp_wg_handshake *handshake)
{
	sp_wipe(handshake, sizeof(*handshake));
}

void sp_wg_opened_initiation_wipe(struct sp_wg_opened_initiation *opened)
{
	sp_wipe(opened, sizeof(*opened));
}

int sp_wg_initiation_create(struct sp_wg_handshake *handshake,
			    const struct sp_wg_identity *identity,
			    const struct sp_wg_remote *remote,
			    const uint8_t ephemeral[SP_WG_KEY_LEN], uint32_t index,
			    const uint8_t timestamp[SP_WG_STAMP_LEN],
			    struct sp_wg_initiation *ret_message)
{
	__sp_cleanup(sp_wg_handshake_wipe) struct sp_wg_handshake made = { 0 };
	struct sp_wg_symmetric *state = &made.symmetric;
	__sp_cleanup(secrets_wipe) struct secrets dh;
	struct sp_wg_initiation message = { 0 };
	struct sp_x25519_op ops[] = {
		{ made.ephemeral_private, NULL, message.unencrypted_ephemeral, 0 },
		{ made.ephemeral_private, remote->public_key, dh.first, 0 }, /* es */
	};
	int r;

	made.state = SP_WG_CREATED_INITIATION;
	made.local_index = index;
	memcpy(made.ephemeral_private, ephemeral, SP_WG_KEY_LEN);
	sp_put_le32(message.type_le, SP_WG_INITIATION);
	sp_put_le32(message.sender_index_le, index);

	r = sp_x25519_many(ops, SP_ARRAY_LEN(ops));
	if (r < 0)
		return r;
	begin(state, remote->public_key);
	mix_ephemeral(state, message.unencrypted_ephemeral);
	sp_wg_mix_key(state, dh.first, sizeof(dh.first));
	sp_wg_encrypt_and_hash(state, identity->public_key, SP_WG_KEY_LEN,
			       message.encrypted_static);
	r = mix_static_static(state, remote);
	if (r < 0)
		return r;
	sp_wg_encrypt_and_hash(state, timestamp, SP_WG_STAMP_LEN, message.encrypted_timestamp);
	*handshake = made;
	*ret_message = message;
	return 0;
}

int sp_wg_initiation_open(const struct sp_wg_identity *identity,
			  const struct sp_wg_initiation *message,
			  struct sp_wg_opened_initiation *ret_opened)
{
	struct sp_wg_handshake *handshake = &ret_opened->handshake;
	struct sp_wg_symmetric *state = &handshake->symmetric;
	int r;

	memset(ret_opened, 0, sizeof(*ret_opened));
	handshake->state = SP_WG_CONSUMED_INITIATION;
	handshake->remote_index = sp_get_le32(message->sender_index_le);
	memcpy(handshake->remote_ephemeral, message->unencrypted_ephemeral, SP_WG_KEY_LEN);
	begin(state, identity->public_key);
	mix_ephemeral(state, message->unencrypted_ephemeral);
	r = sp_wg_mix_dh(state, identity->private_key, message->unencrypted_ephemeral); /* es */
	if (r < 0)
		return r;
	return sp_wg_decrypt_and_hash(state, message->encrypted_static, SP_WG_KEY_LEN,
				      ret_opened->remote_static);
}

int sp_wg_initiation_finish(struct sp_wg_opened_initiation *opened,
			    const struct sp_wg_remote *remote,
			    const struct sp_wg_initiation *message,
			    uint8_t ret_timestamp[SP_WG_STAMP_LEN])
{
	struct sp_wg_symmetric *state = &opened->handshake.symmetric;
	int r = mix_static_static(state, remote);

	if (r < 0)
		return r;
	return sp_wg_decrypt_and_hash(state, message->encrypted_timestamp, SP_WG_STAMP_LEN,
				      ret_timestamp);
}

int sp_wg_response_create(struct sp_wg_handshake *handshake, const struct sp_wg_remote *remote,
			  const uint8_t ephemeral[SP_WG_KEY_LEN], uint32_t index,
			  struct sp_wg_response *ret_message)
{
	__sp_cleanup(sp_wg_handshake_wipe) struct sp_wg_handshake made = *handshake;
	struct sp_wg_symmetric *state = &made.symmetric;
	__sp_cleanup(secrets_wipe) struct secrets dh;
	struct sp_wg_response message = { 0 };
	struct sp_x25519_op ops[] = {
		{ made.ephemeral_private, NULL, message.unencrypted_ephemeral, 0 },
		{ made.ephemeral_private, made.remote_ephemeral, dh.first, 0 }, /* ee */
		{ made.ephemeral_private, remote->public_key, dh.second, 0 },   /* se */
	};
	int r;

	if (handshake->state != SP_WG_CONSUMED_INITIATION)
		return -EPROTO;
	made.state = SP_WG_CREATED_RESPONSE;
	made.local_index = index;
	memcpy(made.ephemeral_private, ephemeral, SP_WG_KEY_LEN);
	sp_put_le32(message.type_le, SP_WG_RESPONSE);
	sp_put_le32(message.sender_index_le, index);
	sp_put_le32(message.receiver_index_le, made.remote_index);

	r = sp_x25519_many(ops, SP_ARRAY_LEN(ops));
	if (r < 0)
		return r;
	mix_ephemeral(state, message.unencrypted_ephemeral);
	sp_wg_mix_key(state, dh.first, sizeof(dh.first));
	sp_wg_mix_key(state, dh.second, sizeof(dh.second));
	sp_wg_mix_psk(state, remote->preshared_key);
	sp_wg_encrypt_and_hash(state, NULL, 0, message.encrypted_nothing);
	*handshake = made;
	*ret_message = message;
	return 0;
}

int sp_wg_response_consume(struct sp_wg_handshake *handshake, const struct sp_wg_identity *identity,
			   const struct sp_wg_remote *remote, const struct sp_wg_response *message)
{
	__sp_cleanup(sp_wg_handshake_wipe) struct sp_wg_handshake made = *handshake;
	struct sp_wg_symmetric *state = &made.symmetric;
	__sp_cleanup(secrets_wipe) struct secrets dh;
	struct sp_x25519_op ops[] = {
		{ made.ephemeral_private, message->unencrypted_ephemeral, dh.first, 0 }, /* ee */
		{ identity->private_key, message->unencrypted_ephemeral, dh.second, 0 }, /* se */
	};
	uint8_t nothing[1];
	int r;

	if (handshake->state != SP_WG_CREATED_INITIATION)
		return -EPROTO;
	made.state = SP_WG_CONSUMED_RESPONSE;
	made.remote_index = sp_get_le32(message->sender_index_le);
	memcpy(made.remote_ephemeral, message->unencrypted_ephemeral, SP_WG_KEY_LEN);
	r = sp_x25519_many(ops, SP_ARRAY_LEN(ops));
	if (r < 0)
		return r;
	mix_ephemeral(state, message->unencrypted_ephemeral);
	sp_wg_mix_key(state, dh.first, sizeof(dh.first));
	sp_wg_mix_key(state, dh.second, sizeof(dh.second));
	sp_wg_mix_psk(state, remote->preshared_key);
	r = sp_wg_decrypt_and_hash(state, message->encrypted_nothing, 0, nothing);
	if (r < 0)
		return r;
	*handshake = made;
	return 0;
}

int sp_wg_handshake_finish(struct sp_wg_handshake *handshake, struct sp_wg_transport_keys *ret_keys)
{
	uint8_t first[SP_WG_KEY_LEN], second[SP_WG_KEY_LEN];
	bool is_initiator = handshake->state == SP_WG_CONSUMED_RESPONSE;

	if (!is_initiator && handshake->state != SP_WG_CREATED_RESPONSE)
		return -EPROTO;
	sp_wg_split(&handshake->symmetric, first, second);
	memcpy(ret_keys->sending, is_initiator ? first : second, SP_WG_KEY_LEN);
	memcpy(ret_keys->receiving, is_initiator ? second : first, SP_WG_KEY_LEN);
	ret_keys->local_index = handshake->local_index;
	ret_keys->remote_index = handshake->remote_index;
	ret_keys->is_initiator = is_initiator;
	sp_wipe(first, sizeof(first));
	sp_wipe(second, sizeof(second));
	sp_wg_handshake_wipe(handshake);
	return 0;
}
