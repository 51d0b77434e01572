/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport explain: one question, answered by the programs that judge packets. With FILE from that
 * policy and its fixtures, without from the running gateway. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/source.h"
#include "judge/ask.h"
#include "net/addr.h"

struct question {
	struct sp_ask ask;
	const char *at, *plane, *machine, *record;
	bool exit_code;
};

/* The fixture session meant. -ENOENT: none; -EEXIST: people of two providers have the name. */
static int find_person(const struct sp_fixtures *fixtures, const char *user, const char *idp,
		       const struct sp_fixture_session **ret_session)
{
	const struct sp_fixture_session *found = NULL;

	for (size_t i = 0; i < fixtures->session_count; i++) {
		const struct sp_fixture_session *session = &fixtures->sessions[i];

		if (strcmp(session->user, user) || (idp && strcmp(session->idp, idp)))
			continue;
		if (found)
			return -EEXIST;
		found = session;
	}
	*ret_session = found;
	return found ? 0 : -ENOENT;
}

static int find_fixture(void *arg, const char *user, const char *idp, bool is_v6, struct sp_asked *ret_asked)
{
	const struct sp_policy *policy = arg;
	const struct sp_fixture_session *session;
	const int r = find_person(&policy->fixtures, user, idp, &session);

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
		return sp_cli_fail(fault->kind == SP_ASK_FAMILY ? SP_EXIT_FAILED : SP_EXIT_USAGE, "%s", fault->message);
	return sp_cli_fail(SP_EXIT_FAILED, "opening the session asked for: %s", sp_judge_fault(r));
}

static json_t *answer_json(const struct sp_policy_source *source, const struct sp_asked *asked,
			   const struct sp_judgement *judgement)
{
	const struct sp_answer *answer = &judgement->answer;
	const struct sp_rule *rule = sp_policy_rule(source->policy, answer->rule);
	char generation[65], address[SP_ADDR_TEXT_MAX];
	json_t *object;

	object = json_pack("{s:i, s:s, s:s?, s:s, s:s, s:s, s:s, s:s, s:s}", "v", 1, "verdict",
			   sp_verdict_name(answer->verdict), "rule",
			   sp_policy_rule_name(source->policy, answer->rule), "reason",
			   sp_reason_name(answer->reason), "message",
			   rule && rule->reason ? rule->reason : sp_reason_meaning(answer->reason),
			   "generation", sp_generation_short(source->policy->generation, generation),
			   "plane", judgement->plane, "hook", sp_hook_name(asked->hook), "source",
			   sp_addr_format(&asked->tuple.source, address));
	if (rule) {
		json_object_set_new(object, "file",
				    json_string(source->policy->files[rule->place.file].path));
		json_object_set_new(object, "line", json_integer(rule->place.line));
	}
	json_object_set_new(object, "destination", json_string(sp_addr_format(&asked->tuple.destination, address)));
	json_object_set_new(object, "proto", json_integer(asked->tuple.proto));
	json_object_set_new(object, "port", json_integer(asked->tuple.destination_port));
	if (asked->user)
		json_object_set_new(object, "user", json_string(asked->user));
	if (asked->role)
		json_object_set_new(object, "role", json_string(asked->role));
	return object;
}

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static const char *name_judge(const char *plane)
{
	if (!strcmp(plane, "nftables"))
		return "the second lock, nftables";
	return strcmp(plane, "ebpf") ? "the reference evaluator alone" :
				       "the kernel's own programs; the reference agrees";
}

/* Print an explain object, ours or the daemon's; takes the reference. Returns the exit code. */
static int print_answer(const struct sp_cli *cli, const struct question *question, json_t *object)
{
	const bool is_allow = !strcmp(text_of(object, "verdict"), "allow");
	const int exit_code = question->exit_code && !is_allow ? SP_EXIT_DENY : SP_EXIT_OK;
	const char *user = text_of(object, "user"), *role = text_of(object, "role");

	if (cli->json) {
		sp_cli_print_json(object);
		return exit_code;
	}
	sp_cli_print("%s%s%s  ", sp_cli_paint(cli, is_allow ? SP_GREEN : SP_RED), is_allow ? "ALLOW" : "DENY",
		     sp_cli_paint(cli, SP_PLAIN));
	if (json_is_string(json_object_get(object, "rule")))
		sp_cli_print("rule %s", text_of(object, "rule"));
	else
		sp_cli_print("no rule was asked");
	if (json_is_integer(json_object_get(object, "line")))
		sp_cli_print(" (%s:%d)", text_of(object, "file"),
			     (int)json_integer_value(json_object_get(object, "line")));
	sp_cli_print("  reason %s  generation %s\n",
		     json_is_string(json_object_get(object, "reason")) ? text_of(object, "reason") : "none",
		     text_of(object, "generation"));
	sp_cli_print("  who    %s%s%s%s\n", *user ? user : *role ? "role " : "", *user ? "" : role,
		     *user || *role ? "  " : "", text_of(object, "source"));
	sp_cli_print("  door   %s%s%s\n", text_of(object, "hook"), *text_of(object, "hook") ? "" : "none: ",
		     *text_of(object, "hook") ? "" : text_of(object, "interface"));
	sp_cli_print("  said   %s\n", text_of(object, "message"));
	sp_cli_print("  by     %s\n", name_judge(text_of(object, "plane")));
	json_decref(object);
	return exit_code;
}

