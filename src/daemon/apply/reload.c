/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/apply/reload.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "io/files/files.h"
#include "net/addr.h"

#define MACHINE_FILE_MAX (1u << 20)

/* ---- reading ---- */

static void say_faults(const struct sp_diagnostics *diagnostics, char *ret_fault, size_t size)
{
	for (size_t i = 0; i < diagnostics->count; i++) {
		__sp_free char *line = sp_diagnostic_format(&diagnostics->items[i]);

		sp_log_error("%s", line ? line : "out of memory");
		if (i == 0 && ret_fault)
			snprintf(ret_fault, size, "%s", line ? line : "out of memory");
	}
}

int sp_reload_read(const struct sp_daemon *daemon, struct sp_machine **ret_machine, char *ret_fault,
		   size_t size)
{
	const char *path = daemon->paths.machine_file;
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_machine *machine = NULL;
	__sp_free char *text = NULL;
	size_t len;
	int r = sp_file_read(path, MACHINE_FILE_MAX, &text, &len);

	if (r < 0) {
		sp_log_error("cannot read %s: %s", path, sp_err_text(r));
		if (ret_fault)
			snprintf(ret_fault, size, "cannot read %s: %s", path, sp_err_text(r));
		return r == -EINVAL ? -EISDIR : r;
	}
	r = sp_machine_load(path, text, len, &machine, &diagnostics);
	if (r == 0)
		r = sp_plane_check_machine(daemon->options.planes, machine, path, &diagnostics);
	say_faults(&diagnostics, ret_fault, size);
	sp_diagnostics_done(&diagnostics);
	if (r == 0)
		*ret_machine = machine;
	else
		sp_machine_free(machine);
	return r;
}

/* ---- what differs ---- */

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_pool(const struct sp_gateway *a, const struct sp_gateway *b)
{
	if (a->pool_count != b->pool_count)
		return false;
	for (size_t i = 0; i < a->pool_count; i++)
		if (sp_prefix_compare(&a->pool[i], &b->pool[i]))
			return false;
	return true;
}

/* The first setting that differs and is used at a start alone; NULL: none. */
static const char *find_fixed(const struct sp_machine *is, const struct sp_machine *wanted)
{
	if (!same_text(is->plane, wanted->plane))
		return "plane";
	if (strcmp(is->tunnel, wanted->tunnel) != 0)
		return "interfaces.tunnel";
	if (is->engine != wanted->engine)
		return "vpn.engine";
	if (!same_pool(&is->gateway, &wanted->gateway))
		return "vpn.pool";
	if (is->has_portal != wanted->has_portal)
		return "portal";
	return same_text(is->portal_user, wanted->portal_user) ? NULL : "portal.user";
}

static bool is_portal_behind(const struct sp_machine *is, const struct sp_machine *wanted)
{
	return is->portal_port != wanted->portal_port ||
	       sp_addr_compare(&is->portal_listen, &wanted->portal_listen) != 0 ||
	       !same_text(is->portal_url, wanted->portal_url) ||
	       !same_text(is->portal_cert, wanted->portal_cert) ||
	       !same_text(is->portal_key, wanted->portal_key);
}

/* ---- taking ---- */

/* Read the machine again with the new daemon->machine: listed interfaces are closed by the second
 * lock before they have programs. */
static int follow(struct sp_daemon *daemon, struct sp_reload *outcome)
{
	struct sp_plane_error error = { 0 };
	bool is_changed;
	int r;

	sp_homes_follow(&daemon->homes, SP_NETLINK_LINKS | SP_NETLINK_ADDRESSES);
	r = sp_network_read(&daemon->network, &is_changed);
	if (r == 0)
		r = sp_network_lock(&daemon->network, daemon->is_lock_open, &error);
	if (r < 0) {
		snprintf(outcome->fault, sizeof(outcome->fault), "the interfaces it names: %.200s",
			 error.text[0] ? error.text : sp_err_text(r));
		return r;
	}
	if (!daemon->revisions.running)
		return 0;
	r = sp_apply_restage_now(daemon, "sallyport.yaml was read again");
	outcome->is_judged_anew = r == 0;
	if (r < 0)
		snprintf(outcome->fault, sizeof(outcome->fault),
			 "the policy that runs cannot be put in force with it (%s): see the log",
			 sp_err_text(r));
	return r;
}

static int take(struct sp_daemon *daemon, struct sp_machine *machine, struct sp_reload *outcome)
{
	struct sp_machine *former = daemon->machine;
	struct sp_reload back = { 0 };
	int r;

	daemon->machine = machine;
	r = follow(daemon, outcome);
	if (r < 0) {
		daemon->machine = former;
		if (follow(daemon, &back) < 0)
			sp_log_error("going back to the former sallyport.yaml: %s", back.fault);
		else
			sp_warnings_clear(&daemon->warnings, "stage-failed");
		sp_machine_free(machine);
		return r;
	}
	sp_machine_free(former);
	sp_recorder_set_bounds(&daemon->recorder);
	/* settings of the tunnel: its port, and how long a parked peer stays */
	sp_people_changed(&daemon->people, NULL);
	return 0;
}

static int try(struct sp_daemon *daemon, struct sp_reload *outcome)
{
	struct sp_machine *machine = NULL;
	const char *fixed;
	int r;

	if (daemon->apply) {
		snprintf(outcome->fault, sizeof(outcome->fault),
			 "an apply is under way; try again");
		return -EBUSY;
	}
	r = sp_reload_read(daemon, &machine, outcome->fault, sizeof(outcome->fault));
	if (r < 0)
		return r;
	fixed = find_fixed(daemon->machine, machine);
	if (fixed) {
		sp_machine_free(machine);
		snprintf(outcome->fault, sizeof(outcome->fault),
			 "%s differs, and that is taken at a start alone: start sallyportd again "
			 "(nothing that runs ends)",
			 fixed);
		return -EOPNOTSUPP;
	}
	outcome->is_portal_behind = is_portal_behind(daemon->machine, machine);
	return take(daemon, machine, outcome);
}

int sp_reload(struct sp_daemon *daemon, const char *by, struct sp_reload *ret_outcome)
{
	int r;

	*ret_outcome = (struct sp_reload){ 0 };
	r = try(daemon, ret_outcome);
	if (r < 0) {
		sp_warnings_raise(&daemon->warnings, "machine-file",
				  "sallyport.yaml was read again (%.40s) and not taken: %.170s", by,
				  ret_outcome->fault);
		return r;
	}
	sp_warnings_clear(&daemon->warnings, "machine-file");
	sp_log_note("%s was read again (%s)%s", daemon->paths.machine_file, by,
		    ret_outcome->is_portal_behind
			    ? "; sallyport-portal takes its part when it starts again"
			    : "");
	return 0;
}
