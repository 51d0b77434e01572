/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A portal with nothing around it: what it asks for lies on the desk until the test answers. */
#ifndef SALLYPORT_TEST_PORTAL_DESK_H
#define SALLYPORT_TEST_PORTAL_DESK_H

#include "../identity/oidc_lab.h"
#include "portal/exchange.h"
#include "portal/portal.h"
#include "portal/providers/provider.h"
#include "portal/providers/refresher.h"
#include "portal/signin/grants.h"

#define DESK_KEY "Ji8okP1Vjw0tyoUfRqG3AVIhmfAuZnLoE/nLd3LhAhA="
#define DESK_OTHER_KEY "aPxGwq8zERHQ3Q1cOZFdJ+cvJX5Ka4mLN38AyYKYF10="
#define DESK_DEVICE "\"device\":{\"public_key\":\"" DESK_KEY "\",\"name\":\"laptop\"}"
#define DESK_HASH                                                                                  \
	"$argon2id$v=19$m=19456,t=2,p=1$//3KCLASrQlcjM8icAR9mg$vlcpW6"                             \
	"PeDU7CqqJgJwQ2naK8aj3y4Ylo7frrzNTpF9Y"
#define DESK_LOCAL                                                                                 \
	"type: local\nusers:\n"                                                                    \
	"  ana: { password: \"" DESK_HASH "\", groups: [eng] }\n"                                  \
	"  eve: { groups: [eng] }\n"
#define DESK_CORP "type: oidc\nissuer: " LAB_ISSUER "\nclient-id: gate\n"
/* The gateway's words for the session of ana's laptop, whose provider is local or corp. */
#define DESK_SESSION(idp, subject)                                                                 \
	"\"session\":7,\"state\":\"live\",\"user\":\"ana\",\"idp\":\"" idp                         \
	"\",\"subject\":\"" subject                                                                \
	"\",\"groups\":[\"eng\"],\"roles\":[\"engineer\"],\"addresses\":[\"100.64.0.2\"],"         \
	"\"device\":{\"name\":\"laptop\",\"public_key\":\"" DESK_KEY "\"}"
#define DESK_TUNNEL "\"tunnel\":{\"config\":\"[Interface]\",\"preshared_key\":\"p\"}"

extern struct sp_portal *desk;
extern struct sp_addr desk_from; /* where requests come from */

int desk_start(void **state);
int desk_stop(void **state);
void desk_pass(unsigned seconds);

/* A file of idp.d. Gives what sp_providers_offer does. */
int desk_offer(const char *name, const char *text);
void desk_local(void);
void desk_corp(void); /* and its discovery and keys are there */

/* A request; the exchange is the test's until desk_end. @token NULL: none. @body NULL: none, by GET. */
struct sp_exchange *desk_call(const char *path, const char *token, const char *body);
void desk_end(struct sp_exchange *exchange);
/* It is answered so. @code NULL: no error. Gives the answer, borrowed until the next call. */
const json_t *desk_answer(const struct sp_exchange *exchange, int status, const char *code);
/* Answered so, and ended. */
void desk_answered(struct sp_exchange *exchange, int status, const char *code);
void desk_waits(const struct sp_exchange *exchange);

/* The gateway's oldest question is @op. Borrowed until the reply. */
const json_t *desk_asked(const char *op);
/* Reply to it: ok with these members, or (desk_refuse) an error. */
void desk_reply(const char *members);
void desk_reply_to_all(const char *op); /* while that is what was asked first */
void desk_refuse(const char *code, const char *reason);
void desk_no_gate(void);
void desk_nothing_asked(void);

/* What waits to be compared; NULL: nothing. Borrowed. */
const struct sp_password_check *desk_checks(void);
/* The password in hand is right, or not. */
void desk_check(bool is_right);

/* The oldest fetch of @url gets this. */
void desk_fetched(const char *url, int status, const char *body);
void desk_unreachable(const char *url); /* connection refused: nothing was sent */
void desk_silent(const char *url);      /* it was sent, and no answer came */
bool desk_is_fetched(const char *url);
/* A field of the oldest form that is sent, as it is; NULL. Borrowed until the next call. */
const char *desk_fetched_field(const char *name);
void desk_nothing_fetched(void);
size_t desk_fetches(void);

#endif
