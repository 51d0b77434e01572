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
#include "judge/judge.h"
#include "net/addr.h"
#include "yaml/suggest.h"

struct question {
	const char *from, *idp, *to, *on, *at, *plane, *machine, *record;
	bool exit_code;
};

/* Who asks, in the judge: a session already open, a new one for a role, or an address. */
struct asker {
	struct sp_addr source;
	const char *user;
	const char *role;
};

static int fail_unknown_role(const struct sp_policy *policy, const char *name)
{
	struct sp_nearest near;

	sp_nearest_init(&near, name);
	for (size_t i = 0; i < policy->role_count; i++)
		sp_nearest_offer(&near, policy->roles[i].name);
	return sp_cli_fail(SP_EXIT_USAGE, "the policy has no role \"%s\"%s%s%s", name,
			   near.best ? "; did you mean \"" : "", near.best ? near.best : "", near.best ? "\"?" : "");
}

static int open_role(const struct sp_source *source, struct sp_judge *judge, const char *name,
		     bool is_v6, struct asker *asker)
{
	const struct sp_policy *policy = source->policy;
	struct sp_identity identity = { .role_count = 1 };
	uint32_t role, number;
	int r;

	for (role = 0; role < policy->role_count; role++)
		if (!strcmp(policy->roles[role].name, name))
			break;
	if (role == policy->role_count)
		return fail_unknown_role(policy, name);
	identity.roles = &role;
	for (size_t family = 0; family < 2; family++)
		identity.has_address[family] =
			sp_judge_spare_address(source->gateway, family == 1, 1,
					       &identity.addresses[family]) == 0;
	if (!identity.has_address[is_v6])
		return sp_cli_fail(SP_EXIT_FAILED, "the pool has no IPv%d prefix", is_v6 ? 6 : 4);
	r = sp_judge_open_session(judge, &identity, &number);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "opening a session for role %s: %s", name,
				   sp_judge_fault(r));
	asker->source = identity.addresses[is_v6];
	asker->role = policy->roles[role].name;
	return SP_EXIT_OK;
}

static int fail_unknown_user(const struct sp_policy *policy, const char *from)
{
	struct sp_nearest near;

	sp_nearest_init(&near, from);
	for (size_t i = 0; i < policy->fixtures.session_count; i++)
		sp_nearest_offer(&near, policy->fixtures.sessions[i].user);
	return sp_cli_fail(SP_EXIT_USAGE,
			   "--from %s: no fixture session of that user%s%s%s; role:NAME and addresses work too",
			   from, near.best ? " (did you mean " : "", near.best ? near.best : "",
			   near.best ? "?)" : "");
}

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

static int take_person(const struct sp_policy *policy, const struct question *question, bool is_v6,
		       struct asker *asker)
{
	const struct sp_fixture_session *session;
	const char *from = question->from;
	const int r = find_person(&policy->fixtures, from, question->idp, &session);

	if (r == -EEXIST)
		return sp_cli_fail(SP_EXIT_USAGE,
				   "--from %s: people of several providers have that name in the "
				   "fixtures; say whose: --idp NAME",
				   from);
	if (r < 0)
		return fail_unknown_user(policy, from);
	if (!session->has_address[is_v6])
		return sp_cli_fail(SP_EXIT_FAILED, "%s has no IPv%d address in the fixtures", from,
				   is_v6 ? 6 : 4);
	asker->source = session->addresses[is_v6];
	asker->user = session->user;
	return SP_EXIT_OK;
}

static int find_asker(const struct sp_source *source, struct sp_judge *judge,
		      const struct question *question, bool is_v6, struct asker *asker)
{
	const char *from = question->from;

	if (!strncmp(from, "role:", 5))
		return open_role(source, judge, from + 5, is_v6, asker);
	if (!strcmp(from, "anonymous")) {
		asker->source = sp_judge_stranger(source->policy, source->gateway, is_v6);
		return SP_EXIT_OK;
	}
	if (sp_addr_parse(from, &asker->source) == 0) {
		if (sp_addr_is_v4(&asker->source) == is_v6)
			return sp_cli_fail(SP_EXIT_USAGE, "--from and --to are of different families");
		return SP_EXIT_OK;
	}
	return take_person(source->policy, question, is_v6, asker);
}

static int find_hook(const struct sp_source *source, const struct question *question,
		     const struct asker *asker, enum sp_hook *ret_hook)
{
	if (!question->on) {
		*ret_hook = !strcmp(question->from, "anonymous") ?
				    SP_HOOK_EDGE_IN :
				    sp_judge_first_hook(source->gateway, &asker->source);
		return SP_EXIT_OK;
	}
	if (sp_judge_hook_of_interface(source->gateway, question->on, ret_hook) == 0)
		return SP_EXIT_OK;
	return sp_cli_fail(SP_EXIT_USAGE, "--on %s: no such interface in the fixtures or --gateway file",
			   question->on);
}

