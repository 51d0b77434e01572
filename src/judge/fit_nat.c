/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Interfaces, addresses and ports of nat entries, held to those of the machine. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "judge/fit.h"
#include "net/addr.h"
#include "policy/addresses/translation.h"
#include "yaml/suggest.h"

static int check_interface(const struct sp_fit *fit, struct sp_diagnostics *diagnostics,
			   const struct sp_nat *nat, const char *name)
{
	const struct sp_gateway *gateway = &fit->machine->gateway;
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

/* ---- forwards ---- */

static int say_forward(const struct sp_fit *fit, struct sp_diagnostics *diagnostics,
		       const struct sp_nat *nat, const char *door)
{
	const int r = sp_fit_say(fit, diagnostics, SP_ERROR, nat->place,
				 "forward \"%s\" would send what is for the %s elsewhere: take "
				 "another port",
				 nat->name, door);

	return r < 0 ? r : -EINVAL;
}

static int check_clash(const struct sp_fit *fit, struct sp_diagnostics *diagnostics,
		       const struct sp_nat *nat)
{
	const struct sp_addr *addr;
	const char *clash = sp_forward_clash(&nat->forward, fit->gateway, &addr);
	char text[SP_ADDR_TEXT_MAX];
	int r;

	if (!clash)
		return 0;
	r = sp_fit_say(fit, diagnostics, SP_ERROR, nat->place, "forward \"%s\": %s is %s",
		       nat->name, sp_addr_format(addr, text), clash);
	return r < 0 ? r : -EINVAL;
}

static int check_forward(const struct sp_fit *fit, struct sp_diagnostics *diagnostics,
			 const struct sp_nat *nat)
{
	const struct sp_forward *forward = &nat->forward;
	const struct sp_machine *machine = fit->machine;

	if (forward->proto == IPPROTO_UDP && machine->listen_port == forward->port)
		return say_forward(fit, diagnostics, nat, "tunnel");
	if (forward->proto == IPPROTO_TCP && machine->has_portal &&
	    machine->portal_port == forward->port)
		return say_forward(fit, diagnostics, nat, "portal");
	if (forward->interface) {
		const int r = check_interface(fit, diagnostics, nat, forward->interface);

		if (r < 0)
			return r;
	}
	return check_clash(fit, diagnostics, nat);
}

static int check_nat(const struct sp_fit *fit, struct sp_diagnostics *diagnostics,
		     const struct sp_nat *nat)
{
	switch (nat->kind) {
	case SP_NAT_MASQUERADE:
		return check_interface(fit, diagnostics, nat, nat->masquerade.out);
	case SP_NAT_NETMAP:
		return check_addresses(fit, diagnostics, nat);
	case SP_NAT_FORWARD:
		return check_forward(fit, diagnostics, nat);
	}
	return 0;
}

int sp_fit_nat(const struct sp_fit *fit, struct sp_diagnostics *diagnostics)
{
	int r = 0, clash = 0;

	for (size_t i = 0; i < fit->policy->nat_count && r != -ENOMEM; i++) {
		r = check_nat(fit, diagnostics, &fit->policy->nats[i]);
		clash = r == -EINVAL ? r : clash;
	}
	return r == -ENOMEM ? r : clash;
}
