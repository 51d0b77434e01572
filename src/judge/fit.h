/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Does a policy fit its machine? Warnings about settings that are valid on either side and still
 * keep people out. Used by check and apply. */
#ifndef SALLYPORT_JUDGE_FIT_H
#define SALLYPORT_JUDGE_FIT_H

#include "config/machine.h"
#include "policy/facts.h"

struct sp_fit {
	const struct sp_policy *policy; /* numbered */
	const struct sp_machine *machine;
	/* the machine's; one without addresses of its own is given one */
	const struct sp_gateway *gateway;
	const struct sp_facts *facts;
	/* where the providers' files are; one that is not there has none. NULL: not known */
	const char *idp_dir;
};

/* Add warnings, at their places in the policy, about
 * - a tunnel or portal whose port nothing lets in;
 * - resolvers of `vpn.dns` that a role of people cannot ask;
 * - identity providers without a file, and groups no local user is in;
 * - nat entries about an interface the machine file does not list;
 * and errors about netmaps over the pool or an address of the gateway, forwards to either, and
 * forwards of the port of the tunnel or the portal.
 * Returns 0; -EINVAL there was an error; -ENOMEM. */
int sp_judge_fit(const struct sp_fit *fit, struct sp_diagnostics *diagnostics);

/* The part that needs no packets: providers and groups (fit_people.c). */
int sp_fit_people(const struct sp_fit *fit, struct sp_diagnostics *diagnostics);

/* The part about interfaces of nat entries (fit_nat.c). */
int sp_fit_nat(const struct sp_fit *fit, struct sp_diagnostics *diagnostics);

/* Add an error or a warning at @place of the policy. Returns 0; -ENOMEM. */
int sp_fit_say(const struct sp_fit *fit, struct sp_diagnostics *diagnostics,
	       enum sp_severity severity, struct sp_place place, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

#endif
