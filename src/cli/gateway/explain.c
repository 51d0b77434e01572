/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport explain: one question, answered by the programs that judge packets. With FILE it is
 * asked of that policy and its fixtures, else of the running gateway. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/files/source.h"
#include "cli/gateway/client.h"
#include "cli/screen/render.h"
#include "io/loop/clock.h"
#include "json/text.h"
#include "judge/ask.h"
#include "judge/describe.h"
#include "net/addr.h"
#include "plane/planes.h"

#define ASKED_NS UINT64_C(1000000000) /* boot time of the judges */

struct question {
	struct sp_ask ask;
	const char *at, *plane, *machine, *record;
	bool exit_code;
};

/* The fixture session meant: of several devices the first, or the first with an address of the
 * family. -ENOENT: none; -EEXIST: people of two providers have the name. */
static int find_person(const struct sp_fixtures *fixtures, const char *user, const char *idp,
		       bool is_v6, const struct sp_fixture_session **ret_session)
{
	const struct sp_fixture_session *found = NULL;

	for (size_t i = 0; i < fixtures->session_count; i++) {
		const struct sp_fixture_session *session = &fixtures->sessions[i];

		if (strcmp(session->user, user) || (idp && strcmp(session->idp, idp)))
			continue;
		if (found && strcmp(found->idp, session->idp))
			return -EEXIST;
		if (!found || (!found->has_address[is_v6] && session->has_address[is_v6]))
			found = session;
	}
	*ret_session = found;
	return found ? 0 : -ENOENT;
}

static int find_fixture(void *arg, const char *user, const char *idp, bool is_v6,
			struct sp_asked *ret_asked)
{
	const struct sp_policy *policy = arg;
	const struct sp_fixture_session *session;
	const int r = find_person(&policy->fixtures, user, idp, is_v6, &session);

	if (r < 0)
		return r;
	if (!session->has_address[is_v6])
		return -EAFNOSUPPORT;
	ret_asked->tuple.source = session->addresses[is_v6];
	ret_asked->user = session->user;
	return 0;
}

static void offer_fixtures(void *arg, struct sp_nearest *near)
{
	const struct sp_policy *policy = arg;

	for (size_t i = 0; i < policy->fixtures.session_count; i++)
		sp_nearest_offer(near, policy->fixtures.sessions[i].user);
}

static const struct sp_ask_people fixture_people = {
	.find = find_fixture,
	.offer = offer_fixtures,
	.nobody = "no user of the policy's fixtures.sessions",
};

static int fail_asking(int r, const struct sp_ask_fault *fault)
{
	if (r == -EINVAL && fault->kind)
		return sp_cli_fail(fault->kind == SP_ASK_FAMILY ? SP_EXIT_FAILED : SP_EXIT_USAGE,
				   "%s", fault->message);
	return sp_cli_fail(SP_EXIT_FAILED, "opening the session asked for: %s", sp_judge_fault(r));
}

/* Whose session sends from the address; NULL: nobody's. */
static const struct sp_fixture_session *find_session(const struct sp_policy *policy,
						     const struct sp_addr *source)
{
	const bool is_v6 = !sp_addr_is_v4(source);

	for (size_t i = 0; i < policy->fixtures.session_count; i++) {
		const struct sp_fixture_session *session = &policy->fixtures.sessions[i];

		if (session->has_address[is_v6] &&
		    !sp_addr_compare(&session->addresses[is_v6], source))
			return session;
	}
	return NULL;
}

static int make_trail(const struct sp_policy_source *source, struct sp_judge *judge,
		      const struct sp_facts *facts, const struct sp_asked *asked,
		      const struct sp_answer *answer, struct sp_trail *ret_trail)
{
	const struct sp_fixture_session *session =
		find_session(source->policy, &asked->tuple.source);
	const struct sp_person person =
		session ? sp_fixture_person(session) : (struct sp_person){ 0 };
	const struct sp_trail_asked packet = { .hook = asked->hook,
					       .tuple = &asked->tuple,
					       .is_own = asked->is_own,
					       .now_ns = ASKED_NS,
					       .now_s = facts->now_s,
					       .person = session ? &person : NULL,
					       .role = asked->role };

	return sp_trail_make(judge, source->policy, source->gateway, &packet, answer, ret_trail);
}

