/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/apply/reload.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "daemon/apply/apply.h"
#include "io/files/files.h"
#include "io/process/notify.h"
#include "net/addr.h"

#define MACHINE_FILE_MAX (1u << 20)

/* ---- reading ---- */

static int read_machine(const struct sp_paths *paths, struct sp_plane_list planes,
			struct sp_machine **ret_machine, struct sp_diagnostics *diagnostics)
{
	const char *path = paths->machine_file;
	struct sp_machine *machine = NULL;
	__sp_free char *text = NULL;
	size_t len;
	int r = sp_file_read(path, MACHINE_FILE_MAX, &text, &len);

	if (r < 0)
		return r == -EINVAL ? -EISDIR : r;
	r = sp_machine_load(path, text, len, &machine, diagnostics);
	if (r == 0)
		r = sp_plane_check_machine(planes, machine, path, diagnostics);
	if (r == 0)
		*ret_machine = machine;
	else
		sp_machine_free(machine);
	return r;
}

/* What is wrong with the file goes into the log; the first fault into @ret_fault too. @r is what
 * reading it returned. */
static void say_faults(const struct sp_paths *paths, const struct sp_diagnostics *diagnostics,
		       int r, char *ret_fault, size_t size)
{
	for (size_t i = 0; i < diagnostics->count; i++) {
		__sp_free char *line = sp_diagnostic_format(&diagnostics->items[i]);

		sp_log_error("%s", line ? line : "out of memory");
		if (i == 0)
			snprintf(ret_fault, size, "%s", line ? line : "out of memory");
	}
	if (r < 0 && r != -EINVAL) {
		sp_log_error("cannot read %s: %s", paths->machine_file, sp_err_text(r));
		snprintf(ret_fault, size, "cannot read %s: %s", paths->machine_file,
			 sp_err_text(r));
	}
}

int sp_reload_read_first(const struct sp_paths *paths, struct sp_plane_list planes,
			 struct sp_machine **ret_machine)
{
	struct sp_diagnostics diagnostics = { 0 };
	char fault[256];
	int r = read_machine(paths, planes, ret_machine, &diagnostics);

	say_faults(paths, &diagnostics, r, fault, sizeof(fault));
	sp_diagnostics_done(&diagnostics);
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

/* The machine around us as *applies->machine now has it: what it lists meets the second lock before
 * it has programs. */
static int machine_follow(struct sp_applies *applies, char *ret_fault, size_t size)
{
	struct sp_plane_error error = { 0 };
	bool is_changed;
	int r;

	sp_homes_follow(applies->homes, SP_NETLINK_LINKS | SP_NETLINK_ADDRESSES);
	r = sp_network_read(applies->network, &is_changed);
	if (r == 0)
		r = sp_network_lock(applies->network, *applies->is_lock_open, &error);
	if (r < 0)
		snprintf(ret_fault, size, "the interfaces it names: %.200s",
			 error.text[0] ? error.text : sp_err_text(r));
	return r;
}

int sp_reload_new(const char *by, struct sp_reload **ret_reload)
{
	struct sp_reload *reload = calloc(1, sizeof(*reload));

	if (!reload)
		return -ENOMEM;
	snprintf(reload->by, sizeof(reload->by), "%s", by);
	*ret_reload = reload;
	return 0;
}

void sp_reload_free(struct sp_reload *reload)
{
	if (!reload)
		return;
	sp_machine_free(reload->machine);
	sp_machine_free(reload->former);
	sp_diagnostics_done(&reload->diagnostics);
	free(reload);
}

int sp_reload_read(struct sp_reload *reload, const struct sp_applies *applies)
{
	return read_machine(applies->paths, applies->planes, &reload->machine,
			    &reload->diagnostics);
}

int sp_reload_take(struct sp_applies *applies, struct sp_reload *reload, int read)
{
	const char *fixed;

	say_faults(applies->paths, &reload->diagnostics, read, reload->fault,
		   sizeof(reload->fault));
	if (read < 0)
		return read;
	fixed = find_fixed(*applies->machine, reload->machine);
	if (fixed) {
		snprintf(reload->fault, sizeof(reload->fault),
			 "%s differs, and that is taken at a start alone: start sallyportd again "
			 "(nothing that runs ends)",
			 fixed);
		return -EOPNOTSUPP;
	}
	reload->is_portal_behind = is_portal_behind(*applies->machine, reload->machine);
	reload->former = *applies->machine;
	*applies->machine = SP_TAKE_PTR(reload->machine);
	return machine_follow(applies, reload->fault, sizeof(reload->fault));
}

/* ---- the end ---- */

/* What was in force before is again. The revision that runs was made for it, but the machine around
 * us may have changed meanwhile. */
static void reload_go_back(struct sp_applies *applies, struct sp_reload *reload)
{
	char fault[256];

	reload->machine = *applies->machine;
	*applies->machine = SP_TAKE_PTR(reload->former);
	if (machine_follow(applies, fault, sizeof(fault)) < 0)
		sp_log_error("going back to the former sallyport.yaml: %s", fault);
	sp_apply_restage_soon(applies, "sallyport.yaml was not taken");
}

static void reload_refuse(struct sp_applies *applies, struct sp_reload *reload,
			  struct sp_client *client, int r)
{
	if (reload->former)
		reload_go_back(applies, reload);
	sp_warnings_raise(applies->warnings, "machine-file",
			  "sallyport.yaml was read again (%.40s) and not taken: %.170s", reload->by,
			  reload->fault);
	if (client)
		sp_client_fail(client,
			       r == -EINVAL       ? "machine-invalid"
			       : r == -EOPNOTSUPP ? "needs-start"
						  : "failed",
			       r == -EINVAL ? 3 : 1, NULL, "%s", reload->fault);
}

static void reload_confirm(struct sp_applies *applies, struct sp_reload *reload,
			   struct sp_client *client)
{
	sp_recorder_set_bounds(applies->recorder);
	sp_people_changed(applies->people, NULL); /* its port, and how long a parked peer stays */
	sp_warnings_clear(applies->warnings, "machine-file");
	sp_log_note("%s was read again (%s)%s", applies->paths->machine_file, reload->by,
		    reload->is_portal_behind
			    ? "; sallyport-portal takes its part when it starts again"
			    : "");
	if (client)
		sp_client_reply(client,
				json_pack("{s:s, s:b, s:b, s:I}", "file",
					  applies->paths->machine_file, "portal_behind",
					  reload->is_portal_behind, "judged_anew",
					  applies->revisions->running != NULL, "revision",
					  (json_int_t)sp_plane_running_revision(applies->plane)));
}

void sp_reload_end(struct sp_applies *applies, struct sp_reload *reload, struct sp_client *client,
		   int r, const char *message)
{
	if (r < 0 && !reload->fault[0])
		snprintf(reload->fault, sizeof(reload->fault),
			 "the policy that runs cannot be put in force with it: %.190s", message);
	if (r < 0)
		reload_refuse(applies, reload, client, r);
	else
		reload_confirm(applies, reload, client);
	if (!client)
		sp_notify_ready("serving");
}

void sp_reload_by_signal(struct sp_applies *applies)
{
	int r;

	if (applies->under_way) {
		applies->again.is_hangup_kept = true;
		return;
	}
	sp_notify_reloading();
	r = sp_apply_start_reload(applies, NULL, "SIGHUP");
	if (r < 0) {
		sp_log_error("reading sallyport.yaml again: %s", sp_err_text(r));
		sp_notify_ready("serving");
	}
}
