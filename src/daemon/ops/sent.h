/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy that a client sends with a request, for the ops that look at it and change nothing. */
#ifndef SALLYPORT_DAEMON_SENT_H
#define SALLYPORT_DAEMON_SENT_H

#include "daemon/ops/ops.h"

struct sp_sent_policy {
	struct sp_plane *plane;
	const struct sp_paths *paths;
	struct sp_gateway gateway; /* as it was when the policy came; and the servers likewise */
	char *dns_servers;
	struct sp_files files;
	struct sp_policy *policy; /* with what its origins hold; NULL: not read, or it has errors */
	struct sp_diagnostics diagnostics;
	int read; /* what reading it returned */
};

/* The files of a policy that came with @request: one called @path, or those of @list. False: the
 * client was told what is wrong. */
bool sp_sent_files_read(struct sp_client *client, const struct sp_request *request,
			const char *path, json_t *list, struct sp_files *files);

/* Take the files of @request, whose only fields they are. False: the client was told what is wrong.
 */
bool sp_sent_policy_take(const struct sp_ops *ops, struct sp_client *client,
			 const struct sp_request *request, struct sp_sent_policy *sent);
/* Read the policy and its origins, and ask the plane whether it has all of it and can do it here; may
 * be called in a thread. Returns 0; -EINVAL and diagnostics; -ENOMEM. sp_sent_policy_fail tells a client. */
int sp_sent_policy_read(struct sp_sent_policy *sent);
void sp_sent_policy_fail(const struct sp_sent_policy *sent, struct sp_client *client);
/* Free what it holds. */
void sp_sent_policy_done(struct sp_sent_policy *sent);

#endif