static json_t *answer_json(const struct sp_policy_source *source, const struct sp_asked *asked,
			   const struct sp_judgement *judgement, const struct sp_trail *trail)
{
	char generation[65];
	struct sp_explained explained = {
		.generation = sp_generation_short(source->policy->generation, generation),
		.user = asked->user,
		.role = asked->role,
		.trail = trail,
	};
	json_t *object;

	sp_explained_judge(&explained, source->policy, source->gateway, judgement, asked->hook,
			   &asked->tuple);
	object = sp_describe_explained(&explained);
	json_object_set_new(object, "v", json_integer(1));
	return object;
}

static void print_judge(const char *plane)
{
	const struct sp_plane_ops *ops = sp_plane_find(sp_planes, plane);

	if (!strcmp(plane, "nftables"))
		sp_cli_print("the second lock, nftables");
	else if (!sp_judge_is_plane(plane))
		sp_cli_print("the reference evaluator alone");
	else if (ops && ops->judges)
		sp_cli_print("%s; the reference agrees", ops->judges);
	else
		sp_cli_print("the plane %s; the reference agrees", plane);
}

/* Of several targets, the one that new connections of this source go to. */
static void print_forward(json_t *object, json_t *forward)
{
	json_t *targets = json_object_get(forward, "targets"), *target;
	size_t i, answering = 0;

	json_array_foreach(targets, i, target)
		answering += json_is_true(json_object_get(target, "answers"));
	sp_cli_print("  nat    %s: ", sp_json_text(forward, "name"));
	if (targets && !answering) {
		sp_cli_print("no target answers, so nothing is forwarded\n");
		return;
	}
	sp_cli_print("%s port %lld is %s port %lld", sp_json_text(object, "destination"),
		     sp_json_integer(object, "port"), sp_json_text(forward, "destination"),
		     sp_json_integer(forward, "port"));
	if (targets)
		sp_cli_print(" for this source; %zu of %zu targets answer", answering,
			     json_array_size(targets));
	sp_cli_print("\n");
}

static void print_translations(json_t *object)
{
	json_t *netmap = json_object_get(object, "netmap");
	json_t *forward = json_object_get(object, "forward");
	json_t *masquerade = json_object_get(object, "masquerade");

	if (netmap)
		sp_cli_print("  nat    %s: %s is %s\n", sp_json_text(netmap, "name"),
			     sp_json_text(object, "destination"),
			     sp_json_text(netmap, "destination"));
	if (forward)
		print_forward(object, forward);
	if (masquerade)
		sp_cli_print("  nat    %s: it leaves %s with an address of %s\n",
			     sp_json_text(masquerade, "name"), sp_json_text(masquerade, "out"),
			     sp_json_text(masquerade, "out"));
}

static void print_roles(json_t *roles)
{
	size_t i;
	json_t *role;

	json_array_foreach(roles, i, role)
		sp_cli_print("  role   %s (%s:%lld): %s\n", sp_json_text(role, "role"),
			     sp_json_text(role, "file"), sp_json_integer(role, "line"),
			     sp_json_text(role, "by"));
}

static void print_hooks(json_t *object, json_t *hooks)
{
	size_t i;
	json_t *hook;

	if (json_array_size(hooks)) {
		sp_cli_print("  hook   ");
		json_array_foreach(hooks, i, hook)
			sp_cli_print("%s%s", i ? ", " : "", json_string_value(hook));
		sp_cli_print("\n");
		return;
	}
	sp_cli_print("  hook   %s%s%s\n", sp_json_text(object, "hook"),
		     *sp_json_text(object, "hook") ? "" : "none: ",
		     *sp_json_text(object, "hook") ? "" : sp_json_text(object, "interface"));
}

