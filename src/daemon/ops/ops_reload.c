/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reload: sallyport.yaml, read again. */
#include "daemon/apply/reload.h"
#include "daemon/ops/ops.h"

void sp_op_reload(struct sp_daemon *daemon, struct sp_client *client,
		  const struct sp_request *request)
{
	struct sp_reload outcome;
	int r;

	(void)request;
	r = sp_reload(daemon, sp_client_who(client), &outcome);
	if (r == 0)
		sp_client_reply(client,
				json_pack("{s:s, s:b, s:b, s:I}", "file",
					  daemon->paths.machine_file, "portal_behind",
					  outcome.is_portal_behind, "judged_anew",
					  outcome.is_judged_anew, "revision",
					  (json_int_t)sp_plane_running_revision(daemon->plane)));
	else
		sp_client_fail(client,
			       r == -EINVAL       ? "machine-invalid"
			       : r == -EOPNOTSUPP ? "needs-start"
			       : r == -EBUSY      ? "busy"
						  : "failed",
			       r == -EINVAL ? 3 : 1, NULL, "%s", outcome.fault);
}
