/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why a sign-in was refused: one table that makes the audit's reason codes, the API's answers and
 * the manual. The person is told what they can do, never what would help an attacker; the detail
 * goes to the audit log alone and holds no secret. X(NAME, "reason", HTTP status, "code of the
 * API", "what the person is told") */
#ifndef SALLYPORT_IDENTITY_REFUSAL_H
#define SALLYPORT_IDENTITY_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

#define SP_REFUSALS(X)                                                                             \
	/* the person */                                                                           \
	X(WRONG_PASSWORD, "wrong-password", 401, "login-failed",                                   \
	  "user name or password is wrong; check both, or ask your administrator")                 \
	X(UNKNOWN_USER, "unknown-user", 401, "login-failed",                                       \
	  "user name or password is wrong; check both, or ask your administrator")                 \
	X(SLOW_DOWN, "slow-down", 429, "slow-down",                                                \
	  "too many attempts; wait a little and try again")                                        \
	X(DENIED, "denied", 403, "access-denied",                                                  \
	  "the sign-in was declined at the provider; start again if that was a mistake")           \
	X(CODE_EXPIRED, "code-expired", 410, "expired",                                            \
	  "the code was not entered in time; start the sign-in again")                             \
	/* the provider */                                                                         \
	X(UNREACHABLE, "provider-unreachable", 503, "provider-unreachable",                        \
	  "the sign-in provider does not answer; try again in a minute")                           \
	X(BAD_ANSWER, "provider-answer", 502, "provider-failed",                                   \
	  "the sign-in provider gave an answer that cannot be used; tell your administrator")      \
	X(PROVIDER_ERROR, "provider-error", 502, "provider-failed",                                \
	  "the sign-in provider refused; tell your administrator")                                 \
	X(GRANT_REVOKED, "grant-revoked", 401, "login-failed",                                     \
	  "the provider ended this sign-in; sign in again")                                        \
	/* the token: its form */                                                                  \
	X(TOO_LARGE, "token-too-large", 502, "provider-failed", SP_REFUSAL_TOKEN)                  \
	X(MALFORMED, "malformed-token", 502, "provider-failed", SP_REFUSAL_TOKEN)                  \
	X(BAD_ALGORITHM, "bad-algorithm", 502, "provider-failed", SP_REFUSAL_TOKEN)                \
	X(CRITICAL_HEADER, "critical-header", 502, "provider-failed", SP_REFUSAL_TOKEN)            \
	X(WRONG_TYPE, "wrong-type", 502, "provider-failed", SP_REFUSAL_TOKEN)                      \
	/* the token: who signed it */                                                             \
	X(UNKNOWN_KEY, "unknown-key", 502, "provider-failed", SP_REFUSAL_TOKEN)                    \
	X(BAD_KEYS, "bad-keys", 502, "provider-failed", SP_REFUSAL_TOKEN)                          \
	X(BAD_SIGNATURE, "bad-signature", 502, "provider-failed", SP_REFUSAL_TOKEN)                \
	/* the token: what it says */                                                              \
	X(WRONG_ISSUER, "wrong-issuer", 502, "provider-failed", SP_REFUSAL_TOKEN)                  \
	X(WRONG_AUDIENCE, "wrong-audience", 502, "provider-failed", SP_REFUSAL_TOKEN)              \
	X(WRONG_PARTY, "wrong-party", 502, "provider-failed", SP_REFUSAL_TOKEN)                    \
	X(BAD_TIME, "bad-time", 502, "provider-failed", SP_REFUSAL_TOKEN)                          \
	X(EXPIRED, "token-expired", 502, "provider-failed", SP_REFUSAL_TOKEN)                      \
	X(NOT_YET_VALID, "not-yet-valid", 502, "provider-failed", SP_REFUSAL_TOKEN)                \
	X(TOO_OLD, "token-too-old", 502, "provider-failed", SP_REFUSAL_TOKEN)                      \
	X(WRONG_NONCE, "wrong-nonce", 502, "provider-failed", SP_REFUSAL_TOKEN)                    \
	X(WRONG_HASH, "wrong-hash", 502, "provider-failed", SP_REFUSAL_TOKEN)                      \
	X(BAD_SUBJECT, "bad-subject", 502, "provider-failed", SP_REFUSAL_TOKEN)                    \
	X(OTHER_SUBJECT, "other-subject", 403, "login-failed",                                     \
	  "the provider answered for somebody else; sign in again as yourself")                    \
	X(BAD_USER, "bad-user", 502, "provider-failed",                                            \
	  "the provider gives you no name that can be used here; tell your administrator")         \
	X(BAD_GROUPS, "bad-groups", 502, "provider-failed",                                        \
	  "the provider's list of your groups cannot be used; tell your administrator")            \
	X(GROUPS_ELSEWHERE, "groups-elsewhere", 502, "provider-failed",                            \
	  "the provider has too many groups for you to list; tell your administrator")             \
	/* the gateway */                                                                          \
	X(NO_ROLE, "no-role", 403, "no-role",                                                      \
	  "you are signed in, but no role here is yours; ask your administrator for one")          \
	X(DEVICE_TAKEN, "device-taken", 403, "device-taken",                                       \
	  "this device key belongs to somebody else; make a new one and try again")                \
	X(MACHINE_KEY, "machine-key", 403, "device-taken",                                         \
	  "this device key belongs to a machine; make a new one and try again")                    \
	X(KEY_PROOF, "key-proof", 403, "key-proof",                                                \
	  "the proof of the device's key was not accepted; sign in again")                         \
	X(KEY_PROVEN, "key-proven", 403, "device-taken",                                           \
	  "somebody else proved that this device key is theirs; make a new one and try again")     \
	X(TOO_MANY_DEVICES, "too-many-devices", 403, "too-many-devices",                           \
	  "you have as many devices as a person can have: remove one you no longer use "           \
	  "(sallyport devices remove), or ask your administrator")                                 \
	X(DEVICE_NAME, "device-name", 403, "device-taken",                                         \
	  "you have another device of this name: give this one another, or remove that one")       \
	X(TOO_MANY_ROUTES, "too-many-routes", 503, "too-many-routes",                              \
	  "your roles reach more networks than a tunnel can carry; tell your administrator")       \
	X(GATEWAY, "gateway", 503, "gateway-unreachable",                                          \
	  "the gateway cannot open sessions just now; try again in a minute")

#define SP_REFUSAL_TOKEN                                                                           \
	"the provider's proof of who you are was not accepted; sign in again, or tell your "       \
	"administrator"

enum sp_refusal_reason {
	SP_REFUSAL_NONE,
#define X(name, reason, status, code, text) SP_REFUSAL_##name,
	SP_REFUSALS(X)
#undef X
		SP_REFUSAL_COUNT
};

/* What a check found. */
struct sp_finding {
	enum sp_refusal_reason reason;
	char detail[200]; /* for the audit log: one printable line */
	/* the provider would refuse anybody: it does not take us, or cannot be used for a sign-in */
	bool is_client_refused;
	int64_t retry_after_s; /* it asks to be left alone so long; 0: it does not say */
};

const char *sp_refusal_word(enum sp_refusal_reason reason);    /* "wrong-audience" */
int sp_refusal_status(enum sp_refusal_reason reason);          /* HTTP */
const char *sp_refusal_code(enum sp_refusal_reason reason);    /* of the API */
const char *sp_refusal_message(enum sp_refusal_reason reason); /* for the person */
/* Is the reason something that the provider said or did, and nothing that the person did? */
bool sp_refusal_is_providers(enum sp_refusal_reason reason);

/* Fill @finding (printable characters only; others become '?') and give -EACCES. */
int sp_find(struct sp_finding *finding, enum sp_refusal_reason reason, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for a wrong issuer. The detail begins with @begin and names both: @said, which came, and
 * @wanted, which is configured. Of long issuers it shows the part from the first difference on, and
 * it calls a slash at the end by its name. */
int sp_find_issuer(struct sp_finding *finding, enum sp_refusal_reason reason, const char *begin,
		   const char *said, const char *wanted);

#endif
