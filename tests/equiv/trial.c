/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trial.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "policy/addresses/filled.h"
#include "policy/load.h"
#include "support/tzif.h"

#define START_NS UINT64_C(1000000000000)
#define DAY_NS UINT64_C(86400000000000)

struct trial_seconds trial_seconds;

double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

__attribute__((format(printf, 3, 4))) static int fail(struct sp_plane_error *why, int r,
						      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return r;
}

/* ---- policies ---- */

/* A name keeps its number from one revision to the next. */
struct names {
	const struct sp_policy *before;
	uint32_t next;
};

static int number_of_name(void *arg, const char *name, uint32_t *ret_number)
{
	struct names *names = arg;

	for (size_t i = 0; names->before && i < names->before->rule_count; i++)
		if (strcmp(names->before->rules[i].name, name) == 0) {
			*ret_number = names->before->rules[i].number;
			return 0;
		}
	*ret_number = names->next++;
	return 0;
}

static char *print_policy(const struct world *world, unsigned revision)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	world_print_policy(world, revision, out);
	fclose(out);
	return text;
}

/* The one zone of the cases, by its rule of today. */
static int read_zone(const char *name, struct sp_timezone **ret_zone)
{
	if (strcmp(name, "Europe/Berlin") != 0)
		return -ENOENT;
	*ret_zone = tzif_ruled("\nCET-1CEST,M3.5.0,M10.5.0/3\n");
	return 0;
}

static bool find_nearest(const char *name, char ret_name[SP_TIMEZONE_NAME_MAX])
{
	(void)name;
	(void)ret_name;
	return false;
}

static const struct sp_timezone_source zones = { read_zone, find_nearest };

/* The second the case begins in, and that of its apply for the next revision. */
static void find_moment(struct trial *trial, unsigned revision)
{
	const int64_t now_s = sp_policy_moment(trial->policy[revision], 0);
	uint64_t passed_ms = 0;

	for (uint32_t i = 0; i < trial->test->step_count && revision; i++) {
		unsigned wait;

		passed_ms++;
		if (sscanf(trial->test->steps[i].text, "wait %u", &wait) == 1)
			passed_ms += wait;
		if (strcmp(trial->test->steps[i].text, "apply") == 0)
			break;
	}
	trial->facts[revision].now_s = now_s + (int64_t)(passed_ms / 1000);
	trial->facts[revision].now_boot_ns = START_NS + passed_ms / 1000 * UINT64_C(1000000000);
}

static int load_policy(struct trial *trial, unsigned revision, struct sp_plane_error *why)
{
	__sp_cleanup(sp_diagnostics_done) struct sp_diagnostics diagnostics = { 0 };
	__sp_free char *printed = NULL;
	const char *text = trial->test->text[revision];
	char path[] = "policy.yaml";
	struct sp_policy *filled;
	struct names names = { revision ? trial->policy[0] : NULL,
			       revision ? (uint32_t)trial->policy[0]->rule_count + 1 : 1 };
	int r;

	if (!text) {
		printed = print_policy(&trial->test->world, revision);
		if (!printed)
			return -ENOMEM;
		text = printed;
	}
	r = sp_policy_load_files(
		&(struct sp_file){ .path = path, .text = (char *)text, .text_len = strlen(text) },
		1, &zones, &trial->policy[revision], &diagnostics);
	if (r < 0 && diagnostics.count > 0)
		return fail(why, r, "policy.yaml:%u: %s", diagnostics.items[0].place.line,
			    diagnostics.items[0].message);
	if (r < 0)
		return fail(why, r, "loading the policy: %s", sp_err_text(r));
	r = sp_policy_number_rules(trial->policy[revision], number_of_name, &names);
	if (r == 0)
		r = sp_policy_fill_fixtures(trial->policy[revision], &filled);
	if (r < 0)
		return r;
	sp_policy_free(trial->policy[revision]);
	trial->policy[revision] = filled;
	return 0;
}

