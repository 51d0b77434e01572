/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reload: sallyport.yaml, read again. */
#include "base/err.h"
#include "daemon/apply/again.h"
#include "daemon/apply/apply.h"
#include "daemon/ops/ops.h"

void sp_op_reload(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	int r;

	if (!sp_op_may_stage(ops, client, request, false))
		return;
	r = sp_apply_start_reload(ops->applies, client, sp_client_who(client));

	if (r == -EBUSY)
		sp_again_wait(ops->applies, client, request);
	else if (r < 0)
		sp_client_fail(client, "failed", 1, NULL, "sallyport.yaml is not read: %s",
			       sp_err_text(r));
}
