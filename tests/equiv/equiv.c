/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reference evaluator = the compiled tables = the real programs, on random policies and
 * packets. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "save.h"
#include "shrink.h"
#include "tally.h"
#include "trial.h"

static const char usage[] =
	"usage: equiv [options]\n"
	"  --seed N          first seed (default 1)\n"
	"  --policies N      at least this many policies (default 500)\n"
	"  --packets N       at least this many packets put before every judge (default 25000)\n"
	"  --no-ebpf         do not ask the programs in the kernel\n"
	"  --out DIR         where failing cases are saved (default ./equiv-failures)\n"
	"  --failures N      stop after so many (default 3)\n"
	"  --case DIR        run one saved case and show every answer\n"
	"  --plant N         put bug N (1-6) into the tables: it must be found within 2000 pairs\n"
	"  --plants          all six, by the tables and by the programs, each must be found\n";

struct options {
	uint64_t seed;
	uint64_t policies, packets; /* packets: put before every judge */
	bool with_ebpf, all_plants;
	enum plant plant;
	const char *out, *saved;
	unsigned failures;
};

#define PLANT_PAIRS_MAX 2000

/* A policy, then traffic for it. A policy the language refuses gets none. */
static void make_case(uint64_t seed, struct equiv_case *test)
{
	__sp_cleanup(trial_close) struct trial trial = { 0 };
	struct rng rng = rng_from_seed(seed);
	const struct trial_seconds before = trial_seconds;
	double begin = cpu_seconds();
	struct sp_plane_error why;

	memset(test, 0, sizeof(*test));
	test->seed = seed;
	world_make(&rng, &test->world);
	if (trial_open(test, false, PLANT_NONE, &trial, &why) == 0)
		traffic_make(&rng, test, trial_guess, &trial);
	trial_seconds = before;
	trial_seconds.make += cpu_seconds() - begin;
}

enum result { AGREED, DIFFERED, REFUSED, BROKEN };

/* Run a case to its end or to the first packet the judges disagree on. */
static enum result run_case(const struct equiv_case *test, bool with_ebpf, enum plant plant,
			    struct tally *tally, uint64_t *pairs_left, struct sp_plane_error *why)
{
	static struct trial_outcome outcome;
	__sp_cleanup(trial_close) struct trial trial = { 0 };
	int r = trial_open(test, with_ebpf, plant, &trial, why);

	if (r < 0)
		return r == -EINVAL ? REFUSED : BROKEN;
	for (uint32_t i = 0; i < test->step_count; i++) {
		if (pairs_left && *pairs_left == 0)
			return AGREED;
		if (trial_step(&trial, &test->steps[i], &outcome, why) < 0)
			return BROKEN;
		if (!outcome.is_packet)
			continue;
		if (tally)
			tally_packet(tally, &outcome, with_ebpf);
		if (pairs_left)
			--*pairs_left;
		if (!outcome_agrees(&outcome))
			return DIFFERED;
	}
	return AGREED;
}

struct question {
	bool with_ebpf;
	enum plant plant;
};

static bool still_fails(void *arg, const struct equiv_case *test)
{
	const struct question *question = arg;
	struct sp_plane_error why;
	enum result result = run_case(test, question->with_ebpf, question->plant, NULL, NULL, &why);

	return result == DIFFERED;
}

static void print_file(const char *dir, const char *name)
{
	char path[512], line[512];
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	in = fopen(path, "r");
	while (in && fgets(line, sizeof(line), in))
		printf("    %s", line);
	if (in)
		fclose(in);
}

/* Make it small, save it, show it. */
static void report_failure(const struct options *options, struct equiv_case *test, enum plant plant)
{
	struct question question = { options->with_ebpf, plant };
	char dir[512];
	int r;

	printf("seed %llu: the judges disagree; making the case small …\n",
	       (unsigned long long)test->seed);
	shrink_case(test, still_fails, &question, 600);
	mkdir(options->out, 0755);
	snprintf(dir, sizeof(dir), "%s/seed-%llu", options->out, (unsigned long long)test->seed);
	r = save_case(test, options->with_ebpf, plant, dir);
	printf("  saved as %s%s%s\n", dir, r < 0 ? ": " : "", r < 0 ? sp_err_text(r) : "");
	print_file(dir, "policy.yaml");
	print_file(dir, "case.txt");
}