/* Pool, self and interfaces are the policy's fixtures; they have no words for the rest. */
static int make_gateway(struct trial *trial, unsigned revision)
{
	const struct sp_gateway *fixture = &trial->policy[revision]->fixtures.gateway;
	const struct world *world = &trial->test->world;
	struct sp_gateway *gateway = &trial->gateway[revision];

	for (size_t i = 0; i < fixture->pool_count; i++) {
		struct sp_prefix *pool = SP_ARRAY_PUSH(gateway->pool, gateway->pool_count);

		if (!pool)
			return -ENOMEM;
		*pool = fixture->pool[i];
	}
	for (size_t i = 0; i < fixture->self_count; i++) {
		struct sp_addr *self = SP_ARRAY_PUSH(gateway->self, gateway->self_count);

		if (!self)
			return -ENOMEM;
		*self = fixture->self[i];
	}
	for (uint32_t i = 0; i < world->route_count; i++) {
		struct sp_route *route;

		if (world->routes[i].is_absent[revision])
			continue;
		route = SP_ARRAY_PUSH(gateway->routes, gateway->route_count);
		if (!route)
			return -ENOMEM;
		route->zone = world->routes[i].zone;
		route->ifindex = world->routes[i].ifindex;
		if (sp_prefix_parse(world->routes[i].prefix, &route->prefix) < 0)
			return -EINVAL;
	}
	if (!world->is_parked_absent[revision])
		gateway->portal_port = (uint16_t)world->portal_port;
	for (uint32_t i = 0; i < world->resolvers.count && !world->is_parked_absent[revision];
	     i++) {
		struct sp_addr *resolver =
			SP_ARRAY_PUSH(gateway->resolvers, gateway->resolver_count);

		if (!resolver)
			return -ENOMEM;
		if (sp_addr_parse(world->resolvers.item[i], resolver) < 0)
			return -EINVAL;
	}
	for (uint32_t i = 0; i < world->trust.count; i++) {
		struct sp_prefix *trust =
			SP_ARRAY_PUSH(gateway->edge_trust, gateway->edge_trust_count);

		if (!trust)
			return -ENOMEM;
		if (sp_prefix_parse(world->trust.item[i], trust) < 0)
			return -EINVAL;
	}
	return 0;
}

/* ---- sessions ---- */

/* The first session of the same person, from 1. */
static uint64_t person_of(const struct sp_policy *policy, uint32_t n)
{
	const struct sp_fixture_session *sessions = policy->fixtures.sessions;
	uint32_t first = 0;

	while (strcmp(sessions[first].user, sessions[n].user) != 0 ||
	       strcmp(sessions[first].idp, sessions[n].idp) != 0)
		first++;
	return first + 1;
}

static int read_session(struct trial *trial, uint32_t n, unsigned revision)
{
	const struct sp_policy *policy = trial->policy[revision];
	const struct sp_fixture_session *fixture = &policy->fixtures.sessions[n];
	struct sp_identity *identity = &trial->sessions[n].identity[revision];
	uint32_t *roles;
	const struct sp_person person = sp_fixture_person(fixture);
	int r = sp_policy_match_roles(policy, &person, trial->facts[revision].now_s, &roles,
				      &identity->role_count);

	if (r < 0)
		return r;
	trial->sessions[n].person = person_of(policy, n);
	identity->user = fixture->user;
	identity->idp = fixture->idp;
	identity->roles = roles;
	memcpy(identity->addresses, fixture->addresses, sizeof(identity->addresses));
	memcpy(identity->has_address, fixture->has_address, sizeof(identity->has_address));
	return 0;
}