/* What would be if the rule did not exist. */
static void print_otherwise(json_t *otherwise)
{
	if (!json_is_object(otherwise))
		return;
	sp_cli_print("  else   without this rule: %s", sp_json_text(otherwise, "verdict"));
	if (json_is_string(json_object_get(otherwise, "rule")))
		sp_cli_print(", rule %s", sp_json_text(otherwise, "rule"));
	if (json_is_integer(json_object_get(otherwise, "line")))
		sp_cli_print(" (%s:%lld)", sp_json_text(otherwise, "file"),
			     sp_json_integer(otherwise, "line"));
	sp_cli_print("\n");
}

static void print_near(json_t *near)
{
	static const struct {
		const char *part, *words;
	} parts[] = { { "from", "it is not for this sender" },
		      { "to", "it is not for this destination" },
		      { "services", "it is not for this service" },
		      { "time", "it is not in force now" } };
	size_t i;
	json_t *rule;

	json_array_foreach(near, i, rule) {
		const char *words = "";

		for (size_t j = 0; j < SP_ARRAY_LEN(parts); j++)
			if (!strcmp(parts[j].part, sp_json_text(rule, "misses")))
				words = parts[j].words;
		sp_cli_print("  near   rule %s (%s:%lld) would allow it, but %s\n",
			     sp_json_text(rule, "rule"), sp_json_text(rule, "file"),
			     sp_json_integer(rule, "line"), words);
	}
}

static void print_audit(json_t *audit)
{
	if (audit)
		sp_cli_print("  audit  rule %s would %s\n", sp_json_text(audit, "rule"),
			     sp_json_text(audit, "would"));
}

/* Print an explain object, ours or the daemon's. Returns the exit code. */
static int print_answer(const struct sp_cli *cli, const struct question *question, json_t *object)
{
	const bool is_allow = !strcmp(sp_json_text(object, "verdict"), "allow");
	const int exit_code = question->exit_code && !is_allow ? SP_EXIT_DENY : SP_EXIT_OK;
	const bool is_own = question->ask.from && !strcmp(question->ask.from, "self");
	const char *user = is_own ? "self" : sp_json_text(object, "user");
	const char *role = sp_json_text(object, "role");
	json_t *trail = json_object_get(object, "trail");

	if (cli->json) {
		sp_cli_print_json(json_incref(object));
		return exit_code;
	}
	sp_cli_print("%s%s%s  ", sp_cli_paint(cli, is_allow ? SP_GREEN : SP_RED),
		     is_allow ? "ALLOW" : "DENY", sp_cli_paint(cli, SP_PLAIN));
	if (json_is_string(json_object_get(object, "rule")))
		sp_cli_print("rule %s", sp_json_text(object, "rule"));
	else
		sp_cli_print("no rule was asked");
	if (json_is_integer(json_object_get(object, "line")))
		sp_cli_print(" (%s:%d)", sp_json_text(object, "file"),
			     (int)json_integer_value(json_object_get(object, "line")));
	sp_cli_print("  reason %s  generation %s\n",
		     json_is_string(json_object_get(object, "reason"))
			     ? sp_json_text(object, "reason")
			     : "none",
		     sp_json_text(object, "generation"));
	sp_cli_print("  who    %s%s%s%s\n",
		     *user   ? user
		     : *role ? "role "
			     : "",
		     *user ? "" : role, *user || *role ? "  " : "", sp_json_text(object, "source"));
	print_roles(json_object_get(trail, "roles"));
	print_hooks(object, json_object_get(trail, "hooks"));
	print_translations(object);
	sp_cli_print("  said   %s\n", sp_json_text(object, "message"));
	if (*sp_json_text(object, "limit"))
		sp_cli_print("  limit  %s\n", sp_json_text(object, "limit"));
	if (*sp_json_text(object, "ticket"))
		sp_cli_print("  ticket %s\n", sp_json_text(object, "ticket"));
	print_audit(json_object_get(object, "audit"));
	print_otherwise(json_object_get(trail, "otherwise"));
	print_near(json_object_get(trail, "near"));
	sp_cli_print("  by     ");
	print_judge(sp_json_text(object, "plane"));
	sp_cli_print("\n");
	return exit_code;
}