static int ask_file(const struct sp_cli *cli, const struct question *question, const char *path)
{
	__sp_cleanup(sp_policy_source_done) struct sp_policy_source source = SP_POLICY_SOURCE_INIT;
	__sp_cleanup(sp_judge_freep) struct sp_judge *judge = NULL;
	struct sp_ebpf_error error = { 0 };
	struct sp_judgement judgement;
	struct sp_ask_fault fault = { 0 };
	struct sp_asked asked = { 0 };
	enum sp_judge_planes planes;
	int r;

	if (sp_cli_parse_plane(question->plane, &planes) < 0)
		return SP_EXIT_USAGE;
	r = sp_policy_source_load(path, question->machine, &source);
	if (r == SP_EXIT_INVALID)
		sp_source_print_diagnostics(cli, &source.diagnostics);
	if (r != SP_EXIT_OK)
		return r;
	r = sp_judge_new(source.policy, source.gateway, planes, &judge, &error);
	if (r >= 0)
		r = sp_judge_open_fixtures(judge);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "%s", *error.text ? error.text : sp_judge_fault(r));
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
	r = sp_judge_tuple(judge, asked.hook, &asked.tuple, 1000000000, &judgement);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "judging: %s", sp_judge_fault(r));
	if (judgement.disagree)
		return sp_cli_fail(SP_EXIT_FAILED,
				   "the programs say %s (%s), the reference %s (%s): a defect of Sallyport",
				   sp_verdict_name(judgement.answer.verdict),
				   sp_reason_name(judgement.answer.reason),
				   sp_verdict_name(judgement.reference.verdict),
				   sp_reason_name(judgement.reference.reason));
	return print_answer(cli, question, answer_json(&source, &asked, &judgement));
}

static int ask_daemon(const struct sp_cli *cli, const struct question *question)
{
	json_t *request = json_object(), *reply = NULL;
	int r;

	if (question->ask.from)
		json_object_set_new(request, "from", json_string(question->ask.from));
	if (question->ask.idp)
		json_object_set_new(request, "idp", json_string(question->ask.idp));
	if (question->ask.to)
		json_object_set_new(request, "to", json_string(question->ask.to));
	if (question->ask.service)
		json_object_set_new(request, "service", json_string(question->ask.service));
	if (question->ask.on)
		json_object_set_new(request, "on", json_string(question->ask.on));
	if (question->at)
		json_object_set_new(request, "at", json_string(question->at));
	if (question->record) {
		json_t *record = json_loads(question->record, 0, NULL);

		if (!record) {
			json_decref(request);
			return sp_cli_fail(SP_EXIT_USAGE, "--record takes one audit record, as JSON");
		}
		json_object_set_new(request, "record", record);
	}
	r = sp_client_call(cli, "explain", request, &reply);
	if (r != SP_EXIT_OK)
		return r;
	json_object_del(reply, "ok");
	json_object_del(reply, "id");
	return print_answer(cli, question, reply);
}

int sp_cli_explain(struct sp_cli *cli, int argc, char **argv)
{
	struct question question = { 0 };
	const char *path[1];
	const struct sp_option options[] = {
		{ "from", NULL, &question.ask.from, "WHO", "user, role:NAME, address or anonymous" },
		{ "idp", NULL, &question.ask.idp, "NAME", "the user of this provider" },
		{ "to", NULL, &question.ask.to, "TARGET", "ADDR:PORT[/tcp|udp|sctp], ADDR/icmp, ADDR/proto/N; ADDR or PORT may be names: git:ssh" },
		{ "service", NULL, &question.ask.service, "SERVICE", "instead of a port in TARGET: a service of the policy, or as tcp/443" },
		{ "on", NULL, &question.ask.on, "IFACE", "the interface it arrives on" },
		{ "at", NULL, &question.at, "TIME", "not supported yet" },
		{ "plane", NULL, &question.plane, "PLANE", "ebpf or reference" },
		{ "gateway", NULL, &question.machine, "FILE", "pool and interfaces of this sallyport.yaml" },
		{ "record", NULL, &question.record, "JSON", "ask what an audit record says, as of then" },
		{ "exit-code", &question.exit_code, NULL, NULL, "exit 0 allow, 10 deny" },
		{ 0 },
	};
	size_t path_count;
	int r;

	r = sp_cli_options(cli, "explain", argc, argv, options, path, 1, &path_count);
	if (r != 0)
		return sp_cli_options_exit(r);
	if (question.at)
		return sp_cli_fail(SP_EXIT_USAGE, "--at is not supported yet: no rule depends on the time so far");
	if (question.record && !path_count)
		return ask_daemon(cli, &question);
	if (!question.ask.from || !question.ask.to)
		return sp_cli_fail(SP_EXIT_USAGE, "explain needs --from and --to; see sallyport explain --help");
	return path_count ? ask_file(cli, &question, path[0]) : ask_daemon(cli, &question);
}
