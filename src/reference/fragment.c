/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fragments behind the first, of the reference evaluator. */
#include <errno.h>
#include <stdlib.h>

#include "reference/state.h"

#define FRAGMENT_NS 5000000000ull

static struct sp_ref_frag_key key_of(enum sp_hook hook, const struct sp_packet *pkt)
{
	return (struct sp_ref_frag_key){
		.source = pkt->tuple.source,
		.destination = pkt->tuple.destination,
		.id = pkt->fragment_id,
		.proto = pkt->is_v6 ? 0 : pkt->tuple.proto,
		.hook = (uint8_t)hook,
	};
}

static bool is_over(const struct sp_ref_frag *frag, uint64_t now_ns)
{
	return sp_ref_is_over(now_ns, frag->first_ns, FRAGMENT_NS);
}

/* Add the span, joined with its neighbours. Returns false: it overlaps one, or would be a ninth
 * one. */
static bool add_span(struct sp_ref_frag *frag, uint32_t from, uint32_t to)
{
	size_t kept = 0;

	for (size_t i = 0; i < frag->span_count; i++)
		if (from < frag->spans[i].to && frag->spans[i].from < to)
			return false;
	for (size_t i = 0; i < frag->span_count; i++) {
		if (frag->spans[i].to == from)
			from = frag->spans[i].from;
		else if (frag->spans[i].from == to)
			to = frag->spans[i].to;
		else
			frag->spans[kept++] = frag->spans[i];
	}
	frag->span_count = kept;
	if (kept == SP_FRAG_SPANS)
		return false;
	frag->spans[kept].from = from;
	frag->spans[kept].to = to;
	frag->span_count++;
	return true;
}

bool sp_ref_judge_fragment(struct sp_reference *reference, enum sp_hook hook,
			   const struct sp_packet *pkt, uint64_t now_ns,
			   struct sp_answer *ret_answer, struct sp_ref_taker *ret_taker)
{
	struct sp_ref_frag_key key = key_of(hook, pkt);
	struct sp_ref_frag *frag = sp_ref_table_find(&reference->frags, &key);

	if (frag && is_over(frag, now_ns))
		frag = NULL;
	if (pkt->is_first_fragment && !frag)
		return false;

	*ret_answer = (struct sp_answer){ SP_DENY, SP_REASON_FRAGMENT, SP_RULE_NONE };
	if (pkt->is_first_fragment) {
		frag->is_poisoned = true;
		return true;
	}
	if (!frag || frag->is_poisoned || frag->revision != reference->revision ||
	    !sp_ref_end_is_unchanged(reference, &frag->ends[0], now_ns) ||
	    !sp_ref_end_is_unchanged(reference, &frag->ends[1], now_ns))
		return true;
	if (!add_span(frag, pkt->fragment_from, pkt->fragment_to)) {
		frag->is_poisoned = true;
		return true;
	}
	*ret_answer = (struct sp_answer){ SP_ALLOW, frag->reason, frag->rule, 0, frag->audit };
	*ret_taker = frag->taker;
	return true;
}

struct sweep {
	uint64_t now_ns;
};

static bool sweep_is_over(void *arg, void *item)
{
	const struct sweep *sweep = arg;

	return is_over(item, sweep->now_ns);
}

static void release(void *arg, void *item)
{
	(void)arg;
	free(item);
}

int sp_ref_remember_fragment(struct sp_reference *reference, enum sp_hook hook,
			     const struct sp_packet *pkt, const struct sp_answer *answer,
			     const struct sp_ref_taker *taker, uint64_t now_ns)
{
	struct sp_ref_frag_key key = key_of(hook, pkt);
	struct sp_ref_frag *frag = sp_ref_table_find(&reference->frags, &key);
	struct sweep sweep = { now_ns };
	int r;

	if (!frag) {
		/* the table is about to grow */
		if (reference->frags.count == reference->frags.bucket_count)
			sp_ref_table_sweep(&reference->frags, sweep_is_over, release, &sweep);
		frag = calloc(1, sizeof(*frag));
		if (!frag)
			return -ENOMEM;
		frag->key = key;
		r = sp_ref_table_add(&reference->frags, &frag->node, &frag->key);
		if (r < 0) {
			free(frag);
			return r;
		}
	}
	frag->first_ns = now_ns;
	frag->revision = reference->revision;
	frag->ends[0] = sp_ref_record_end(reference, &pkt->tuple.source,
					  hook == SP_HOOK_VPN_IN ||
						  sp_ref_is_pool_end(reference, &pkt->tuple.source),
					  now_ns);
	frag->ends[1] =
		sp_ref_record_end(reference, &pkt->tuple.destination,
				  sp_ref_is_pool_end(reference, &pkt->tuple.destination), now_ns);
	frag->reason = answer->reason;
	frag->rule = answer->rule;
	frag->audit = answer->audit;
	frag->taker = *taker;
	frag->is_poisoned = false;
	frag->span_count = 0;
	add_span(frag, pkt->fragment_from, pkt->fragment_to);
	return 0;
}

void sp_ref_frags_done(struct sp_reference *reference)
{
	sp_ref_table_done(&reference->frags, NULL, NULL);
}