/* To the programs in the kernel, if they are asked, and in user space. */
static int tell_session(struct trial *trial, uint32_t n, const struct sp_session *value)
{
	const struct sp_identity *identity = &trial->sessions[n].identity[0];
	int r = trial->plane ? sp_ebpf_session_put(trial->plane, n, value) : 0;

	if (user_judge_session(trial->user, n)->epoch != value->epoch)
		user_judge_fill_buckets(trial->user, n);
	*user_judge_session(trial->user, n) = *value;
	for (unsigned family = 0; family < 2 && r == 0; family++) {
		if (!identity->has_address[family])
			continue;
		user_judge_put_ident(trial->user, &identity->addresses[family], n, value->epoch);
		if (trial->plane)
			r = sp_ebpf_ident_put(trial->plane, &identity->addresses[family], n,
					      value->epoch);
	}
	return r;
}

static int put_session(struct trial *trial, uint32_t n)
{
	const uint32_t limit = trial->test->world.session_flows_max;
	const struct trial_session *session = &trial->sessions[n];
	struct sp_session value = {
		.epoch = session->epoch,
		.person = session->person,
		.expires_ns = session->expires_ns,
		.idle_ns = session->idle_ns,
		.flows = limit ? SP_SESSION_FLOWS_MAX - limit : 0,
		.parked_flows = limit ? SP_PARKED_FLOWS_MAX - limit / 4 : 0,
	};

	for (unsigned revision = 0; revision < 2; revision++) {
		unsigned slot = (revision + 1) & 1;

		memcpy(value.class_id[slot], session->class_id[revision],
		       sizeof(value.class_id[slot]));
		memcpy(value.netset[slot], session->netset[revision], sizeof(value.netset[slot]));
		memcpy(value.own_netset[slot], session->own_netset[revision],
		       sizeof(value.own_netset[slot]));
	}
	return tell_session(trial, n, &value);
}

static int open_session(struct trial *trial, uint32_t n)
{
	const uint64_t length_ns = trial->test->world.sessions[n].expires_ns;
	struct trial_session *session = &trial->sessions[n];
	int r;

	session->expires_ns = length_ns ? trial->now_ns + length_ns : 0;
	session->epoch = trial->next_epoch++;
	session->is_known = true;
	session->is_over = false;
	r = sp_reference_open_session(trial->reference, n, session->epoch,
				      &session->identity[trial->revision], session->expires_ns,
				      session->idle_ns);
	if (r == 0)
		r = sp_reference_open_session(trial->alone, n, session->epoch,
					      &session->identity[trial->revision], 0, 0);
	return r < 0 ? r : put_session(trial, n);
}

static int end_session(struct trial *trial, uint32_t n)
{
	trial->sessions[n].epoch = 0;
	trial->sessions[n].is_over = true;
	sp_reference_end_session(trial->reference, n);
	sp_reference_end_session(trial->alone, n);
	user_judge_session(trial->user, n)->epoch = 0;
	return trial->plane ? sp_ebpf_session_end(trial->plane, n) : 0;
}

static int remove_session(struct trial *trial, uint32_t n)
{
	const struct sp_identity *identity = &trial->sessions[n].identity[0];
	int r = end_session(trial, n);

	trial->sessions[n].is_known = false;
	sp_reference_remove_session(trial->reference, n);
	sp_reference_remove_session(trial->alone, n);
	for (unsigned family = 0; family < 2 && r == 0; family++) {
		if (!identity->has_address[family])
			continue;
		user_judge_remove_ident(trial->user, &identity->addresses[family]);
		if (trial->plane)
			r = sp_ebpf_ident_remove(trial->plane, &identity->addresses[family]);
	}
	return r == -ENOENT ? 0 : r;
}

bool trial_is_alive(const struct trial *trial, uint32_t n)
{
	const struct trial_session *session = &trial->sessions[n];

	return session->epoch && (!session->expires_ns || trial->now_ns < session->expires_ns);
}

bool trial_is_parked(const struct trial *trial, uint32_t n)
{
	return trial->sessions[n].epoch && !trial_is_alive(trial, n);
}

