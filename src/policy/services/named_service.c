/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/services/named_service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/services/service.h"
#include "yaml/load.h"
#include "yaml/suggest.h"

/* `tcp/443`, read and explained as in a policy's text. */
static int read_literal(const char *text, struct sp_service *ret_items, size_t *ret_count,
			char *message)
{
	__sp_cleanup(sp_diagnostics_done) struct sp_diagnostics diagnostics = { 0 };
	const char *const path = "";
	struct sp_check check = sp_check_of(&path, &diagnostics);
	const struct sp_node node = {
		.kind = SP_NODE_SCALAR, .text = text, .line = 1, .column = 1
	};
	const int r = sp_read_service(&check, &node, ret_items, ret_count);

	if (check.no_memory)
		return -ENOMEM;
	if (r < 0)
		snprintf(message, SP_SERVICE_MESSAGE_MAX, "%s",
			 diagnostics.count ? diagnostics.items[0].message : "");
	return r;
}

static int fail_unknown(const struct sp_policy *policy, const char *text, char *message)
{
	struct sp_nearest near;

	sp_nearest_init(&near, text);
	for (size_t i = 0; i < policy->service_count; i++)
		sp_nearest_offer(&near, policy->services[i].name);
	snprintf(message, SP_SERVICE_MESSAGE_MAX, "unknown service %s%s%.63s%s",
		 sp_show(text).quoted, near.best ? "; did you mean \"" : "",
		 near.best ? near.best : "", near.best ? "\"?" : "");
	return -ENOENT;
}

int sp_policy_find_service(const struct sp_policy *policy, const char *text,
			   struct sp_service ret_items[SP_SERVICE_ITEMS_MAX], size_t *ret_count,
			   char message[SP_SERVICE_MESSAGE_MAX])
{
	if (sp_looks_like_service(text))
		return read_literal(text, ret_items, ret_count, message);
	for (size_t i = 0; i < policy->service_count; i++) {
		const struct sp_named_service *service = &policy->services[i];

		if (strcmp(service->name, text))
			continue;
		*ret_count = service->count < SP_SERVICE_ITEMS_MAX ? service->count
								   : SP_SERVICE_ITEMS_MAX;
		memcpy(ret_items, service->items, *ret_count * sizeof(*ret_items));
		return 0;
	}
	return fail_unknown(policy, text, message);
}
