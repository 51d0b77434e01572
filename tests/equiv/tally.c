/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tally.h"

#include "base/array.h"
#include "support/user_run.h"

/* Reasons this build has no way to give: tables and programs are sized together, and nobody changes
 * a session while a packet is judged. */
static const enum sp_reason impossible[] = {
	SP_REASON_TABLE_FULL,
	SP_REASON_RACING,
	SP_REASON_UNJUDGED,
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
	fprintf(out,
		"programs in user space: token %llu, late token %llu, no room %llu, no XDP %llu; "
		"resets %llu + %llu, prohibited %llu + %llu (IPv4 + IPv6)\n",
		(unsigned long long)user_seen.ways[USER_WAY_TOKEN],
		(unsigned long long)user_seen.ways[USER_WAY_LATE],
		(unsigned long long)user_seen.ways[USER_WAY_FULL],
		(unsigned long long)user_seen.ways[USER_WAY_TC],
		(unsigned long long)user_seen.resets[0], (unsigned long long)user_seen.resets[1],
		(unsigned long long)user_seen.prohibited[0],
		(unsigned long long)user_seen.prohibited[1]);
}

/* Each way through the programs of an outer interface, and each kind of refusal in each family. */
static bool has_seen_programs(FILE *out)
{
	bool enough = true;

	for (unsigned way = 0; way < USER_WAY_COUNT; way++)
		if (user_seen.ways[way] < EACH_REASON_AT_LEAST) {
			fprintf(out, "way %u of edge-in and edge-tc was taken %llu times\n", way,
				(unsigned long long)user_seen.ways[way]);
			enough = false;
		}
	for (unsigned family = 0; family < 2; family++)
		if (user_seen.resets[family] < EACH_REASON_AT_LEAST ||
		    user_seen.prohibited[family] < EACH_REASON_AT_LEAST) {
			fprintf(out, "too few refusals over IPv%u: %llu resets, %llu prohibited\n",
				family ? 6 : 4, (unsigned long long)user_seen.resets[family],
				(unsigned long long)user_seen.prohibited[family]);
			enough = false;
		}
	return enough;
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
	return has_seen_programs(out) && enough;
}
