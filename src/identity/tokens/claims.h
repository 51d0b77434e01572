/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The claims of a token: about the token itself (issuer, audience, times) and about the person.
 * userinfo has only the latter. */
#ifndef SALLYPORT_IDENTITY_CLAIMS_H
#define SALLYPORT_IDENTITY_CLAIMS_H

#include <stddef.h>

#include "identity/tokens/id_token.h"
#include "identity/tokens/jws.h"
#include "json/strict.h"
#include "yaml/value.h"

#define SP_SUBJECT_MAX 255u
#define __sp_claims __sp_cleanup(sp_claims_done)

/* Check issuer, audience and times: everything about a token but its person. Fills the times of
 * @claims. @algorithm of its signature, for at_hash. Returns 0; -EACCES @finding; -ENOMEM. */
int sp_claims_check_token(const json_t *object, const struct sp_id_token_want *want,
			  enum sp_jws_algorithm algorithm, struct sp_claims *claims,
			  struct sp_finding *finding);

/* The subject; where @want_subject is not NULL it must be that one. */
int sp_claims_read_subject(const json_t *object, const char *want_subject, struct sp_claims *claims,
			   struct sp_finding *finding);
/* The name people know them by, from @user_claim, or from preferred_username, else email. Stays
 * NULL when none is there: sp_claims_settle_user decides then. */
int sp_claims_read_user(const json_t *object, const char *user_claim, struct sp_claims *claims,
			struct sp_finding *finding);
/* No claim named them: the subject does, unless @user_claim was to. */
int sp_claims_settle_user(const char *user_claim, struct sp_claims *claims,
			  struct sp_finding *finding);
/* The list of groups. A claim that is no list of texts, or that points elsewhere, is refused; it
 * never means "no groups". */
int sp_claims_read_groups(const json_t *object, const char *groups_claim, struct sp_claims *claims,
			  struct sp_finding *finding);

#endif
