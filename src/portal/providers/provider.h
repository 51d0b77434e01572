/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The identity providers as the portal runs them: each a file of idp.d that was right once. A
 * newer file that is wrong is refused and named; what runs goes on. */
#ifndef SALLYPORT_PORTAL_PROVIDER_H
#define SALLYPORT_PORTAL_PROVIDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "identity/provider.h"
#include "portal/portal.h"
#include "portal/providers/probe.h"

struct sp_provider {
	struct sp_portal *portal;
	unsigned int ref_count;
	char *name;
	struct sp_idp *idp;    /* NULL: its file was never right, and it does not run */
	enum sp_idp_type kind; /* of a provider that runs */
	struct sp_oidc *oidc;  /* of SP_IDP_OIDC: what is known of it */
	struct sp_fetch_trust trust;
	char *ca_path;
	uint8_t digest[32];      /* of file and secret */
	char *file_error;        /* why the file's newest text is not used; NULL: it is */
	struct sp_fetch_job job; /* discovery and keys */
	uint64_t due_ns;
	char shown[16]; /* the state as last reported */
	/* how it said that it does not take this gateway as its client; "": it does */
	char refused[200];
	struct sp_idp_probe probe;     /* while it refused us: whether it takes us again */
	unsigned int sign_in_failures; /* in a row, by what the provider said or did */
	char sign_in_trouble[200];     /* why the last of them failed */
	unsigned int refresh_failures; /* in a row, of anybody's groups being asked for again */
	char refresh_trouble[200];     /* why the last of them failed */
	/* boot time from which that is told no more: nobody's groups were asked for since */
	uint64_t refresh_until_ns;
	bool is_seen; /* by the reload under way */
};

/* A file of idp.d. Borrowed. */
struct sp_provider_file {
	const char *name; /* without .yaml */
	const char *path;
	const char *text;
	size_t len;
	const char *error; /* it could not be read: why; text is NULL then */
	const char *dir;   /* relative names in it start here */
	/* Read a client secret's file. Returns 0, *@ret_secret malloc'ed; -errno. */
	int (*read_secret)(const char *path, char **ret_secret);
};

/* A reload: begin, offer each file, end; providers without a file are gone then. @file: borrowed
 * during the call. */
void sp_providers_begin(struct sp_portal *portal);
/* Returns 0; -EINVAL refused, and said in the provider's file_error; -ENOMEM. */
int sp_providers_offer(struct sp_portal *portal, const struct sp_provider_file *file);
void sp_providers_end(struct sp_portal *portal);
/* Let go of all. */
void sp_providers_free(struct sp_portal *portal);

/* The one of that name, if it runs. Borrowed; NULL. */
struct sp_provider *sp_provider_find(const struct sp_portal *portal, const char *name);
/* The only provider that takes passwords; NULL: there is none, or several. */
struct sp_provider *sp_provider_find_local(const struct sp_portal *portal);
/* Hold @provider beyond a call. Returns @provider. */
struct sp_provider *sp_provider_ref(struct sp_provider *provider);
/* Let go of it. The last one frees the provider. */
void sp_provider_unref(struct sp_provider *provider);

/* Does a person sign in at @provider by a password given to the portal? Else the provider asks the
 * person. */
bool sp_provider_takes_passwords(const struct sp_provider *provider);
/* Begin the flow by which a program signs a device in. *@ret_flow: the caller frees it before
 * the provider.
 * Returns 0; -EOPNOTSUPP this kind has no such flow; -ENOMEM. */
int sp_provider_begin_device(const struct sp_provider *provider, struct sp_idp_flow **ret_flow);
/* Begin the flow that asks with refresh token @token whether @subject is still who they were.
 * Returns as sp_provider_begin_device. */
int sp_provider_begin_refresh(const struct sp_provider *provider, const char *token,
			      const char *subject, struct sp_idp_flow **ret_flow);

/* Its kind in a word, literals: "local", "oidc"; "unknown" where it does not run. */
const char *sp_provider_type(const struct sp_provider *provider);
/* How a program signs in there, of one that runs: "password", "device". */
const char *sp_provider_method(const struct sp_provider *provider);
/* "ok", "starting", "unreachable", "failed"; literals. */
const char *sp_provider_state(const struct sp_provider *provider);
/* Note the result of a flow at the provider. @finding NULL: the provider accepted this client.
 * @is_refresh: the flow asked for groups again. */
void sp_provider_heard(struct sp_provider *provider, const struct sp_finding *finding,
		       bool is_refresh);
/* All of them for portal.report, the caller's reference. NULL: out of memory. */
json_t *sp_providers_report(const struct sp_portal *portal);

/* Let its discovery and keys go on as far as they can. After anything that may have moved them. */
void sp_provider_advance(struct sp_provider *provider);
/* When sp_providers_run has something to do (CLOCK_BOOTTIME); UINT64_MAX: nothing. */
uint64_t sp_providers_due_ns(const struct sp_portal *portal);
/* Ask again for discovery and keys that are old, and providers that refused us. */
void sp_providers_run(struct sp_portal *portal);

/* The groups of @user as a list of texts, the caller's reference; NULL: out of memory. */
json_t *sp_groups_of_user(const struct sp_local_user *user);
/* The groups of @claims, likewise. */
json_t *sp_groups_of_claims(const struct sp_claims *claims);

#endif