/* The moment asked about: --at, else that of the fixtures, else now. Returns SP_EXIT_OK;
 * SP_EXIT_USAGE, said. */
static int read_moment(const struct question *question, const struct sp_policy *policy,
		       struct sp_facts *ret_facts)
{
	struct sp_facts facts = { .now_s = sp_policy_moment(policy, sp_clock_realtime_s()),
				  .now_boot_ns = ASKED_NS };

	if (question->at && sp_policy_parse_time(policy, question->at, &facts.now_s) < 0)
		return sp_cli_fail(SP_EXIT_USAGE,
				   "--at %s: write 2026-11-23T19:00, by the policy's clock, or "
				   "2026-11-23T18:00:00Z",
				   question->at);
	*ret_facts = facts;
	return SP_EXIT_OK;
}

static int ask_file(const struct sp_cli *cli, const struct question *question, const char *path)
{
	__sp_cleanup(sp_policy_source_done) struct sp_policy_source source = SP_POLICY_SOURCE_INIT;
	__sp_cleanup(sp_judge_freep) struct sp_judge *judge = NULL;
	__sp_cleanup(sp_trail_done) struct sp_trail trail = { 0 };
	__sp_json json_t *answer = NULL;
	struct sp_facts facts;
	struct sp_judgement judgement;
	struct sp_ask_fault fault = { 0 };
	struct sp_asked asked = { 0 };
	struct sp_judge_planes planes;
	int r;

	sp_cli_choose_planes(question->plane, &planes);
	r = sp_policy_source_open(cli, path, question->machine, &source);
	if (r == SP_EXIT_OK)
		r = read_moment(question, source.policy, &facts);
	if (r == SP_EXIT_OK)
		r = sp_policy_source_judge(&source, &facts, &planes, &judge);
	if (r != SP_EXIT_OK)
		return r;
	const struct sp_asking asking = {
		.policy = source.policy,
		.gateway = source.gateway,
		.judge = judge,
		.interfaces = "the fixtures or the --gateway file",
		.people = &fixture_people,
		.people_arg = source.policy,
	};
	r = sp_ask_packet(&asking, &question->ask, &asked, &fault);
	if (r == 0)
		r = sp_ask_hook(&asking, &question->ask, &asked, &fault);
	if (r < 0)
		return fail_asking(r, &fault);
	r = sp_judge_tuple(judge, asked.hook, &asked.tuple, asked.is_own, ASKED_NS, &judgement);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "judging: %s", sp_judge_fault(r));
	if (judgement.disagree)
		return sp_cli_fail(
			SP_EXIT_FAILED,
			"the programs say %s (%s), the reference %s (%s): a defect of Sallyport",
			sp_verdict_name(judgement.answer.verdict),
			sp_reason_name(judgement.answer.reason),
			sp_verdict_name(judgement.reference.verdict),
			sp_reason_name(judgement.reference.reason));
	r = make_trail(&source, judge, &facts, &asked, &judgement.answer, &trail);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "judging: %s", sp_judge_fault(r));
	answer = answer_json(&source, &asked, &judgement, &trail);
	return print_answer(cli, question, answer);
}