static json_t *answer_json(const struct sp_source *source, const struct asker *asker,
			   enum sp_hook hook, const struct sp_judgement *judgement)
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
			   "plane", judgement->plane, "hook", sp_hook_name(hook), "source",
			   sp_addr_format(&asker->source, address));
	if (rule) {
		json_object_set_new(object, "file",
				    json_string(source->policy->files[rule->place.file].path));
		json_object_set_new(object, "line", json_integer(rule->place.line));
	}
	if (asker->user)
		json_object_set_new(object, "user", json_string(asker->user));
	if (asker->role)
		json_object_set_new(object, "role", json_string(asker->role));
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

static int read_target(const struct sp_source *source, const struct question *question, struct sp_tuple *ret_tuple)
{
	struct sp_addr from;
	const bool prefers_v6 = sp_addr_parse(question->from, &from) == 0 && !sp_addr_is_v4(&from);
	const char *near;
	const int r = sp_judge_name_target(source->policy, question->to, prefers_v6, ret_tuple, &near);

	if (r == 0)
		return SP_EXIT_OK;
	return sp_cli_fail(SP_EXIT_USAGE,
			   "--to %s: write ADDR:PORT, ADDR:PORT/udp or ADDR/icmp, or a network of the policy for ADDR%s%s%s",
			   question->to, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int ask_file(const struct sp_cli *cli, const struct question *question, const char *path)
{
	__sp_cleanup(sp_source_done) struct sp_source source = SP_SOURCE_INIT;
	__sp_cleanup(sp_judge_freep) struct sp_judge *judge = NULL;
	struct sp_ebpf_error error = { 0 };
	struct sp_judgement judgement;
	struct asker asker = { 0 };
	struct sp_tuple tuple;
	enum sp_judge_planes planes;
	enum sp_hook hook;
	int r;

	if (sp_cli_parse_plane(question->plane, &planes) < 0)
		return SP_EXIT_USAGE;
	r = sp_source_load(path, question->machine, &source);
	if (r == SP_EXIT_INVALID)
		sp_source_print_diagnostics(cli, &source.diagnostics);
	if (r != SP_EXIT_OK)
		return r;
	r = read_target(&source, question, &tuple);
	if (r != SP_EXIT_OK)
		return r;
	r = sp_judge_new(source.policy, source.gateway, planes, &judge, &error);
	if (r >= 0)
		r = sp_judge_open_fixtures(judge);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "%s", *error.text ? error.text : sp_judge_fault(r));
	r = find_asker(&source, judge, question, !sp_addr_is_v4(&tuple.destination), &asker);
	if (r == SP_EXIT_OK)
		r = find_hook(&source, question, &asker, &hook);
	if (r != SP_EXIT_OK)
		return r;
	tuple.source = asker.source;
	tuple.source_port = 40000;
	r = sp_judge_tuple(judge, hook, &tuple, 1000000000, &judgement);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "judging: %s", sp_judge_fault(r));
	if (judgement.disagree)
		return sp_cli_fail(SP_EXIT_FAILED,
				   "the programs say %s (%s), the reference %s (%s): a defect of Sallyport",
				   sp_verdict_name(judgement.answer.verdict),
				   sp_reason_name(judgement.answer.reason),
				   sp_verdict_name(judgement.reference.verdict),
				   sp_reason_name(judgement.reference.reason));
	return print_answer(cli, question, answer_json(&source, &asker, hook, &judgement));
}

static int ask_daemon(const struct sp_cli *cli, const struct question *question)
{
	json_t *request = json_object(), *reply = NULL;
	int r;

	if (question->from)
		json_object_set_new(request, "from", json_string(question->from));
	if (question->idp)
		json_object_set_new(request, "idp", json_string(question->idp));
	if (question->to)
		json_object_set_new(request, "to", json_string(question->to));
	if (question->on)
		json_object_set_new(request, "on", json_string(question->on));
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
		{ "from", NULL, &question.from, "WHO", "user, role:NAME, address or anonymous" },
		{ "idp", NULL, &question.idp, "NAME", "the user of this provider" },
		{ "to", NULL, &question.to, "TARGET", "ADDR:PORT[/tcp|udp|sctp], ADDR/icmp, ADDR/proto/N; or a network's name for ADDR" },
		{ "on", NULL, &question.on, "IFACE", "the interface it arrives on" },
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
	if (!question.from || !question.to)
		return sp_cli_fail(SP_EXIT_USAGE, "explain needs --from and --to; see sallyport explain --help");
	return path_count ? ask_file(cli, &question, path[0]) : ask_daemon(cli, &question);
}
