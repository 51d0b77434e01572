/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "save.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"

static void print_answer(FILE *out, const struct trial *trial, const struct sp_answer *answer)
{
	const char *rule = sp_policy_rule_name(trial->policy[trial->revision], answer->rule);

	fprintf(out, "%s %s", sp_verdict_name(answer->verdict), sp_reason_name(answer->reason));
	if (rule)
		fprintf(out, " %s", rule);
	else if (answer->rule != SP_RULE_NONE)
		fprintf(out, " #%u", answer->rule);
	if (answer->audit.would)
		fprintf(out, ", would %s by #%u",
			answer->audit.would == SP_WOULD_DENY ? "deny" : "allow",
			answer->audit.rule);
}

static FILE *open_in(const char *dir, const char *name, const char *mode)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return fopen(path, mode);
}

/* ---- captures ---- */

#define LINKTYPE_ETHERNET 1
#define LINKTYPE_RAW 101

static FILE *start_capture(const char *dir, const char *name, uint32_t link_type)
{
	FILE *out = open_in(dir, name, "wb");
	uint8_t head[24] = { 0 };

	sp_put_le32(head, 0xa1b2c3d4);
	sp_put_le16(head + 4, 2);
	sp_put_le16(head + 6, 4);
	sp_put_le32(head + 16, 65535);
	sp_put_le32(head + 20, link_type);
	if (out)
		fwrite(head, sizeof(head), 1, out);
	return out;
}

static void put_record(FILE *out, const struct trial *trial, const struct test_frame *frame)
{
	uint8_t head[16];

	sp_put_le32(head, (uint32_t)(trial->now_ns / 1000000000));
	sp_put_le32(head + 4, (uint32_t)(trial->now_ns / 1000 % 1000000));
	sp_put_le32(head + 8, (uint32_t)frame->len);
	sp_put_le32(head + 12, (uint32_t)frame->len);
	fwrite(head, sizeof(head), 1, out);
	fwrite(frame->bytes, 1, frame->len, out);
}

/* ---- write ---- */

void print_outcome(FILE *out, const struct trial *trial, const struct trial_outcome *outcome)
{
	fputs("#\treference ", out);
	print_answer(out, trial, &outcome->reference);
	fputs(" | user space ", out);
	print_answer(out, trial, &outcome->user);
	if (outcome->user_wrong)
		fprintf(out, " (%s)", outcome->user_wrong);
	if (outcome->has_ebpf) {
		fputs(" | ebpf ", out);
		print_answer(out, trial, &outcome->ebpf);
	}
	if (outcome->has_tables) {
		fputs(" | without flows: reference ", out);
		print_answer(out, trial, &outcome->alone);
		fputs(", tables ", out);
		print_answer(out, trial, &outcome->tables);
	}
	fputs(outcome_agrees(outcome) ? "\n" : "   <-- they differ\n", out);
}

struct files {
	FILE *text, *ethernet, *ip;
};

static void files_done(struct files *files)
{
	if (files->text)
		fclose(files->text);
	if (files->ethernet)
		fclose(files->ethernet);
	if (files->ip)
		fclose(files->ip);
}

static int write_steps(const struct equiv_case *test, bool with_ebpf, enum plant plant,
		       const struct files *files)
{
	static struct trial_outcome outcome;
	__sp_cleanup(trial_close) struct trial trial = { 0 };
	struct sp_plane_error why;
	int r = trial_open(test, with_ebpf, plant, &trial, &why);

	for (uint32_t i = 0; i < test->step_count && r == 0; i++) {
		fprintf(files->text, "%s\n", test->steps[i].text);
		r = trial_step(&trial, &test->steps[i], &outcome, &why);
		if (r < 0 || !outcome.is_packet)
			continue;
		print_outcome(files->text, &trial, &outcome);
		put_record(outcome.frame.is_ethernet ? files->ethernet : files->ip, &trial,
			   &outcome.frame);
	}
	if (r < 0)
		fprintf(files->text, "# %s\n", why.text);
	return r;
}

