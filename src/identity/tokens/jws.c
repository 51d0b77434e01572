/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "identity/tokens/jws.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "base/array.h"
#include "identity/tokens/base64url.h"
#include "identity/tokens/id_token.h"

static const char *const algorithm_names[SP_JWS_COUNT] = {
#define X(name, text) [SP_JWS_##name] = text,
	SP_JWS_ALGORITHMS(X)
#undef X
};

const char *sp_jws_algorithm_name(enum sp_jws_algorithm algorithm)
{
	return (unsigned)algorithm < SP_JWS_COUNT ? algorithm_names[algorithm] : NULL;
}

char *sp_jws_algorithm_list(uint32_t algorithms, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < SP_JWS_COUNT && len < size; i++)
		if (algorithms & (1u << i))
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? ", " : "",
						algorithm_names[i]);
	return buf;
}

int sp_jws_algorithm_find(const char *name, enum sp_jws_algorithm *ret_algorithm)
{
	/* RFC 9864: the token uses the new name of an algorithm that we know by its old name */
	if (strcmp(name, "Ed25519") == 0)
		name = algorithm_names[SP_JWS_EDDSA];
	for (unsigned i = 0; i < SP_JWS_COUNT; i++)
		if (strcmp(algorithm_names[i], name) == 0) {
			*ret_algorithm = (enum sp_jws_algorithm)i;
			return 0;
		}
	return -ENOENT;
}

void sp_jws_done(struct sp_jws *jws)
{
	json_decrefp(&jws->header);
	free(jws->payload);
	free(jws->signature);
	*jws = (struct sp_jws){ 0 };
}

static int check_algorithm(struct sp_jws *jws, uint32_t algorithms, struct sp_finding *finding)
{
	const char *alg = sp_strict_json_text(jws->header, "alg");
	char taken[SP_JWS_LIST_MAX];

	if (!alg)
		return sp_find(finding, SP_REFUSAL_BAD_ALGORITHM, "the header names no algorithm");
	if (sp_jws_algorithm_find(alg, &jws->algorithm) < 0 ||
	    !(algorithms & (1u << jws->algorithm)))
		return sp_find(finding, SP_REFUSAL_BAD_ALGORITHM,
			       "it is signed by alg \"%.40s\"; taken are %s", alg,
			       sp_jws_algorithm_list(algorithms, taken, sizeof(taken)));
	return 0;
}

/* `typ` may be absent, JWT, or the full media type (RFC 7515, 4.1.9). Access tokens (at+jwt) and
 * logout tokens have types of their own and are refused. */
static bool is_id_tokens(const json_t *typ)
{
	const char *text = json_string_value(typ);

	return text &&
	       (!*text || strcasecmp(text, "JWT") == 0 || strcasecmp(text, "application/jwt") == 0);
}

static int check_header(struct sp_jws *jws, uint32_t algorithms, struct sp_finding *finding)
{
	const json_t *typ = sp_strict_json_value(jws->header, "typ");
	const json_t *kid = sp_strict_json_value(jws->header, "kid");
	int r = check_algorithm(jws, algorithms, finding);

	if (r < 0)
		return r;
	/* crit lists extensions that must be understood, and we understand none; b64 (RFC 7797)
	 * would change what the payload is. */
	if (sp_strict_json_value(jws->header, "crit") || sp_strict_json_value(jws->header, "b64"))
		return sp_find(finding, SP_REFUSAL_CRITICAL_HEADER,
			       "the header asks for an extension (crit or b64)");
	if (typ && !is_id_tokens(typ))
		return sp_find(finding, SP_REFUSAL_WRONG_TYPE,
			       "typ \"%.40s\" is no id_token's, which is JWT",
			       json_is_string(typ) ? json_string_value(typ) : "(no text)");
	if (kid && (!json_is_string(kid) || json_string_length(kid) > SP_JWS_KID_MAX))
		return sp_find(finding, SP_REFUSAL_MALFORMED, "kid is no text of at most %u bytes",
			       SP_JWS_KID_MAX);
	jws->kid = json_string_value(kid);
	return 0;
}

static int decode_part(const char *part, size_t len, const char *what, uint8_t **ret_bytes,
		       size_t *ret_len, struct sp_finding *finding)
{
	int r = sp_base64url_decode(part, len, ret_bytes, ret_len);

	if (r == -EBADMSG)
		return sp_find(finding, SP_REFUSAL_MALFORMED, "the %s is not canonical base64url",
			       what);
	return r;
}

/* @dots[2]  where the parts end. */
static int take_apart(struct sp_jws *jws, const size_t dots[2], uint32_t algorithms,
		      struct sp_finding *finding)
{
	const char *token = jws->token;
	__sp_free uint8_t *header = NULL;
	size_t header_len;
	char why[80];
	int r;

	r = decode_part(token, dots[0], "header", &header, &header_len, finding);
	if (r < 0)
		return r;
	r = sp_strict_json_load((const char *)header, header_len, &jws->header, why);
	if (r < 0)
		return sp_find(finding, SP_REFUSAL_MALFORMED, "the header is %s", why);
	r = check_header(jws, algorithms, finding);
	if (r < 0)
		return r;
	r = decode_part(token + dots[0] + 1, dots[1] - dots[0] - 1, "payload", &jws->payload,
			&jws->payload_len, finding);
	if (r < 0)
		return r;
	return decode_part(token + dots[1] + 1, jws->token_len - dots[1] - 1, "signature",
			   &jws->signature, &jws->signature_len, finding);
}

int sp_jws_parse(const char *token, size_t len, uint32_t algorithms, struct sp_jws *ret_jws,
		 struct sp_finding *finding)
{
	__sp_jws struct sp_jws jws = { .token = token, .token_len = len };
	size_t dots[2], dot_count = 0;
	int r;

	if (len > SP_ID_TOKEN_MAX)
		return sp_find(finding, SP_REFUSAL_TOO_LARGE, "%zu bytes, at most %u are taken",
			       len, SP_ID_TOKEN_MAX);
	for (size_t i = 0; i < len; i++)
		if (token[i] == '.') {
			if (dot_count < SP_ARRAY_LEN(dots))
				dots[dot_count] = i;
			dot_count++;
		}
	if (dot_count != SP_ARRAY_LEN(dots))
		return sp_find(finding, SP_REFUSAL_MALFORMED, "%zu parts, a signed token has 3",
			       dot_count + 1);
	jws.signed_len = dots[1];
	r = take_apart(&jws, dots, algorithms, finding);
	if (r < 0)
		return r;
	*ret_jws = jws;
	jws = (struct sp_jws){ 0 };
	return 0;
}
