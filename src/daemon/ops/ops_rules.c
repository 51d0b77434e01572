/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rules of the policy that runs were used for. */
#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "daemon/control/listing.h"
#include "daemon/ops/ops.h"
#include "daemon/record/hits.h"
#include "daemon/revisions/revision.h"
#include "json/text.h"

struct rule_list {
	struct sp_listing listing;
	const struct sp_hits *hits;
	const struct sp_revisions *revisions;
	uint64_t revision; /* that is listed */
	size_t next;
};

static void rule_list_free(void *arg)
{
	free(arg);
}

static json_t *describe(const struct sp_policy *policy, const struct sp_rule *rule,
			const struct sp_hit_row *row)
{
	return json_pack("{s:s, s:s, s:o, s:I, s:o, s:o}", "rule", rule->name, "mode",
			 rule->is_audit ? "audit" : "enforce", "file",
			 sp_json_of_text(policy->files[rule->place.file].path), "line",
			 (json_int_t)rule->place.line, "watched_since", sp_json_time(row->since_ns),
			 "last_hit", sp_json_time(row->hit_ns));
}

/* A policy that was replaced while it was listed ends the list. */
static int rule_list_next(void *arg, struct sp_buf *out)
{
	struct rule_list *list = arg;
	const struct sp_revision *running = list->revisions->running;
	const struct sp_rule *rule;

	if (!running || running->number != list->revision)
		return -ESTALE;
	if (list->next == running->policy->rule_count)
		return 0;
	rule = &running->policy->rules[list->next++];
	sp_listing_put(out, describe(running->policy, rule, &list->hits->rows[rule->number]));
	return 1;
}

static void rule_list_fail(void *arg, int r)
{
	const struct rule_list *list = arg;

	sp_client_fail(list->listing.client, "failed", 1, NULL, "listing the rules: %s",
		       sp_err_text(r));
}

void sp_op_rules(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	const struct sp_revision *running = ops->revisions->running;
	struct rule_list *list;
	int r;

	(void)request;
	if (!running) {
		sp_client_fail(client, "failed", 1, NULL, "no policy is in force");
		return;
	}
	r = sp_hits_look(ops->hits);
	list = r < 0 ? NULL : calloc(1, sizeof(*list));
	if (!list) {
		sp_client_fail(client, "failed", 1, NULL, "which rules decided: %s",
			       sp_err_text(r < 0 ? r : -ENOMEM));
		return;
	}
	list->hits = ops->hits;
	list->revisions = ops->revisions;
	list->revision = running->number;
	list->listing = (struct sp_listing){
		.client = client,
		.name = "rules",
		.next = rule_list_next,
		.fail = rule_list_fail,
		.free = rule_list_free,
		.arg = list,
	};
	sp_listing_start(&list->listing);
}
