/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/tunnel/tunnel_load.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/portal/portal_call.h"
#include "cli/screen/render.h"
#include "cli/tunnel/tunnel_file.h"
#include "cli/tunnel/tunnel_routes.h"
#include "cli/tunnel/wg_quick.h"
#include "io/files/sysctl.h"

static int fail_memory(void)
{
	return sp_cli_fail(SP_EXIT_FAILED, "out of memory");
}

static int check_conf(const struct sp_profile *profile, const char *conf)
{
	static const char *const needed[] = { "PrivateKey", "PublicKey", "Endpoint" };
	struct sp_tunnel_fault fault;

	if (sp_tunnel_file_check(conf, &fault) < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "%s/tunnel.conf is not used, line %zu: %s",
				   profile->folder, fault.line, fault.text);
	for (size_t i = 0; i < 3; i++) {
		__sp_secret char *value = sp_tunnel_file_get(conf, needed[i]);

		if (value && *value && *value != '#')
			continue;
		if (!strcmp(needed[i], "Endpoint"))
			return sp_cli_fail(
				SP_EXIT_FAILED,
				"the gateway does not say where its tunnel is: its "
				"administrator has to set vpn.endpoint; then: sallyport login %s",
				profile->url);
		return sp_cli_fail(SP_EXIT_FAILED, "%s/tunnel.conf has no %s: sallyport login %s",
				   profile->folder, needed[i], profile->url);
	}
	return SP_EXIT_OK;
}

/* If there are resolvers to set and no resolvconf to do it, wg-quick gives up the whole tunnel. */
static int leave_dns_out(char **conf)
{
	__sp_free char *dns = sp_tunnel_file_get(*conf, "DNS");
	char *without;

	if (!dns || sp_wg_quick_has_resolvconf())
		return SP_EXIT_OK;
	if (sp_tunnel_file_without(*conf, SP_TUNNEL_DNS, &without) < 0)
		return fail_memory();
	sp_secret_freep(conf);
	*conf = without;
	sp_cli_fail(0,
		    "names of the inside are not resolved: this machine has no resolvconf, so its "
		    "resolvers stay as they "
		    "are\n  next: install resolvconf or openresolv and say `sallyport up` again, "
		    "or use %s as a "
		    "resolver yourself",
		    dns);
	return SP_EXIT_OK;
}

static bool is_without_v6(void)
{
	int64_t is_off = 0;

	return access("/proc/net/if_inet6", F_OK) < 0 ||
	       (sp_sysctl_get("net/ipv6/conf/default/disable_ipv6", &is_off) == 0 && is_off) ||
	       (sp_sysctl_get("net/ipv6/conf/all/disable_ipv6", &is_off) == 0 && is_off);
}

/* A machine without IPv6 gets the IPv4 half, and is told. */
static int leave_v6_out(char **conf)
{
	__sp_free char *endpoint = sp_tunnel_file_get(*conf, "Endpoint");
	__sp_free char *addresses = NULL;
	char *without;

	if (!is_without_v6())
		return SP_EXIT_OK;
	if (endpoint && *endpoint == '[')
		return sp_cli_fail(SP_EXIT_FAILED,
				   "the gateway's tunnel is at %s, an IPv6 address, and this "
				   "machine has no IPv6\n"
				   "  next: switch IPv6 on (sysctl "
				   "net.ipv6.conf.all.disable_ipv6=0), or ask your "
				   "administrator for an IPv4 endpoint",
				   endpoint);
	if (sp_tunnel_file_without_v6(*conf, &without) < 0)
		return fail_memory();
	if (!strcmp(without, *conf)) {
		sp_secret_freep(&without);
		return SP_EXIT_OK;
	}
	sp_secret_freep(conf);
	*conf = without;
	addresses = sp_tunnel_file_get(without, "Address");
	if (!addresses)
		return sp_cli_fail(
			SP_EXIT_FAILED,
			"the tunnel is IPv6 alone, and this machine has no IPv6\n"
			"  next: switch it on (sysctl net.ipv6.conf.all.disable_ipv6=0)");
	return sp_cli_fail(0, "this machine has no IPv6: the tunnel carries IPv4 alone\n  next: "
			      "for what is IPv6 alone, switch it on (sysctl "
			      "net.ipv6.conf.all.disable_ipv6=0), and say `sallyport up` again"),
	       SP_EXIT_OK;
}

/* Make the routes ourselves, unless they need rules and a mark. */
static int leave_routes_out(char **conf)
{
	char *without;

	if (sp_tunnel_routes_has_whole(*conf))
		return SP_EXIT_OK;
	if (sp_tunnel_file_without_routes(*conf, &without) < 0)
		return fail_memory();
	sp_secret_freep(conf);
	*conf = without;
	return SP_EXIT_OK;
}