/* The second reference's clock runs a day a packet: it is told of deadlines instead. */
static void tell_deadlines(struct trial *trial)
{
	for (uint32_t n = 0; n < trial->session_count; n++) {
		struct trial_session *session = &trial->sessions[n];

		if (!session->is_over && trial_is_parked(trial, n)) {
			sp_reference_extend_session(trial->alone, n, 1);
			session->is_over = true;
		}
	}
}

static int move_deadline(struct trial *trial, uint32_t n, uint64_t expires_ns)
{
	struct trial_session *session = &trial->sessions[n];

	if (!session->epoch)
		return 0;
	session->expires_ns = expires_ns;
	session->is_over = expires_ns != 0;
	sp_reference_extend_session(trial->reference, n, expires_ns);
	sp_reference_extend_session(trial->alone, n, expires_ns ? 1 : 0);
	user_judge_session(trial->user, n)->expires_ns = expires_ns;
	return trial->plane ? sp_ebpf_session_extend(trial->plane, n, expires_ns) : 0;
}

static int add_identities(struct trial *trial, struct sp_plane_error *why)
{
	for (unsigned revision = 0; revision < 2; revision++) {
		for (uint32_t n = 0; n < trial->session_count; n++) {
			struct trial_session *session = &trial->sessions[n];
			int r = read_session(trial, n, revision);

			if (r == 0)
				r = sp_tables_add_identity(
					trial->tables[revision], &session->identity[revision],
					session->class_id[revision], session->netset[revision],
					session->own_netset[revision]);
			if (r < 0)
				return fail(why, r, "identity %u: %s", n, sp_err_text(r));
		}
	}
	return 0;
}

/* ---- open and close ---- */

static int stage(struct trial *trial, struct sp_plane_error *why)
{
	double begin = cpu_seconds();
	int r = 0;

	for (unsigned revision = 0; revision < 2 && r == 0; revision++)
		r = sp_ebpf_stage(trial->plane, trial->tables[revision], revision + 1, NULL,
				  &trial->staged[revision], why);
	trial_seconds.stage += cpu_seconds() - begin;
	return r;
}

static uint32_t flows_max_of(const struct trial *trial)
{
	return trial->test->world.flows_max ? trial->test->world.flows_max : 4096;
}

static int open_plane(struct trial *trial, struct sp_plane_error *why)
{
	const struct sp_ebpf_options options = {
		.sessions_max = 64,
		.flows_max = flows_max_of(trial),
		.events_bytes = 65536,
	};
	double begin = cpu_seconds();
	int r = sp_ebpf_open(&options, &trial->plane, why);

	trial_seconds.stage += cpu_seconds() - begin;
	return r;
}

/* The tables' judge then looks at what a file of them says. */
static int read_back(struct trial *trial, struct sp_plane_error *why)
{
	int r = 0;

	for (unsigned revision = 0; revision < 2 && r == 0; revision++) {
		__sp_free uint8_t *bytes = NULL;
		size_t len;

		r = sp_sptab_write(trial->tables[revision], &bytes, &len);
		if (r == 0)
			r = sp_sptab_read(bytes, len, &trial->read_back[revision]);
	}
	return r < 0 ? fail(why, r, "through .sptab: %s", sp_err_text(r)) : 0;
}

/* Half the cases stage before people sign in, so that their rows are pushed one sign-in at a time.
 */
static int stage_and_extend(struct trial *trial, enum plant plant, struct sp_plane_error *why)
{
	bool early = plant == PLANT_NONE && trial->test->seed & 1;
	int r = 0;

	if (trial->plane && early)
		r = stage(trial, why);
	if (r == 0)
		r = add_identities(trial, why);
	for (unsigned revision = 0; revision < 2 && r == 0; revision++)
		plant_tables(plant, trial->tables[revision]);
	if (r == 0 && trial->plane && !early)
		r = stage(trial, why);
	for (unsigned revision = 0; revision < 2 && r == 0 && trial->plane && early; revision++) {
		r = sp_ebpf_staged_extend(trial->staged[revision], trial->tables[revision]);
		if (r < 0)
			fail(why, r, "extending: %s", sp_err_text(r));
	}
	return r == 0 && trial->test->seed % 4 == 0 ? read_back(trial, why) : r;
}