/* ---- the run ---- */

static void print_seconds(void)
{
	printf("seconds: making %.1f, loading %.1f, compiling %.1f, staging %.1f, reference %.1f, "
	       "tables %.1f, ebpf %.1f, user space %.1f\n",
	       trial_seconds.make, trial_seconds.load, trial_seconds.compile, trial_seconds.stage,
	       trial_seconds.reference, trial_seconds.tables, trial_seconds.ebpf,
	       trial_seconds.user);
}

static int run(const struct options *options)
{
	static struct equiv_case test;
	struct tally tally = { 0 };
	struct sp_plane_error why;
	unsigned failures = 0;
	bool enough = true;

	printf("equiv: seeds from %llu, judges: reference, tables, the programs in user space%s\n",
	       (unsigned long long)options->seed, options->with_ebpf ? ", ebpf" : "");
	for (uint64_t seed = options->seed; failures < options->failures; seed++) {
		if (tally.policies >= options->policies && tally.asked_all >= options->packets)
			break;
		make_case(seed, &test);
		switch (run_case(&test, options->with_ebpf, PLANT_NONE, &tally, NULL, &why)) {
		case REFUSED:
			tally.refused++;
			continue;
		case BROKEN:
			printf("seed %llu: %s\n", (unsigned long long)seed, why.text);
			failures++;
			break;
		case DIFFERED:
			report_failure(options, &test, PLANT_NONE);
			failures++;
			break;
		case AGREED:
			break;
		}
		tally.policies++;
	}
	tally_print(&tally, stdout);
	print_seconds();
	printf("%llu policies (%llu more were refused by the language), %llu packets; asked: "
	       "tables %llu, ebpf %llu, every judge %llu\n",
	       (unsigned long long)tally.policies, (unsigned long long)tally.refused,
	       (unsigned long long)tally.packets, (unsigned long long)tally.asked_tables,
	       (unsigned long long)tally.asked_ebpf, (unsigned long long)tally.asked_all);
	if (options->policies >= 500 && options->packets >= 25000 && failures == 0)
		enough = tally_is_enough(&tally, stdout);
	printf("%s\n", failures || !enough ? "FAILED" : "equal");
	return failures || !enough;
}

/* ---- planted bugs ---- */

/* Pairs until the bug is seen, 0: it was not. */
static uint64_t find_plant(const struct options *options, bool with_ebpf, enum plant plant,
			   struct equiv_case *test)
{
	uint64_t pairs_left = PLANT_PAIRS_MAX;
	struct sp_plane_error why;

	for (uint64_t seed = options->seed; pairs_left > 0; seed++) {
		make_case(seed, test);
		switch (run_case(test, with_ebpf, plant, NULL, &pairs_left, &why)) {
		case DIFFERED:
			return PLANT_PAIRS_MAX - pairs_left;
		case BROKEN:
			printf("seed %llu: %s\n", (unsigned long long)seed, why.text);
			return 0;
		default:
			break;
		}
	}
	return 0;
}

/* One mistake needs one packet, or a few that lead up to it, and a rule or two. */
static bool is_made_small(struct equiv_case *test, enum plant plant)
{
	struct question question = { false, plant };
	uint32_t steps, rules;

	shrink_case(test, still_fails, &question, 2000);
	steps = test->step_count;
	rules = test->world.policy[0].rule_count;
	printf("         made small: %u steps, %u rules%s\n", steps, rules,
	       steps > 3 || rules > 2 ? ": NOT small" : "");
	return steps <= 3 && rules <= 2;
}

static bool run_plant(const struct options *options, enum plant plant, bool with_ebpf, bool show)
{
	static struct equiv_case test;
	uint64_t pairs = find_plant(options, with_ebpf, plant, &test);

	if (!pairs) {
		printf("plant %d, %s: NOT found within %d pairs by %s\n", plant, plant_name(plant),
		       PLANT_PAIRS_MAX, with_ebpf ? "reference and ebpf" : "reference and tables");
		return false;
	}
	printf("plant %d, %s: found after %llu pairs by %s\n", plant, plant_name(plant),
	       (unsigned long long)pairs,
	       with_ebpf ? "reference and ebpf" : "reference and tables");
	if (show)
		report_failure(options, &test, plant);
	return with_ebpf || is_made_small(&test, plant);
}

