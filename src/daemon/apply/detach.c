/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/apply/detach.h"

#include "daemon/apply/applies.h"

#include <stdio.h>
#include <net/if.h>
#include <unistd.h>

#include "base/err.h"
#include "daemon/host/found.h"
#include "io/log/audit_log.h"
#include "io/loop/clock.h"

/* ---- forwarding ---- */

const char *sp_detach_word(enum sp_detach_forwarding forwarding)
{
	static const char *const words[] = {
		[SP_DETACH_WAS_OFF] = "off",
		[SP_DETACH_STAYS_ON] = "on",
		[SP_DETACH_UNKNOWN] = "unknown",
		[SP_DETACH_IS_OFF] = "is-off",
	};

	return words[forwarding];
}

static enum sp_detach_forwarding choose_forwarding(bool is_on, bool is_known, bool was_on)
{
	if (!is_on)
		return SP_DETACH_IS_OFF;
	if (!is_known)
		return SP_DETACH_UNKNOWN;
	return was_on ? SP_DETACH_STAYS_ON : SP_DETACH_WAS_OFF;
}

void sp_detach_plan(const struct sp_paths *paths, struct sp_detach_plan *ret_plan)
{
	struct sp_forwarding is = { true, true }, was = { 0 };
	const bool is_known = sp_found_read(paths, &was) == 0;

	(void)sp_forwarding_get(&is);
	ret_plan->ipv4 = choose_forwarding(is.ipv4, is_known, was.ipv4);
	ret_plan->ipv6 = choose_forwarding(is.ipv6, is_known, was.ipv6);
}

/* First of all, switch off forwarding where it is to be off. */
static int put_back_forwarding(const struct sp_paths *paths)
{
	struct sp_detach_plan plan;
	int r = 0;

	sp_detach_plan(paths, &plan);
	if (plan.ipv4 == SP_DETACH_WAS_OFF)
		r = sp_sysctl_set("net/ipv4/ip_forward", 0);
	if (r == 0 && plan.ipv6 == SP_DETACH_WAS_OFF)
		r = sp_sysctl_set("net/ipv6/conf/all/forwarding", 0);
	return r;
}

/* ---- on record ---- */

static void fill_record(struct sp_audit_record *record, const char *by, const char *why)
{
	*record = (struct sp_audit_record)SP_AUDIT_RECORD_INIT;
	record->event = SP_AUDIT_DETACH;
	record->by = by;
	record->message = why;
}

/* By hand: a recorder would begin with a `start`. */
static void record_unload(const struct sp_applies *applies)
{
	__sp_cleanup(sp_audit_log_closep) struct sp_audit_log *log = NULL;
	const struct sp_machine *machine = *applies->machine;
	struct sp_audit_log_options options = {
		.path = applies->paths->audit_log,
		.gateway = applies->gateway_name,
		.rotate_bytes = machine ? machine->audit_people_rotate_bytes : 0,
		.keep = machine ? machine->audit_people_keep : 0,
	};
	struct sp_audit_log_repair repair = { 0 };
	struct sp_audit_record record;
	char boot[SP_BOOT_ID_MAX], by[32];
	int r;

	if (sp_clock_boot_id(boot) == 0)
		options.boot = boot;
	snprintf(by, sizeof(by), "uid %u", getuid());
	fill_record(&record, by, "sallyportd --unload");
	r = sp_audit_log_open(&options, NULL, &log, &repair);
	sp_audit_log_repair_done(&repair);
	if (r == 0)
		r = sp_audit_log_append(log, &record, NULL, NULL);
	if (r < 0)
		sp_log_error("not recorded in %s: %s", options.path, sp_err_text(r));
}

/* ---- taking away ---- */

/* Last: until then the programs and the second lock hold back the packets that forwarding would let
 * through. */
static int remove_tunnel(struct sp_netlink *netlink, const char *name, struct sp_plane_error *error)
{
	int r = sp_tunnel_remove(netlink, name);

	if (r < 0)
		snprintf(error->text, sizeof(error->text),
			 "the tunnel interface %s could not be removed (%s); remove it: ip link "
			 "delete %s",
			 name, sp_err_text(r), name);
	return r;
}

int sp_detach(struct sp_applies *applies, const char *by, const char *why,
	      struct sp_plane_error *error)
{
	const char *tunnel = (*applies->machine)->tunnel;
	struct sp_audit_record record;
	bool has_tunnel;
	int r = put_back_forwarding(applies->paths);