/* ---- as the portal has it now ---- */

static int fail_ended(const struct sp_tunnel_load *load, const struct sp_profile *profile)
{
	return sp_cli_fail(SP_EXIT_NOT_PERMITTED,
			   "the session at %s has ended: nothing passes %s any more%s\n"
			   "  next: sallyport login %s",
			   profile->place, load->iface, load->before ? "" : ", so it is left down",
			   profile->url);
}

/* The kept configuration with the networks and keys of the portal's answer. */
static int take_tunnel(struct sp_tunnel_load *load, const struct sp_profile *profile,
		       json_t *answer, char **kept)
{
	const char *config = sp_json_text(json_object_get(answer, "tunnel"), "config");
	__sp_secret char *key = sp_tunnel_file_get(*kept, "PrivateKey"), *fresh = NULL;
	struct sp_tunnel_fault fault;

	if (!*config || !key || strlen(config) > SP_TUNNEL_FILE_MAX)
		return SP_EXIT_OK;
	if (sp_tunnel_file_check(config, &fault) < 0)
		return sp_cli_fail(0,
				   "what the portal says of the tunnel is not used, line %zu: %s",
				   fault.line, fault.text),
		       SP_EXIT_OK;
	if (sp_tunnel_file_fill(config, NULL, key, &fresh) < 0)
		return fail_memory();
	if (profile->owner == geteuid() && strcmp(fresh, *kept) != 0)
		(void)sp_profile_write(profile, "tunnel.conf", fresh);
	sp_secret_freep(kept);
	*kept = SP_TAKE_PTR(fresh);
	load->is_renewed = true;
	return SP_EXIT_OK;
}

/* Ask the portal for the tunnel. If it does not answer, what is kept stays. */
static int load_renew(struct sp_tunnel_load *load, struct sp_profile *profile, char **kept)
{
	__sp_answer struct sp_portal_answer answer = { 0 };
	json_t *session;

	if (!profile->token)
		return SP_EXIT_OK;
	if (sp_portal_ask_quietly(profile, "session/tunnel", &answer) != SP_EXIT_OK)
		return sp_cli_fail(0,
				   "the portal at %s does not answer: the tunnel is as it was at "
				   "the last sign-in",
				   profile->url),
		       SP_EXIT_OK;
	if (sp_portal_is(&answer, "no-session") || sp_portal_is(&answer, "token-invalid"))
		return fail_ended(load, profile);
	if (answer.status >= 400)
		/* a portal that does not know the question, or has no gateway now */
		return SP_EXIT_OK;
	session = json_object_get(answer.body, "session");
	if (sp_profile_set(&profile->expires,
			   json_string_value(json_object_get(session, "expires"))) < 0)
		return fail_memory();
	return take_tunnel(load, profile, answer.body, kept);
}

/* The tunnel is the same and the portal tells nothing newer: keep what the portal said last. */
static bool is_same_tunnel(const char *a, const char *b)
{
	__sp_secret char *key_a = sp_tunnel_file_get(a, "PresharedKey");
	__sp_secret char *key_b = sp_tunnel_file_get(b, "PresharedKey");

	return key_a && key_b && !strcmp(key_a, key_b);
}

int sp_tunnel_load(struct sp_tunnel_load *load, struct sp_profile *profile, char **ret_conf)
{
	__sp_secret char *kept = NULL, *conf = NULL;
	int r = sp_profile_read(profile, "tunnel.conf", &kept);

	if (r == -ENOENT)
		return sp_cli_fail(SP_EXIT_FAILED,
				   "there is no tunnel of %s yet: sallyport login %s",
				   profile->place, profile->url);
	if (r < 0)
		return SP_EXIT_FAILED;
	r = check_conf(profile, kept);
	if (r == SP_EXIT_OK)
		r = load_renew(load, profile, &kept);
	if (r == SP_EXIT_OK && load->is_renewed)
		r = check_conf(profile, kept);
	if (r != SP_EXIT_OK)
		return r;
	if (!load->is_renewed && if_nametoindex(load->iface) && load->before &&
	    is_same_tunnel(load->before, kept)) {
		*ret_conf = strdup(load->before);
		return *ret_conf ? SP_EXIT_OK : fail_memory();
	}
	load->reaches = sp_tunnel_file_get(kept, "AllowedIPs");
	if (sp_tunnel_file_fill(kept, NULL, NULL, &conf) < 0)
		return fail_memory();
	r = leave_dns_out(&conf);
	if (r == SP_EXIT_OK)
		r = leave_v6_out(&conf);
	if (r == SP_EXIT_OK)
		r = leave_routes_out(&conf);
	if (r == SP_EXIT_OK)
		*ret_conf = SP_TAKE_PTR(conf);
	return r;
}
