/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/server/headers.h"

#include <stdio.h>

/* For pages: everything from this site and nothing from elsewhere, no inline script, no frame
 * around the page. */
#define PAGE_CSP                                                                                   \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "    \
	"'self'; "                                                                                 \
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "                            \
	"require-trusted-types-for 'script'; trusted-types 'none'"
/* For everything that is not a page, in case a browser shows it as one. */
#define NO_PAGE_CSP                                                                                \
	"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

#define NOT_KEPT "no-store"
#define KEPT_FOR_EVER "public, max-age=31536000, immutable"

struct kind {
	const char *csp;
	const char *referrer;
	const char *opener; /* NULL: never shown in a window of its own */
	const char *cache;
};

static struct kind kind_of(enum sp_web_kind kind)
{
	switch (kind) {
	case SP_WEB_API:
		return (struct kind){ NO_PAGE_CSP, "no-referrer", NULL, NOT_KEPT };
	/* no-referrer would make the browser send the page's forms with "Origin: null" */
	case SP_WEB_PAGE:
		return (struct kind){ PAGE_CSP, "same-origin", "same-origin", NOT_KEPT };
	/* the address holds a code and a state */
	case SP_WEB_CALLBACK:
		return (struct kind){ PAGE_CSP, "no-referrer", "same-origin", NOT_KEPT };
	case SP_WEB_ASSET:
		return (struct kind){ NO_PAGE_CSP, "no-referrer", NULL, KEPT_FOR_EVER };
	}
	return (struct kind){ NO_PAGE_CSP, "no-referrer", NULL, NOT_KEPT };
}

void sp_headers_visit(const struct sp_response *response,
		      void (*visit)(void *arg, const char *name, const char *value), void *arg)
{
	const bool is_there = response->status == 200 || response->status == 304;
	const struct kind kind = kind_of(response->kind);
	char number[24];

	if (response->type)
		visit(arg, "Content-Type", response->type);
	visit(arg, "Cache-Control", is_there ? kind.cache : NOT_KEPT);
	visit(arg, "Content-Security-Policy", kind.csp);
	visit(arg, "Cross-Origin-Resource-Policy", "same-origin");
	if (kind.opener)
		visit(arg, "Cross-Origin-Opener-Policy", kind.opener);
	visit(arg, "Referrer-Policy", kind.referrer);
	visit(arg, "Strict-Transport-Security", "max-age=31536000");
	visit(arg, "X-Content-Type-Options", "nosniff");
	if (response->allow)
		visit(arg, "Allow", response->allow);
	if (response->retry_after_s > 0) {
		snprintf(number, sizeof(number), "%lld", (long long)response->retry_after_s);
		visit(arg, "Retry-After", number);
	}
	for (const struct sp_header *header = response->headers; header; header = header->next)
		visit(arg, header->name, header->value);
}