static int make_references(struct trial *trial)
{
	const struct world *world = &trial->test->world;
	int r = sp_reference_new(trial->policy[0], &trial->gateway[0], &trial->facts[0],
				 &trial->reference);

	if (r == 0)
		r = sp_reference_new(trial->policy[0], &trial->gateway[0], &trial->facts[0],
				     &trial->alone);
	if (r < 0)
		return r;
	sp_reference_set_policy(trial->reference, trial->policy[0], &trial->gateway[0],
				&trial->facts[0], 1);
	sp_reference_set_policy(trial->alone, trial->policy[0], &trial->gateway[0],
				&trial->facts[0], 1);
	sp_reference_set_flow_bounds(trial->reference, flows_max_of(trial),
				     world->session_flows_max ? world->session_flows_max
							      : SP_SESSION_FLOWS_MAX);
	return 0;
}

static int make_user_judge(struct trial *trial, struct sp_plane_error *why)
{
	int r = 0;

	trial->user = user_judge_new(flows_max_of(trial));
	for (unsigned revision = 0; revision < 2 && r == 0; revision++)
		r = user_revision_new(trial->tables[revision], revision + 1,
				      &trial->user_revision[revision]);
	return r < 0 ? fail(why, r, "tables for user space: %s", sp_err_text(r)) : 0;
}

static int load_and_compile(struct trial *trial, enum plant plant, struct sp_plane_error *why)
{
	double begin = cpu_seconds();
	int r = 0;

	for (unsigned revision = 0; revision < 2 && r == 0; revision++)
		r = load_policy(trial, revision, why);
	for (unsigned revision = 0; revision < 2 && r == 0; revision++) {
		find_moment(trial, revision);
		r = make_gateway(trial, revision);
	}
	trial_seconds.load += cpu_seconds() - begin;
	begin = cpu_seconds();
	for (unsigned revision = 0; revision < 2 && r == 0; revision++) {
		r = plant_compile(plant, trial->policy[revision], &trial->gateway[revision],
				  &trial->facts[revision], &trial->tables[revision]);
		if (r < 0)
			fail(why, r, "compiling: %s", sp_err_text(r));
	}
	trial_seconds.compile += cpu_seconds() - begin;
	return r;
}

int trial_open(const struct equiv_case *test, bool with_ebpf, enum plant plant, struct trial *trial,
	       struct sp_plane_error *why)
{
	int r;

	*trial = (struct trial){
		.test = test, .now_ns = START_NS, .alone_ns = START_NS, .next_epoch = 1
	};
	why->text[0] = '\0';
	r = load_and_compile(trial, plant, why);
	if (r < 0)
		return r;
	trial->session_count = (uint32_t)trial->policy[0]->fixtures.session_count;
	if (trial->session_count > SESSIONS_MAX ||
	    trial->policy[1]->fixtures.session_count != trial->session_count)
		return fail(why, -EINVAL, "the sessions of both revisions are not the same few");
	if (with_ebpf)
		r = open_plane(trial, why);
	if (r == 0)
		r = stage_and_extend(trial, plant, why);
	if (r == 0)
		r = make_references(trial);
	if (r == 0)
		r = make_user_judge(trial, why);
	for (uint32_t n = 0; n < trial->session_count && r == 0; n++) {
		trial->sessions[n].idle_ns = test->world.sessions[n].idle_ns;
		r = open_session(trial, n);
	}
	return r;
}

