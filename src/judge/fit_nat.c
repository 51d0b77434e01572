/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Interfaces that nat entries name, held to those of sallyport.yaml. */
#include <errno.h>
#include <string.h>

#include "judge/fit.h"
#include "net/addr.h"
#include "policy/addresses/translation.h"
#include "yaml/suggest.h"

static int check_interface(const struct sp_fit *fit, struct sp_diagnostics *diagnostics,
			   const struct sp_nat *nat)
{
	const struct sp_gateway *gateway = &fit->machine->gateway;
	const char *name = nat->masquerade.out;
	struct sp_nearest nearest;

	sp_nearest_init(&nearest, name);
	for (size_t i = 0; i < gateway->interface_count; i++) {
		if (!strcmp(gateway->interfaces[i].name, name))
			return 0;
		sp_nearest_offer(&nearest, gateway->interfaces[i].name);
	}
	return sp_fit_say(fit, diagnostics, SP_WARNING, nat->place,
			  "nat entry \"%s\" translates nothing: interface %s is in no list of "
			  "sallyport.yaml%s%s%s",
			  nat->name, name, nearest.best ? "; did you mean \"" : "",
			  nearest.best ? nearest.best : "", nearest.best ? "\"?" : "");
}

/* Of fixtures the loader looked at it. */
static int check_addresses(const struct sp_fit *fit, struct sp_diagnostics *diagnostics,
			   const struct sp_nat *nat)
{
	const struct sp_prefix *prefix;
	const char *clash = sp_netmap_clash(&nat->netmap, fit->gateway, &prefix);
	char text[SP_PREFIX_TEXT_MAX];
	int r;

	if (!clash)
		return 0;
	r = sp_fit_say(fit, diagnostics, SP_ERROR, nat->place, "netmap \"%s\": %s overlaps %s",
		       nat->name, sp_prefix_format(prefix, text), clash);
	return r < 0 ? r : -EINVAL;
}

int sp_fit_nat(const struct sp_fit *fit, struct sp_diagnostics *diagnostics)
{
	int r = 0, clash = 0;

	for (size_t i = 0; i < fit->policy->nat_count && r != -ENOMEM; i++) {
		const struct sp_nat *nat = &fit->policy->nats[i];

		r = nat->kind == SP_NAT_MASQUERADE ? check_interface(fit, diagnostics, nat)
						   : check_addresses(fit, diagnostics, nat);
		clash = r == -EINVAL ? r : clash;
	}
	return r == -ENOMEM ? r : clash;
}