static int ask_daemon(const struct sp_cli *cli, const struct question *question)
{
	const struct {
		const char *field, *text;
	} fields[] = {
		{ "from", question->ask.from }, { "idp", question->ask.idp },
		{ "to", question->ask.to },     { "service", question->ask.service },
		{ "on", question->ask.on },     { "plane", question->plane },
		{ "at", question->at },
	};
	__sp_json json_t *request = json_object(), *reply = NULL;
	int r;

	for (size_t i = 0; i < SP_ARRAY_LEN(fields); i++)
		if (fields[i].text)
			json_object_set_new(request, fields[i].field,
					    sp_json_of_text(fields[i].text));
	if (question->record) {
		json_t *record = json_loads(question->record, 0, NULL);

		if (!record)
			return sp_cli_fail(SP_EXIT_USAGE,
					   "--record takes one audit record, as JSON");
		json_object_set_new(request, "record", record);
	}
	r = sp_client_call(cli, "explain", SP_TAKE_PTR(request), &reply);
	if (r != SP_EXIT_OK)
		return r;
	json_object_del(reply, "ok");
	json_object_del(reply, "id");
	return print_answer(cli, question, reply);
}

/* Check which options go together. Returns SP_EXIT_OK; SP_EXIT_USAGE, said. */
static int check_question(const struct question *question, bool has_file)
{
	const struct sp_ask *ask = &question->ask;

	if (question->record && has_file)
		return sp_cli_fail(SP_EXIT_USAGE,
				   "--record is asked of the running gateway, which keeps the "
				   "policies and sessions of that time: leave FILE out");
	if (question->machine && !has_file)
		return sp_cli_fail(SP_EXIT_USAGE,
				   "--gateway goes with FILE: without it the running gateway "
				   "answers, with its own sallyport.yaml");
	if (question->record &&
	    (ask->from || ask->idp || ask->to || ask->service || ask->on || question->at))
		return sp_cli_fail(
			SP_EXIT_USAGE,
			"--record says who, what, where and when: leave the other questions out");
	if (!question->record && (!ask->from || !ask->to))
		return sp_cli_fail(SP_EXIT_USAGE,
				   "explain needs --from and --to; see sallyport explain --help");
	return SP_EXIT_OK;
}

int sp_cli_explain(struct sp_cli *cli, int argc, char **argv)
{
	struct question question = { 0 };
	const char *path[1];
	const struct sp_option options[] = {
		{ "from", NULL, &question.ask.from, "WHO",
		  "user, role:NAME, address, anonymous or self" },
		{ "idp", NULL, &question.ask.idp, "NAME", "the user of this provider" },
		{ "to", NULL, &question.ask.to, "TARGET",
		  "ADDR:PORT[/tcp|udp|sctp], ADDR/icmp, ADDR/proto/N; ADDR or PORT may be names: "
		  "git:ssh" },
		{ "service", NULL, &question.ask.service, "SERVICE",
		  "instead of a port in TARGET: a service of the policy, or as tcp/443" },
		{ "on", NULL, &question.ask.on, "IFACE",
		  "the interface it arrives on, or from self leaves by" },
		{ "at", NULL, &question.at, "TIME",
		  "as of then: 2026-11-23T19:00 by the policy's clock, or with Z" },
		{ "plane", NULL, &question.plane, "PLANE", sp_cli_plane_help(),
		  sp_cli_plane_values() },
		{ "gateway", NULL, &question.machine, "FILE",
		  "with FILE: pool and interfaces of this sallyport.yaml" },
		{ "record", NULL, &question.record, "JSON",
		  "instead of --from and --to, without FILE: ask what an audit record says, as of "
		  "then" },
		{ "exit-code", &question.exit_code, NULL, NULL, "exit 0 allow, 10 deny" },
		{ 0 },
	};
	size_t path_count;
	int r;

	r = sp_cli_options(cli, "explain", argc, argv, options, path, 1, &path_count);
	if (r != 0)
		return sp_cli_options_exit(r);
	r = check_question(&question, path_count);
	if (r != SP_EXIT_OK)
		return r;
	return path_count ? ask_file(cli, &question, path[0]) : ask_daemon(cli, &question);
}