void trial_close(struct trial *trial)
{
	for (unsigned revision = 0; revision < 2; revision++) {
		if (trial->staged[revision])
			sp_ebpf_staged_free(trial->staged[revision]);
		sp_tables_free(trial->tables[revision]);
		sp_tables_free(trial->read_back[revision]);
		user_revision_free(trial->user_revision[revision]);
		for (uint32_t n = 0; n < SESSIONS_MAX; n++)
			free((void *)trial->sessions[n].identity[revision].roles);
	}
	if (trial->plane)
		sp_ebpf_close(trial->plane);
	user_judge_free(trial->user);
	if (trial->reference)
		sp_reference_free(trial->reference);
	if (trial->alone)
		sp_reference_free(trial->alone);
	for (unsigned revision = 0; revision < 2; revision++)
		if (trial->policy[revision])
			sp_policy_free(trial->policy[revision]);
	for (unsigned revision = 0; revision < 2; revision++)
		sp_gateway_done(&trial->gateway[revision]);
}

/* ---- steps ---- */

static int apply(struct trial *trial)
{
	trial->revision = 1;
	sp_reference_set_policy(trial->reference, trial->policy[1], &trial->gateway[1],
				&trial->facts[1], 2);
	return 0;
}

/* The tables know no bans, nor does the second reference. */
static int ban(struct trial *trial, const char *text, unsigned ms)
{
	const uint64_t until_ns = ms ? trial->now_ns + ms * UINT64_C(1000000) : 0;
	struct sp_prefix prefix;
	int r = sp_prefix_parse(text, &prefix);

	if (r == 0)
		r = sp_reference_ban(trial->reference, &prefix, until_ns);
	if (r == 0 && trial->plane)
		r = sp_ebpf_ban_put(trial->plane, &prefix, until_ns);
	if (r == 0)
		user_judge_ban(trial->user, &prefix, until_ns);
	return r;
}

/* A step that is no packet. 1: it is one. */
static int do_event(struct trial *trial, const char *text)
{
	char prefix[64];
	unsigned number;

	if (sscanf(text, "ban %63s %u", prefix, &number) == 2)
		return ban(trial, prefix, number);
	if (sscanf(text, "wait %u", &number) == 1) {
		trial->now_ns += number * UINT64_C(1000000);
		trial->alone_ns += number * UINT64_C(1000000); /* never behind */
		return 0;
	}
	if (strcmp(text, "apply") == 0)
		return apply(trial);
	if (sscanf(text, "end %u", &number) == 1)
		return number < trial->session_count ? end_session(trial, number) : 0;
	if (sscanf(text, "remove %u", &number) == 1)
		return number < trial->session_count ? remove_session(trial, number) : 0;
	if (sscanf(text, "expire %u", &number) == 1)
		return number < trial->session_count ? move_deadline(trial, number, trial->now_ns)
						     : 0;
	if (sscanf(text, "extend %u", &number) == 1)
		return number < trial->session_count ? move_deadline(trial, number, 0) : 0;
	if (sscanf(text, "open %u", &number) == 1)
		return number < trial->session_count ? open_session(trial, number) : 0;
	return 1;
}

/* HOOK [own] [judged|answer] [dhcp] [by N] FRAME */
static int read_packet(const char *text, struct trial_outcome *outcome, struct sp_frame *frame)
{
	char hook[16];
	unsigned int ifindex = 0;
	int used = 0;
	bool is_own = false, is_dhcp = false;
	uint32_t mark = 0;

	if (sscanf(text, "%15s %n", hook, &used) < 1 || sp_hook_parse(hook, &outcome->hook) < 0)
		return -EINVAL;
	text += used;
	if (strncmp(text, "own ", 4) == 0)
		is_own = true, text += 4;
	if (strncmp(text, "judged ", 7) == 0)
		mark = SP_MARK_JUDGED, text += 7;
	if (strncmp(text, "answer ", 7) == 0)
		mark = SP_MARK_REPLY, text += 7;
	if (strncmp(text, "dhcp ", 5) == 0)
		is_dhcp = true, text += 5;
	used = 0;
	if (sscanf(text, "by %u %n", &ifindex, &used) == 1 && used)
		text += used;
	test_frame_make(&outcome->frame, text);
	*frame = test_frame_view(&outcome->frame);
	frame->is_own = is_own;
	frame->is_dhcp_client = is_dhcp;
	frame->ifindex = ifindex;
	frame->mark = mark;
	outcome->is_packet = true;
	return 0;
}

