/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/ops/sent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "daemon/facts/origins.h"
#include "daemon/host/host.h"
#include "io/files/zoneinfo.h"
#include "json/text.h"
#include "judge/describe.h"

/* One file of `files`, whose bytes begin at @at of the text. */
static int take_file(const struct sp_request *request, json_t *json, size_t *at,
		     struct sp_files *files)
{
	const char *path;
	json_int_t bytes;

	if (json_unpack(json, "{s:s, s:I !}", "path", &path, "bytes", &bytes) < 0 || !*path ||
	    bytes < 0 || (size_t)bytes > request->text_len - *at)
		return -EINVAL;
	*at += (size_t)bytes;
	return sp_files_add(files, path, request->text + *at - bytes, (size_t)bytes);
}

/* All of the text, file by file. */
static int take_files(const struct sp_request *request, json_t *list, struct sp_files *files)
{
	const size_t count = json_array_size(list);
	size_t at = 0;
	int r = count && count <= SP_POLICY_FILES_MAX ? 0 : -EINVAL;

	for (size_t i = 0; i < count && r == 0; i++)
		r = take_file(request, json_array_get(list, i), &at, files);
	return r == 0 && at != request->text_len ? -EINVAL : r;
}

bool sp_sent_files_read(struct sp_client *client, const struct sp_request *request,
			const char *path, json_t *list, struct sp_files *files)
{
	int r;

	if (!request->text) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "the policy's bytes are missing: text, or text_bytes and the bytes");
		return false;
	}
	if (!path == !list) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "the policy is one file, path, or several, files");
		return false;
	}
	r = path ? sp_files_add(files, path, request->text, request->text_len)
		 : take_files(request, list, files);
	if (r == -EINVAL)
		sp_client_fail(client, "bad-request", 2, NULL,
			       "files is a list of 1 to %u, each with path and bytes, which add up "
			       "to the text",
			       SP_POLICY_FILES_MAX);
	else if (r < 0)
		sp_client_fail(client, "failed", 1, NULL, "reading the policy: %s", sp_err_text(r));
	return r == 0;
}

bool sp_sent_policy_take(const struct sp_ops *ops, struct sp_client *client,
			 const struct sp_request *request, struct sp_sent_policy *sent)
{
	const char *servers = (*ops->machine)->dns_servers;
	const char *path = NULL;
	json_t *list = NULL;

	sent->plane = ops->plane;
	sent->paths = ops->paths;
	sent->dns_servers = servers ? strdup(servers) : NULL;
	if (sp_gateway_copy(&ops->host->gateway, &sent->gateway) < 0 ||
	    (servers && !sent->dns_servers)) {
		sp_client_fail(client, "failed", 1, NULL, "out of memory");
		return false;
	}
	return sp_op_unpack(client, request, "{s?s, s?o}", "path", &path, "files", &list) &&
	       sp_sent_files_read(client, request, path, list, &sent->files);
}

int sp_sent_policy_read(struct sp_sent_policy *sent)
{
	__sp_cleanup(sp_origin_set_done) struct sp_origin_set origins = { 0 };
	const struct sp_origin_ways ways = { sent->paths, &sent->gateway, sent->dns_servers };
	int r = sp_policy_load_files(sent->files.list, sent->files.count, &sp_zoneinfo,
				     &sent->policy, &sent->diagnostics);

	if (r == 0)
		r = sp_plane_check(sent->plane->ops, sent->policy, &sent->diagnostics);
	if (r == 0)
		r = sp_plane_try(sent->plane, sent->policy, &sent->diagnostics);
	if (r == 0)
		r = sp_origin_set_load(&ways, &sent->policy, &origins, &sent->diagnostics);
	sent->read = r;
	return r;
}

void sp_sent_policy_fail(const struct sp_sent_policy *sent, struct sp_client *client)
{
	if (sent->read == -EINVAL)
		sp_client_fail(client, "policy-invalid", 3,
			       json_pack("{s:o}", "diagnostics",
					 sp_describe_diagnostics(&sent->diagnostics)),
			       "%s has %zu error%s", sent->files.list[0].path,
			       sent->diagnostics.error_count,
			       sent->diagnostics.error_count == 1 ? "" : "s");
	else
		sp_client_fail(client, "failed", 1, NULL, "reading the policy: %s",
			       sp_err_text(sent->read));
}

void sp_sent_policy_done(struct sp_sent_policy *sent)
{
	sp_policy_free(sent->policy);
	sp_diagnostics_done(&sent->diagnostics);
	sp_files_done(&sent->files);
	sp_gateway_done(&sent->gateway);
	free(sent->dns_servers);
}
