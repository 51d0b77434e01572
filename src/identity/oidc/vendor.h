/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Well-known providers, recognized by their addresses, and the settings there and in their file
 * here that let people sign in with their groups. For `sallyport idp test`; docs/providers.md says
 * the same at length. */
#ifndef SALLYPORT_IDENTITY_VENDOR_H
#define SALLYPORT_IDENTITY_VENDOR_H

#include "identity/oidc/discovery.h"
#include "identity/provider.h"

struct sp_vendor {
	const char *name;
	const char *section;  /* of docs/providers.md */
	const char *there[6]; /* what to set at the provider; NULL-terminated */
	/* what `scopes` of its file may be, each between blanks; NULL: anything */
	const char *scopes;
	const char *wanted_scopes; /* what to write instead */
	/* with the default groups-claim nobody has a group: what to write; NULL: they may */
	const char *no_groups;
};

/* @discovery NULL: it is not known, the issuer alone tells. Returns NULL for none of those
 * known. */
const struct sp_vendor *sp_vendor_recognise(const char *issuer,
					    const struct sp_discovery *discovery);

/* What in @idp will not do, a sentence each. @vendor NULL: any provider. @discovery NULL: not
 * known. Calls @take for each; @text is its own only for the call. */
void sp_vendor_check(const struct sp_vendor *vendor, const struct sp_idp *idp,
		     const struct sp_discovery *discovery,
		     void (*take)(void *arg, const char *text), void *arg);

#endif