/* Put before the second reference's clock what is now for the others. */
static void move_alone(struct trial *trial)
{
	struct sp_facts facts = trial->facts[trial->revision];

	trial->alone_ns += DAY_NS;
	facts.now_boot_ns += trial->alone_ns - trial->now_ns;
	sp_reference_set_policy(trial->alone, trial->policy[trial->revision],
				&trial->gateway[trial->revision], &facts, trial->revision + 1);
}

struct sp_answer trial_guess(void *arg, unsigned revision, const char *packet)
{
	static struct trial_outcome outcome;
	struct sp_answer answer = { SP_DENY, SP_REASON_NONE, SP_RULE_NONE };
	struct trial *trial = arg;
	struct sp_frame frame;

	trial->revision = revision;
	move_alone(trial);
	if (read_packet(packet, &outcome, &frame) == 0)
		sp_reference_judge(trial->alone, outcome.hook, &frame, trial->alone_ns, &answer);
	return answer;
}

static int ask_reference(struct trial *trial, const struct sp_frame *frame,
			 struct trial_outcome *outcome)
{
	double begin = cpu_seconds();
	int r = sp_reference_judge(trial->reference, outcome->hook, frame, trial->now_ns,
				   &outcome->reference);

	trial_seconds.reference += cpu_seconds() - begin;
	return r;
}

/* The always-passed table is not made of rules: the tables know nothing of it. */
static int ask_tables(struct trial *trial, const struct sp_frame *frame,
		      struct trial_outcome *outcome)
{
	double begin = cpu_seconds();
	int r;

	tell_deadlines(trial);
	move_alone(trial);
	r = sp_reference_judge(trial->alone, outcome->hook, frame, trial->alone_ns,
			       &outcome->alone);
	if (r == 0 &&
	    !(outcome->alone.reason == SP_REASON_PROTECT && outcome->alone.rule == SP_RULE_NONE))
		outcome->has_tables = tables_judge(trial, outcome->hook, frame, &outcome->tables);
	trial_seconds.tables += cpu_seconds() - begin;
	return r;
}

static int ask_ebpf(struct trial *trial, const struct sp_frame *frame,
		    struct trial_outcome *outcome)
{
	double begin = cpu_seconds();
	int r = sp_ebpf_judge(trial->staged[trial->revision], outcome->hook, frame, trial->now_ns,
			      &outcome->ebpf);

	trial_seconds.ebpf += cpu_seconds() - begin;
	outcome->has_ebpf = r == 0;
	return r;
}

static void ask_user(struct trial *trial, const struct sp_frame *frame,
		     struct trial_outcome *outcome)
{
	double begin = cpu_seconds();

	outcome->user = user_judge_ask(trial->user, trial->user_revision[trial->revision],
				       outcome->hook, frame, trial->now_ns, &outcome->user_wrong);
	trial_seconds.user += cpu_seconds() - begin;
}

int trial_step(struct trial *trial, const struct step *step, struct trial_outcome *ret_outcome,
	       struct sp_plane_error *why)
{
	struct sp_frame frame;
	int r;

	ret_outcome->is_packet = ret_outcome->has_ebpf = ret_outcome->has_tables = false;
	trial->now_ns += 1000000;
	r = do_event(trial, step->text);
	if (r == 1) {
		r = read_packet(step->text, ret_outcome, &frame);
		if (r == 0)
			r = ask_reference(trial, &frame, ret_outcome);
		if (r == 0)
			r = ask_tables(trial, &frame, ret_outcome);
		if (r == 0)
			ask_user(trial, &frame, ret_outcome);
		if (r == 0 && trial->plane)
			r = ask_ebpf(trial, &frame, ret_outcome);
	}
	return r < 0 ? fail(why, r, "%s: %s", step->text, sp_err_text(r)) : 0;
}