	if (r < 0) {
		snprintf(error->text, sizeof(error->text), "putting forwarding back as it was: %s",
			 sp_err_text(r));
		return r;
	}
	has_tunnel = sp_tunnel_is_ours(applies->netlink, *applies->machine, tunnel);
	if (has_tunnel)
		sp_tunnel_lower(applies->netlink, tunnel);
	r = sp_plane_detach(applies->plane, error);
	if (r < 0)
		return r;
	/* from here on there is no way back */
	error->text[0] = '\0';
	if (has_tunnel && remove_tunnel(applies->netlink, tunnel, error) < 0)
		sp_log_error("%s", error->text);
	sp_found_forget(applies->paths);
	fill_record(&record, by, why);
	sp_recorder_append(applies->recorder, &record);
	sp_log_note("detached, as %s asked: no packet is judged any more; stopping", by);
	*applies->is_detached = *applies->is_stopping = true;
	/* a pending change of the network would put the lock and the tunnel back */
	sp_loop_end(applies->loop);
	return 0;
}

/* Find the tunnel interface on which one of our planes judges. */
static void find_tunnel(const struct sp_applies *applies, char ret_name[IFNAMSIZ])
{
	const struct sp_plane_options options = { .paths = applies->paths };

	for (size_t i = 0; i < applies->planes.count; i++)
		if (applies->planes.items[i]->find_interface(&options, SP_HOOK_VPN_IN, ret_name) ==
		    0)
			return;
}

static int unload_planes(const struct sp_applies *applies, struct sp_plane_error *error)
{
	const struct sp_plane_options options = { .paths = applies->paths };
	int r = 0;

	for (size_t i = 0; r == 0 && i < applies->planes.count; i++)
		r = applies->planes.items[i]->unload(&options, error);
	return r;
}

/* The tunnel's name by sallyport.yaml; if that cannot be read, the interface our programs are on.
 * "": there is none, or somebody else's. */
static void name_tunnel(const struct sp_applies *applies, struct sp_netlink *netlink,
			char ret_name[IFNAMSIZ])
{
	ret_name[0] = '\0';
	if (*applies->machine)
		snprintf(ret_name, IFNAMSIZ, "%s", (*applies->machine)->tunnel);
	else
		find_tunnel(applies, ret_name);
	if (!sp_tunnel_is_ours(netlink, *applies->machine, ret_name))
		ret_name[0] = '\0';
}

int sp_unload(const struct sp_applies *applies, struct sp_plane_error *error)
{
	char tunnel[IFNAMSIZ];
	__sp_cleanup(sp_netlink_closep) struct sp_netlink *netlink = NULL;
	int r = put_back_forwarding(applies->paths);

	if (r == 0)
		r = sp_netlink_open(&netlink);
	if (r < 0)
		return r;
	name_tunnel(applies, netlink, tunnel);
	if (tunnel[0])
		sp_tunnel_lower(netlink, tunnel);
	r = unload_planes(applies, error);
	if (r == 0 && tunnel[0])
		r = remove_tunnel(netlink, tunnel, error);
	if (r < 0)
		return r;
	sp_found_forget(applies->paths);
	record_unload(applies);
	return 0;
}

/* ---- in words ---- */

static void say_forwarding(const char *family, enum sp_detach_forwarding forwarding)
{
	static const char *const texts[] = {
		[SP_DETACH_WAS_OFF] = "is switched off, as it was before sallyportd",
		[SP_DETACH_STAYS_ON] = "goes on, unjudged: it was on before sallyportd",
		[SP_DETACH_UNKNOWN] =
			"goes on, unjudged: how it was before sallyportd is not known",
		[SP_DETACH_IS_OFF] = "is off",
	};

	sp_log_note("  forwarding of %s %s", family, texts[forwarding]);
}

static void say_planes(const struct sp_applies *applies)
{
	const struct sp_plane_options options = { .paths = applies->paths };

	for (size_t i = 0; i < applies->planes.count; i++) {
		const struct sp_plane_ops *ops = applies->planes.items[i];
		struct sp_plane_error what = { 0 };

		(void)ops->is_there(&options, &what);
		sp_log_note("  %s", what.text);
		if (ops->guard.name)
			sp_log_note("  the second lock, %s: other rules alone decide what passes",
				    ops->guard.name);
	}
}

void sp_unload_say(const struct sp_applies *applies)
{
	__sp_cleanup(sp_netlink_closep) struct sp_netlink *netlink = NULL;
	struct sp_detach_plan plan;
	char tunnel[IFNAMSIZ] = "";

	if (sp_netlink_open(&netlink) == 0)
		name_tunnel(applies, netlink, tunnel);
	sp_detach_plan(applies->paths, &plan);
	sp_log_note("--unload takes away what a sallyportd left in the kernel:");
	say_planes(applies);
	say_forwarding("IPv4", plan.ipv4);
	say_forwarding("IPv6", plan.ipv6);
	if (tunnel[0])
		sp_log_note("  the tunnel interface %s, with its addresses and routes; an engine "
			    "on it ends",
			    tunnel);
	else
		sp_log_note("  no tunnel interface: there is none that sallyportd made or took up");
	sp_log_note("sessions, devices and policies stay; sallyportd puts everything back when it "
		    "starts");
	sp_log_note("nothing is changed yet: sallyportd --unload --yes does it");
}