int save_case(const struct equiv_case *test, bool with_ebpf, enum plant plant, const char *dir)
{
	static const char *const names[] = { "policy.yaml", "next.yaml" };
	__sp_cleanup(files_done) struct files files = { 0 };

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return sp_errno();
	for (unsigned revision = 0; revision < 2; revision++) {
		__sp_fclose FILE *out = open_in(dir, names[revision], "w");

		if (!out)
			return sp_errno();
		world_print_policy(&test->world, revision, out);
	}
	files.text = open_in(dir, "case.txt", "w");
	files.ethernet = start_capture(dir, "ethernet.pcap", LINKTYPE_ETHERNET);
	files.ip = start_capture(dir, "ip.pcap", LINKTYPE_RAW);
	if (!files.text || !files.ethernet || !files.ip)
		return sp_errno();
	world_print_rest(test, files.text);
	return write_steps(test, with_ebpf, plant, &files);
}

/* ---- read ---- */

static int read_text(const char *dir, const char *name, char **ret_text)
{
	__sp_fclose FILE *in = open_in(dir, name, "r");
	size_t size = 0;
	char *text = NULL;

	if (!in)
		return sp_errno();
	if (getdelim(&text, &size, '\0', in) < 0) {
		free(text);
		return -EIO;
	}
	*ret_text = text;
	return 0;
}

static bool read_route(const char *line, struct world *world)
{
	struct world_route route = { 0 };
	const char *by = strstr(line, " by ");
	char zone[16], when[16] = "";

	if (sscanf(line, "route %63s %15s %15s", route.prefix, zone, when) < 2 ||
	    world->route_count == ROUTES_MAX)
		return false;
	route.ifindex = by ? (uint32_t)strtoul(by + 4, NULL, 10) : 0;
	route.is_absent[0] = strcmp(when, "next") == 0;
	route.is_absent[1] = strcmp(when, "first") == 0;
	for (unsigned n = 0; n < SP_ZONE_COUNT; n++) {
		if (strcmp(sp_zone_name(n), zone) != 0)
			continue;
		route.zone = (enum sp_zone)n;
		world->routes[world->route_count++] = route;
		return true;
	}
	return false;
}

static bool read_parked(const char *line, struct world *world)
{
	char word[WORD_MAX], when[16] = "";

	if (sscanf(line, "resolver %63s", word) == 1) {
		words_add(&world->resolvers, "%s", word);
		return true;
	}
	if (sscanf(line, "portal %u %15s", &world->portal_port, when) < 1)
		return false;
	world->is_parked_absent[0] = strcmp(when, "next") == 0;
	world->is_parked_absent[1] = strcmp(when, "first") == 0;
	return true;
}

static void read_line(const char *line, struct equiv_case *test)
{
	struct world *world = &test->world;
	unsigned long long expires, idle;
	char word[WORD_MAX];
	unsigned n;

	if (line[0] == '#' || line[0] == '\0' || read_route(line, world) ||
	    read_parked(line, world))
		return;
	if (sscanf(line, "trust %63s", word) == 1) {
		words_add(&world->trust, "%s", word);
	} else if (sscanf(line, "session %u expires %llu ms idle %llu", &n, &expires, &idle) == 3) {
		if (n < SESSIONS_MAX) {
			world->sessions[n].expires_ns = expires * 1000000;
			world->sessions[n].idle_ns = idle * 1000000;
		}
	} else if (sscanf(line, "flows %u", &n) == 1) {
		world->flows_max = n;
	} else if (sscanf(line, "session-flows %u", &n) == 1) {
		world->session_flows_max = n;
	} else if (test->step_count < STEPS_MAX) {
		snprintf(test->steps[test->step_count++].text, STEP_MAX, "%s", line);
	}
}

int read_case(const char *dir, struct equiv_case *test)
{
	__sp_free char *policy = NULL, *next = NULL, *rest = NULL;
	char *line, *at;
	int r = read_text(dir, "policy.yaml", &policy);

	if (r == 0)
		r = read_text(dir, "next.yaml", &next);
	if (r == 0)
		r = read_text(dir, "case.txt", &rest);
	if (r < 0)
		return r;
	*test = (struct equiv_case){ 0 };
	for (at = rest; (line = strsep(&at, "\n"));)
		read_line(line, test);
	test->text[0] = SP_TAKE_PTR(policy);
	test->text[1] = SP_TAKE_PTR(next);
	return 0;
}