static int run_plants(const struct options *options)
{
	enum plant first = options->plant ? options->plant : PLANT_NONE + 1;
	enum plant last = options->plant ? options->plant : PLANT_COUNT - 1;
	bool found = true;

	printf("equiv: planted bugs, seeds from %llu\n", (unsigned long long)options->seed);
	for (enum plant plant = first; plant <= last; plant++) {
		found &= run_plant(options, plant, false, !options->with_ebpf && options->plant);
		if (options->with_ebpf)
			found &= run_plant(options, plant, true, options->plant);
	}
	return !found;
}

/* ---- a saved case ---- */

static int run_saved(const struct options *options)
{
	static struct equiv_case test;
	static struct trial_outcome outcome;
	__sp_cleanup(trial_close) struct trial trial = { 0 };
	struct sp_plane_error why = { "" };
	bool agreed = true;
	int r = read_case(options->saved, &test);

	if (r < 0) {
		fprintf(stderr, "equiv: %s: %s\n", options->saved, sp_err_text(r));
		return 1;
	}
	r = trial_open(&test, options->with_ebpf, PLANT_NONE, &trial, &why);
	for (uint32_t i = 0; i < test.step_count && r == 0; i++) {
		printf("%s\n", test.steps[i].text);
		r = trial_step(&trial, &test.steps[i], &outcome, &why);
		if (r < 0 || !outcome.is_packet)
			continue;
		print_outcome(stdout, &trial, &outcome);
		agreed &= outcome_agrees(&outcome);
	}
	free((char *)test.text[0]);
	free((char *)test.text[1]);
	if (r < 0)
		fprintf(stderr, "equiv: %s\n", why.text);
	return r < 0 || !agreed;
}

/* ---- options ---- */

/* A scratch plane is what the real programs need. 0; 77 without rights, which is a skip; 1. */
static int cannot_ask_ebpf(void)
{
	struct sp_ebpf_options options = { .sessions_max = 64,
					   .flows_max = 4096,
					   .events_bytes = 65536 };
	struct sp_ebpf *plane = NULL;
	struct sp_plane_error why = { "" };

	if (geteuid() != 0) {
		printf("skipped: the programs need root; --no-ebpf asks the others\n");
		return 77;
	}
	if (sp_ebpf_open(&options, &plane, &why) < 0) {
		printf("equiv: the programs cannot be asked: %s\n", why.text);
		return 1;
	}
	sp_ebpf_close(plane);
	return 0;
}

static int read_options(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "policies", required_argument, NULL, 'p' },
		{ "packets", required_argument, NULL, 'n' },
		{ "no-ebpf", no_argument, NULL, 'r' },
		{ "out", required_argument, NULL, 'o' },
		{ "failures", required_argument, NULL, 'f' },
		{ "case", required_argument, NULL, 'c' },
		{ "plant", required_argument, NULL, 'b' },
		{ "plants", no_argument, NULL, 'B' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		unsigned long long number = optarg ? strtoull(optarg, NULL, 10) : 0;

		switch (option) {
		case 's':
			options->seed = number;
			break;
		case 'p':
			options->policies = number;
			break;
		case 'n':
			options->packets = number;
			break;
		case 'r':
			options->with_ebpf = false;
			break;
		case 'o':
			options->out = optarg;
			break;
		case 'f':
			options->failures = (unsigned)number;
			break;
		case 'c':
			options->saved = optarg;
			break;
		case 'b':
			options->plant = (enum plant)number;
			if (number == 0 || number >= PLANT_COUNT)
				return -EINVAL;
			break;
		case 'B':
			options->all_plants = true;
			break;
		default:
			return -EINVAL;
		}
	}
	return optind < argc ? -EINVAL : 0;
}

int main(int argc, char **argv)
{
	struct options options = {
		.seed = 1,
		.policies = 500,
		.packets = 25000,
		.with_ebpf = true,
		.out = "equiv-failures",
		.failures = 3,
	};
	int r;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (read_options(argc, argv, &options) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	r = options.with_ebpf ? cannot_ask_ebpf() : 0;
	if (r)
		return r;
	if (options.saved)
		return run_saved(&options);
	if (options.plant || options.all_plants)
		return run_plants(&options);
	return run(&options);
}
