/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tally.h"

#include "base/array.h"

/* Reasons this build has no way to give: no rule has a limit or an end, the edge drops no lists,
 * tables and programs are sized together, and nobody changes a session while a packet is judged. */
static const enum sp_reason impossible[] = {
	SP_REASON_LIMIT,      SP_REASON_DEADLINE, SP_REASON_BLOCKLIST,
	SP_REASON_TABLE_FULL, SP_REASON_RACING,   SP_REASON_UNJUDGED,
};

#define EACH_REASON_AT_LEAST 100

static bool is_possible(unsigned reason)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(impossible); i++)
		if (impossible[i] == reason)
			return false;
	return reason != SP_REASON_NONE;
}

void tally_packet(struct tally *tally, const struct trial_outcome *outcome, bool with_ebpf)
{
	tally->packets++;
	tally->asked_ebpf += outcome->has_ebpf;
	tally->asked_tables += outcome->has_tables;
	tally->asked_all += outcome->has_tables && (outcome->has_ebpf || !with_ebpf);
	tally->seen[outcome->hook][outcome->reference.verdict][outcome->reference.reason]++;
}

static uint64_t sum(const struct tally *tally, int verdict, int reason)
{
	uint64_t total = 0;

	for (unsigned hook = 0; hook < SP_HOOK_COUNT; hook++)
		for (int v = 0; v < SP_VERDICT_COUNT; v++)
			for (int r = 0; r < SP_REASON_COUNT; r++)
				if ((verdict < 0 || v == verdict) && (reason < 0 || r == reason))
					total += tally->seen[hook][v][r];
	return total;
}

void tally_print(const struct tally *tally, FILE *out)
{
	fprintf(out, "%-12s", "reason");
	for (unsigned hook = 1; hook < SP_HOOK_COUNT; hook++)
		fprintf(out, " %10s", sp_hook_name(hook));
	fprintf(out, " %9s %9s\n", "allowed", "denied");
	for (unsigned reason = 1; reason < SP_REASON_COUNT; reason++) {
		fprintf(out, "%-12s", sp_reason_name(reason));
		for (unsigned hook = 1; hook < SP_HOOK_COUNT; hook++)
			fprintf(out, " %10llu",
				(unsigned long long)(tally->seen[hook][SP_DENY][reason] +
						     tally->seen[hook][SP_ALLOW][reason]));
		fprintf(out, " %9llu %9llu%s\n",
			(unsigned long long)sum(tally, SP_ALLOW, (int)reason),
			(unsigned long long)sum(tally, SP_DENY, (int)reason),
			is_possible(reason) ? "" : "   cannot occur in this build");
	}
}

bool tally_is_enough(const struct tally *tally, FILE *out)
{
	uint64_t allowed = sum(tally, SP_ALLOW, -1);
	uint64_t denied = sum(tally, SP_DENY, SP_REASON_POLICY);
	bool enough = true;

	if (allowed * 4 < tally->packets) {
		fprintf(out, "too few packets are allowed: %llu of %llu\n",
			(unsigned long long)allowed, (unsigned long long)tally->packets);
		enough = false;
	}
	if (denied * 4 < tally->packets) {
		fprintf(out, "too few packets are denied by a rule: %llu of %llu\n",
			(unsigned long long)denied, (unsigned long long)tally->packets);
		enough = false;
	}
	if (tally->refused * 5 > tally->policies) {
		fprintf(out, "too many policies are refused by the language: %llu, %llu taken\n",
			(unsigned long long)tally->refused, (unsigned long long)tally->policies);
		enough = false;
	}
	if (sum(tally, SP_ALLOW, SP_REASON_EXPIRED) < EACH_REASON_AT_LEAST) {
		fprintf(out, "parked people were let through %llu times\n",
			(unsigned long long)sum(tally, SP_ALLOW, SP_REASON_EXPIRED));
		enough = false;
	}
	for (unsigned reason = 1; reason < SP_REASON_COUNT; reason++) {
		uint64_t seen = sum(tally, -1, (int)reason);

		if (!is_possible(reason) ? seen > 0 : seen < EACH_REASON_AT_LEAST) {
			fprintf(out, "reason %s was seen %llu times\n", sp_reason_name(reason),
				(unsigned long long)seen);
			enough = false;
		}
	}
	return enough;
}
