/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pkt_cls.h>

/* clang-format off */
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>
/* clang-format on */

#include "edge_in.skel.h"
#include "edge_out.skel.h"
#include "inside_in.skel.h"
#include "janitor.skel.h"
#include "vpn_in.skel.h"
#include "vpn_out.skel.h"

#define SESSIONS_MAX 64
#define PROFILES_MAX 16
#define LIMITS_MAX 4
#define PORTAL_PORT 8443
#define TEST_LINK 14 /* a TUN has none, test runs need one */

enum { CLASS_NOBODY, CLASS_ANA, CLASS_STRANGER, CLASS_INSIDE, CLASS_ADMIN, CLASS_BOB };
enum { NET_OTHER, NET_SERVERS, NET_PAYROLL, NET_SELF, NET_BOB };
enum { SVC_OTHER, SVC_SSH, SVC_WEB, SVC_PING, SVC_WIREGUARD, SVC_DNS, SVC_REPORT, SVC_COUNT };
enum { TABLE_SRC, TABLE_DST, TABLE_SVC, TABLE_PAIR, TABLE_VERDICT, TABLE_LIMIT, TABLE_COUNT };
_Static_assert(TABLE_COUNT == LAB_TABLES, "the tables of struct lab");

static const char *const table_name[TABLE_COUNT] = { "sp_src",  "sp_dst",     "sp_svc",
						     "sp_pair", "sp_verdict", "sp_limit" };

static const struct {
	enum lab_rule rule;
	uint32_t class_id, netset, svcset;
	uint8_t action, reason, log;
} rules[] = {
	{ RULE_SSH, CLASS_ANA, NET_SERVERS, SVC_SSH, SP_ALLOW, SP_REASON_POLICY, SP_LOG_NEW },
	{ RULE_WEB, CLASS_ANA, NET_SERVERS, SVC_WEB, SP_ALLOW, SP_REASON_POLICY, SP_LOG_NEW },
	{ RULE_PING, CLASS_ANA, NET_SERVERS, SVC_PING, SP_ALLOW, SP_REASON_POLICY, SP_LOG_NEW },
	{ RULE_DNS, CLASS_ANA, NET_SERVERS, SVC_DNS, SP_ALLOW, SP_REASON_POLICY, SP_LOG_ALL },
	{ RULE_REPORT, CLASS_ANA, NET_SERVERS, SVC_REPORT, SP_ALLOW, SP_REASON_POLICY, SP_LOG_NEW },
	{ RULE_PAYROLL, CLASS_ANA, NET_PAYROLL, SVC_SSH, SP_DENY, SP_REASON_POLICY, SP_LOG_ALL },
	{ RULE_PEER, CLASS_ANA, NET_BOB, SVC_SSH, SP_ALLOW, SP_REASON_POLICY, SP_LOG_NEW },
	{ RULE_OFFICE, CLASS_INSIDE, NET_BOB, SVC_SSH, SP_ALLOW, SP_REASON_POLICY, SP_LOG_NEW },
	{ RULE_EXPOSE, CLASS_STRANGER, NET_SELF, SVC_WIREGUARD, SP_ALLOW, SP_REASON_EXPOSE,
	  SP_LOG_NONE },
	{ RULE_ADMIN, CLASS_ADMIN, NET_SELF, SVC_SSH, SP_ALLOW, SP_REASON_PROTECT, SP_LOG_NEW },
};

static const struct {
	const char *prefix;
	uint32_t len;
	struct sp_src value;
} sources[] = {
	{ "0.0.0.0", 0, { { CLASS_STRANGER }, SP_ZONE_EDGE, 0, 0, 0 } },
	{ "::", 0, { { CLASS_STRANGER }, SP_ZONE_EDGE, 0, 0, 0 } },
	{ "192.168.0.0", 16, { { CLASS_STRANGER }, SP_ZONE_EDGE, SP_REASON_BOGON, 0, 0 } },
	{ "10.30.0.0", 16, { { 0, CLASS_INSIDE }, SP_ZONE_INSIDE, 0, 0, 0 } },
	{ "10.20.0.0", 16, { { 0, CLASS_INSIDE }, SP_ZONE_INSIDE, 0, 0, 0 } },
	{ "10.20.1.0", 28, { { 0, CLASS_ADMIN }, SP_ZONE_INSIDE, 0, SP_SRC_PROTECT, 0 } },
	{ "2001:db8:30::", 48, { { 0, CLASS_INSIDE }, SP_ZONE_INSIDE, 0, 0, 0 } },
	{ "100.64.0.0", 16, { { 0 }, SP_ZONE_TUNNEL, 0, 0, 0 } },
	{ "fd00:64::", 64, { { 0 }, SP_ZONE_TUNNEL, 0, 0, 0 } },
	{ "192.0.2.1", 32, { { 0 }, SP_HOME_SELF, 0, 0, 0 } },
	{ "2001:db8:ff::1", 128, { { 0 }, SP_HOME_SELF, 0, 0, 0 } },
};

static const struct {
	const char *prefix;
	uint32_t len;
	struct sp_dst value;
} destinations[] = {
	{ "0.0.0.0", 0, { NET_OTHER, 0 } },
	{ "::", 0, { NET_OTHER, 0 } },
	{ "10.30.0.0", 16, { NET_SERVERS, 0 } },
	{ "10.30.9.4", 32, { NET_PAYROLL, 0 } },
	{ "2001:db8:30::", 48, { NET_SERVERS, 0 } },
	{ "100.64.0.0", 16, { NET_OTHER, SP_DST_POOL } },
	{ "fd00:64::", 64, { NET_OTHER, SP_DST_POOL } },
	{ "10.30.0.53", 32, { NET_SERVERS, SP_DST_RESOLVER } },
	{ "2001:db8:30::53", 128, { NET_SERVERS, SP_DST_RESOLVER } },
	{ "100.64.0.8", 32, { NET_OTHER, SP_DST_POOL | SP_DST_RESOLVER } },
	{ "192.0.2.1", 32, { NET_SELF, SP_DST_SELF } },
	{ "2001:db8:ff::1", 128, { NET_SELF, SP_DST_SELF } },
};

static const struct {
	uint32_t slot;
	uint16_t svcset;
} services[] = {
	{ SP_SVC_TCP + 22, SVC_SSH },    { SP_SVC_TCP + 443, SVC_WEB },
	{ SP_SVC_UDP + 53, SVC_DNS },    { SP_SVC_UDP + 51820, SVC_WIREGUARD },
	{ SP_SVC_ICMP + 8, SVC_PING },   { SP_SVC_ICMP6 + 128, SVC_PING },
	{ SP_SVC_ICMP + 9, SVC_REPORT },
};

static const struct {
	const char *address;
	enum lab_session session;
} idents[] = {
	{ "100.64.0.7", ANA },
	{ "fd00:64::7", ANA },
	{ "100.64.0.8", BOB },
	{ "100.64.0.9", CAROL },
};

static void must(int r, const char *what, ...)
{
	va_list args;

	if (r >= 0)
		return;
	va_start(args, what);
	fprintf(stderr, "lab: ");
	vfprintf(stderr, what, args);
	fprintf(stderr, ": %s\n", strerror(errno));
	va_end(args);
	exit(1);
}

static struct sp_addr parse_address(const char *text)
{
	struct sp_addr addr = { 0 };

	if (inet_pton(AF_INET6, text, addr.b) == 1)
		return addr;
	addr.b[10] = addr.b[11] = 0xff;
	must(inet_pton(AF_INET, text, addr.b + 12) == 1 ? 0 : -1, "address %s", text);
	return addr;
}

static struct sp_prefix parse_prefix(const char *text, uint32_t len)
{
	struct sp_addr addr = parse_address(text);
	struct sp_prefix prefix = { .prefix_len = strchr(text, ':') ? len : len + 96 };

	memcpy(prefix.addr, addr.b, sizeof(prefix.addr));
	return prefix;
}

/* ---- objects ---- */

static struct bpf_object *open_object(enum sp_hook hook)
{
	const void *bytes = NULL;
	size_t len = 0;
	struct bpf_object *object;

	switch (hook) {
	case SP_HOOK_EDGE_IN:
		bytes = edge_in_bpf__elf_bytes(&len);
		break;
	case SP_HOOK_EDGE_OUT:
	case SP_HOOK_INSIDE_OUT:
		bytes = edge_out_bpf__elf_bytes(&len);
		break;
	case SP_HOOK_VPN_IN:
		bytes = vpn_in_bpf__elf_bytes(&len);
		break;
	case SP_HOOK_VPN_OUT:
		bytes = vpn_out_bpf__elf_bytes(&len);
		break;
	case SP_HOOK_INSIDE_IN:
		bytes = inside_in_bpf__elf_bytes(&len);
		break;
	default: /* no hook: the janitor */
		bytes = janitor_bpf__elf_bytes(&len);
		break;
	}
	object = bpf_object__open_mem(bytes, len, NULL);
	must(object ? 0 : -1, "open the object of hook %d", hook);
	return object;
}

static void set_number(struct bpf_object *object, const char *name, uint64_t value)
{
	struct bpf_map *rodata = bpf_object__find_map_by_name(object, ".rodata");
	const struct btf *btf = bpf_object__btf(object);
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_type *section = btf__type_by_id(btf, id);
	const struct btf_var_secinfo *variable = btf_var_secinfos(section);
	char *base = bpf_map__initial_value(rodata, &(size_t){ 0 });

	for (unsigned i = 0; i < btf_vlen(section); i++, variable++) {
		const struct btf_type *type = btf__type_by_id(btf, variable->type);

		if (strcmp(btf__name_by_offset(btf, type->name_off), name) == 0) {
			memcpy(base + variable->offset, &value, variable->size);
			return;
		}
	}
	must(-1, "setting %s", name);
}

static void set_numbers(struct lab *lab, struct bpf_object *object, enum sp_hook hook)
{
	set_number(object, "sp_revision", lab->revision);
	set_number(object, "sp_svcset_count", SVC_COUNT);
	set_number(object, "sp_profile_count", PROFILES_MAX);
	set_number(object, "sp_flow_max", lab->options.flows_max);
	set_number(object, "sp_portal_port", PORTAL_PORT);
	set_number(object, "sp_refuse", lab->options.refuses);
	set_number(object, "sp_test", !lab->options.is_live);
	set_number(object, "sp_tunnel_link_len", lab->options.is_on_tun ? 0 : TEST_LINK);
	set_number(object, "sp_recorder_hook", hook);
}

static int table_of(const char *name)
{
	for (int i = 0; i < TABLE_COUNT; i++)
		if (strcmp(name, table_name[i]) == 0)
			return i;
	return -1;
}

static void size_map(const struct lab *lab, struct bpf_map *map)
{
	const char *name = bpf_map__name(map);

	if (strcmp(name, "sp_session") == 0)
		bpf_map__set_max_entries(map, SESSIONS_MAX);
	else if (strcmp(name, "sp_flow") == 0)
		bpf_map__set_max_entries(map, lab->options.flows_max);
	else if (strcmp(name, "sp_events") == 0)
		bpf_map__set_max_entries(map, lab->options.events_bytes);
}

static void share_maps(struct lab *lab, struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		const char *name = bpf_map__name(map);
		int table = table_of(name);

		if (bpf_map__is_internal(map) || strcmp(name, "sp_scratch") == 0)
			continue;
		if (table >= 0)
			must(bpf_map__reuse_fd(map, lab->tables[table]), "share %s", name);
		else if (lab->state)
			must(bpf_map__reuse_fd(map,
					       bpf_object__find_map_fd_by_name(lab->state, name)),
			     "share %s", name);
		else
			size_map(lab, map);
	}
}

static struct bpf_object *load_object(struct lab *lab, enum sp_hook hook)
{
	struct bpf_object *object = open_object(hook);

	set_numbers(lab, object, hook);
	if (hook == SP_HOOK_NONE && lab->options.slice)
		set_number(object, "sp_slice", lab->options.slice);
	share_maps(lab, object);
	must(bpf_object__load(object), "load the object of hook %d", hook);
	return object;
}

/* ---- tables ---- */

static void put(int fd, const void *key, const void *value)
{
	must(bpf_map_update_elem(fd, key, value, BPF_ANY), "fill a table");
}

static void make_tables(struct lab *lab)
{
	LIBBPF_OPTS(bpf_map_create_opts, trie, .map_flags = BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	LIBBPF_OPTS(bpf_map_create_opts, plain, .map_flags = BPF_F_RDONLY_PROG);
	int *t = lab->tables;

	t[TABLE_SRC] = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "sp_src", sizeof(struct sp_prefix),
				      sizeof(struct sp_src), 64, &trie);
	t[TABLE_DST] = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "sp_dst", sizeof(struct sp_prefix),
				      sizeof(struct sp_dst), 64, &trie);
	t[TABLE_SVC] = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sp_svc", 4, sizeof(struct sp_svc_elem),
				      SP_SVC_SLOTS / SP_SVC_PER_ELEM, &plain);
	t[TABLE_PAIR] = bpf_map_create(BPF_MAP_TYPE_HASH, "sp_pair", sizeof(struct sp_pair_key), 4,
				       64, &plain);
	t[TABLE_VERDICT] =
		bpf_map_create(BPF_MAP_TYPE_ARRAY, "sp_verdict", 4, sizeof(struct sp_verdict),
			       PROFILES_MAX * SVC_COUNT, &plain);
	t[TABLE_LIMIT] = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sp_limit", 4,
					sizeof(struct sp_limit_terms), LIMITS_MAX, &plain);
	for (int i = 0; i < TABLE_COUNT; i++)
		must(t[i], "make %s", table_name[i]);
}

static void fill_addresses(struct lab *lab)
{
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct sp_prefix key = parse_prefix(sources[i].prefix, sources[i].len);

		put(lab->tables[TABLE_SRC], &key, &sources[i].value);
	}
	for (size_t i = 0; i < sizeof(destinations) / sizeof(destinations[0]); i++) {
		struct sp_prefix key = parse_prefix(destinations[i].prefix, destinations[i].len);

		put(lab->tables[TABLE_DST], &key, &destinations[i].value);
	}
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		uint32_t element = services[i].slot / SP_SVC_PER_ELEM;
		struct sp_svc_elem sets;

		must(bpf_map_lookup_elem(lab->tables[TABLE_SVC], &element, &sets), "read sp_svc");
		sets.svcset[services[i].slot % SP_SVC_PER_ELEM] = services[i].svcset;
		put(lab->tables[TABLE_SVC], &element, &sets);
	}
}

/* The profile of a pair; a new one denies by default. */
static uint32_t profile_of(struct lab *lab, uint32_t class_id, uint32_t netset)
{
	const struct sp_verdict nothing = { .action = SP_DENY,
					    .reason = SP_REASON_DEFAULT,
					    .log = SP_LOG_ALL,
					    .rule = SP_RULE_DEFAULT,
					    .audit_rule = SP_RULE_NONE };
	struct sp_pair_key key = { class_id, netset };
	uint32_t profile, index;

	if (bpf_map_lookup_elem(lab->tables[TABLE_PAIR], &key, &profile) == 0)
		return profile;
	profile = lab->profiles++;
	for (uint32_t s = 0; s < SVC_COUNT; s++) {
		index = profile * SVC_COUNT + s;
		put(lab->tables[TABLE_VERDICT], &index, &nothing);
	}
	put(lab->tables[TABLE_PAIR], &key, &profile);
	return profile;
}

static void put_rule(struct lab *lab, size_t i, uint8_t action, uint8_t log, uint64_t not_after_ns)
{
	uint32_t profile = profile_of(lab, rules[i].class_id, rules[i].netset);
	uint32_t index = profile * SVC_COUNT + rules[i].svcset;
	struct sp_verdict verdict = {
		.action = action,
		.reason = rules[i].reason,
		.log = log,
		.rule = rules[i].rule,
		.audit_rule = SP_RULE_NONE,
		.not_after_ns = not_after_ns,
	};

	put(lab->tables[TABLE_VERDICT], &index, &verdict);
}

void lab_set_verdict(struct lab *lab, enum lab_rule rule, enum sp_verdict_action action,
		     enum sp_log log, uint64_t not_after_ns)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].rule == rule)
			put_rule(lab, i, action, log, not_after_ns);
}

void lab_set_limit(struct lab *lab, enum lab_rule rule, uint32_t number,
		   const struct sp_limit_terms *terms)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct sp_verdict verdict;
		uint32_t index;

		if (rules[i].rule != rule)
			continue;
		index = profile_of(lab, rules[i].class_id, rules[i].netset) * SVC_COUNT +
			rules[i].svcset;
		must(bpf_map_lookup_elem(lab->tables[TABLE_VERDICT], &index, &verdict),
		     "read a verdict");
		verdict.limit = number;
		put(lab->tables[TABLE_VERDICT], &index, &verdict);
	}
	put(lab->tables[TABLE_LIMIT], &number, terms);
}

static void fill_tables(struct lab *lab)
{
	make_tables(lab);
	fill_addresses(lab);
	lab->profiles = 0;
	profile_of(lab, UINT32_MAX, UINT32_MAX); /* profile 0 */
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		put_rule(lab, i, rules[i].action, rules[i].log, 0);
}

/* ---- sessions ---- */

void lab_sign_in(struct lab *lab, enum lab_session number, uint64_t epoch)
{
	static const uint32_t class_of[] = { [ANA] = CLASS_ANA, [BOB] = CLASS_BOB, [CAROL] = 0 };
	struct sp_session *session = &lab->sessions[number];

	*session = (struct sp_session){ .expires_ns = 0 };
	for (int slot = 0; slot < 2; slot++)
		for (int family = 0; family < 2; family++) {
			session->class_id[slot][family] = class_of[number];
			session->netset[slot][family] = number == BOB ? NET_BOB : NET_OTHER;
		}
	session->epoch = epoch;
	for (size_t i = 0; i < sizeof(idents) / sizeof(idents[0]); i++) {
		struct sp_addr addr = parse_address(idents[i].address);
		struct sp_ident ident = { .addr = addr, .epoch = epoch, .session = number };

		if (idents[i].session == number)
			put(lab_map(lab, "sp_ident"), &addr, &ident);
	}
}

/* ---- opening ---- */

int lab_map(struct lab *lab, const char *name)
{
	int fd = table_of(name) >= 0 ? lab->tables[table_of(name)]
				     : bpf_object__find_map_fd_by_name(lab->state, name);

	must(fd, "map %s", name);
	return fd;
}

int lab_program(struct lab *lab, enum sp_hook hook)
{
	static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
	int fd;

	pthread_mutex_lock(&loading);
	if (!lab->objects[hook])
		lab->objects[hook] = load_object(lab, hook);
	fd = bpf_program__fd(bpf_object__next_program(lab->objects[hook], NULL));
	pthread_mutex_unlock(&loading);
	return fd;
}

/* The janitor's object comes first: its maps are all state, and are everybody's. */
void lab_open(struct lab *lab, const struct lab_options *options)
{
	*lab = (struct lab){ .revision = 1, .now_ns = LAB_START };
	if (options)
		lab->options = *options;
	if (!lab->options.flows_max)
		lab->options.flows_max = 4096;
	if (!lab->options.events_bytes)
		lab->options.events_bytes = 4 << 20;
	fill_tables(lab);
	lab->janitor = load_object(lab, SP_HOOK_NONE);
	lab->state = lab->janitor;
	lab->sessions = mmap(NULL, SESSIONS_MAX * sizeof(*lab->sessions), PROT_READ | PROT_WRITE,
			     MAP_SHARED, lab_map(lab, "sp_session"), 0);
	must(lab->sessions == MAP_FAILED ? -1 : 0, "map the sessions");
	for (int session = ANA; session <= CAROL; session++)
		lab_sign_in(lab, session, EPOCH_OF(session));
}

static void close_revision(struct lab *lab)
{
	for (int hook = 1; hook < SP_HOOK_JUDGE_COUNT; hook++) {
		bpf_object__close(lab->objects[hook]);
		lab->objects[hook] = NULL;
	}
	for (int i = 0; i < TABLE_COUNT; i++)
		close(lab->tables[i]);
}

void lab_renew(struct lab *lab, uint64_t revision)
{
	close_revision(lab);
	lab->revision = revision;
	fill_tables(lab);
}

void lab_close(struct lab *lab)
{
	munmap(lab->sessions, SESSIONS_MAX * sizeof(*lab->sessions));
	close_revision(lab);
	bpf_object__close(lab->janitor);
}

/* ---- judging ---- */

/* The frame as a test run takes it: bare IP behind a link header. */
static void wrap(struct test_frame *frame)
{
	if (frame->is_ethernet)
		return;
	memmove(frame->bytes + TEST_LINK, frame->bytes, frame->len);
	memset(frame->bytes, 0, 6); /* to lo, whose test runs these are */
	memset(frame->bytes + 6, 2, 6);
	memcpy(frame->bytes + 12, frame->bytes[TEST_LINK] >> 4 == 4 ? "\x08\x00" : "\x86\xdd", 2);
	frame->len += TEST_LINK;
}

static void set_input(struct lab *lab)
{
	struct sp_test_input input = {
		.now_ns = lab->now_ns,
		.is_own = lab->is_own,
		.is_dhcp_client = lab->is_dhcp_client,
		.mark = lab->mark,
	};

	put(lab_map(lab, "sp_test_input"), &(uint32_t){ 0 }, &input);
}

/* Run the hook's program on what is in @run. */
static void run_program(struct lab *lab, enum sp_hook hook, const char *text,
			struct __sk_buff *context, struct bpf_test_run_opts *run)
{
	static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER; /* it has a buffer of its own */
	struct test_frame frame;

	pthread_mutex_lock(&making);
	test_frame_make(&frame, text);
	pthread_mutex_unlock(&making);
	wrap(&frame);
	set_input(lab);
	run->data_in = frame.bytes;
	run->data_size_in = (uint32_t)frame.len;
	if (hook != SP_HOOK_EDGE_IN) {
		run->ctx_in = run->ctx_out = context;
		run->ctx_size_in = run->ctx_size_out = sizeof(*context);
	}
	must(bpf_prog_test_run_opts(lab_program(lab, hook), run), "run on: %s", text);
}

void lab_judge(struct lab *lab, enum sp_hook hook, const char *text, struct lab_answer *ret_answer)
{
	struct __sk_buff context = { 0 };
	struct sp_test_answer answer;
	LIBBPF_OPTS(bpf_test_run_opts, run);

	memset(ret_answer, 0, sizeof(*ret_answer));
	run.data_out = ret_answer->bytes;
	run.data_size_out = sizeof(ret_answer->bytes);
	run_program(lab, hook, text, &context, &run);
	must(bpf_map_lookup_elem(lab_map(lab, "sp_test_answer"), &(uint32_t){ 0 }, &answer),
	     "answer");
	ret_answer->verdict = answer.verdict;
	ret_answer->reason = answer.reason;
	ret_answer->rule = answer.rule;
	ret_answer->action = run.retval;
	ret_answer->mark = context.mark;
	ret_answer->len = run.data_size_out;
}

uint32_t lab_repeat(struct lab *lab, enum sp_hook hook, const char *text, uint32_t times)
{
	struct __sk_buff context = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .repeat = (int)times);

	run_program(lab, hook, text, &context, &run);
	return run.duration;
}

static bool passes(enum sp_hook hook, uint32_t action)
{
	return action == (hook == SP_HOOK_EDGE_IN ? (uint32_t)XDP_PASS : (uint32_t)TC_ACT_UNSPEC);
}

void lab_run(struct lab *lab, const struct step *steps, size_t count)
{
	static const char *const reason_name[] = { "none",
#define X(id, name, text) name,
						   SP_REASONS(X)
#undef X
	};

	for (size_t i = 0; i < count; i++) {
		const struct step *step = &steps[i];
		struct lab_answer answer;

		lab->now_ns += step->after_s * SECOND;
		lab->is_own = step->is_own;
		lab_judge(lab, step->hook, step->frame, &answer);
		lab->is_own = false;
		if (answer.verdict == step->verdict && answer.reason == step->reason &&
		    answer.rule == step->rule &&
		    passes(step->hook, answer.action) == (step->verdict == SP_ALLOW))
			continue;
		fail_msg("step %zu, %s: got %s %s rule %d (action %u), not %s %s rule %d", i,
			 step->frame, answer.verdict ? "allow" : "deny", reason_name[answer.reason],
			 (int)answer.rule, answer.action, step->verdict ? "allow" : "deny",
			 reason_name[step->reason], (int)step->rule);
	}
}

/* ---- what was seen ---- */

static void read_percpu(struct lab *lab, const char *name, uint32_t index, size_t size,
			uint64_t *ret_sums)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t values[256 * 4];

	must(cpus <= 256 ? 0 : -1, "too many CPUs");
	must(bpf_map_lookup_elem(lab_map(lab, name), &index, values), "read %s", name);
	memset(ret_sums, 0, size);
	for (int cpu = 0; cpu < cpus; cpu++)
		for (size_t i = 0; i < size / 8; i++)
			ret_sums[i] += values[cpu * (size / 8) + i];
}

struct sp_counter lab_counter(struct lab *lab, enum sp_hook hook, enum sp_verdict_action verdict,
			      enum sp_reason reason)
{
	struct sp_counter counter;

	read_percpu(lab, "sp_counter", SP_COUNTER_INDEX(hook, verdict, reason), sizeof(counter),
		    (uint64_t *)&counter);
	return counter;
}

struct sp_counter lab_rule_counter(struct lab *lab, uint32_t rule)
{
	struct sp_counter counter;

	read_percpu(lab, "sp_rule_counter", rule, sizeof(counter), (uint64_t *)&counter);
	return counter;
}

struct sp_event_stats lab_event_stats(struct lab *lab)
{
	struct sp_event_stats stats;

	read_percpu(lab, "sp_event_stats", 0, sizeof(stats), (uint64_t *)&stats);
	return stats;
}

uint32_t lab_flow_count(struct lab *lab)
{
	struct sp_flow_key key, next;
	uint32_t count = 0;
	void *from = NULL;

	while (bpf_map_get_next_key(lab_map(lab, "sp_flow"), from, &next) == 0) {
		key = next;
		from = &key;
		count++;
	}
	return count;
}

uint64_t lab_part_flows(struct lab *lab, enum sp_flow_part part)
{
	struct sp_flow_use use;

	must(bpf_map_lookup_elem(lab_map(lab, "sp_flow_use"), &(uint32_t){ 0 }, &use), "the parts");
	return use.flows[part];
}

uint64_t lab_source_counts(struct lab *lab)
{
	uint64_t sum = 0;
	uint32_t count;

	for (uint32_t i = 0; bpf_map_lookup_elem(lab_map(lab, "sp_flow_source"), &i, &count) == 0;
	     i++)
		sum += count;
	return sum;
}

struct sp_flow lab_flow(struct lab *lab)
{
	struct sp_flow_key key;
	struct sp_flow flow;

	must(lab_flow_count(lab) == 1 ? 0 : -1, "there are %u flows", lab_flow_count(lab));
	must(bpf_map_get_next_key(lab_map(lab, "sp_flow"), NULL, &key), "the flow");
	must(bpf_map_lookup_elem(lab_map(lab, "sp_flow"), &key, &flow), "the flow");
	return flow;
}

struct taken {
	struct sp_event *events;
	size_t max, count;
};

static int take(void *arg, void *data, size_t size)
{
	struct taken *taken = arg;

	must(size == sizeof(struct sp_event) ? 0 : -1, "an event of %zu bytes", size);
	if (taken->count < taken->max)
		memcpy(&taken->events[taken->count], data, size);
	taken->count++;
	return 0;
}

size_t lab_events(struct lab *lab, struct sp_event *ret_events, size_t max)
{
	struct taken taken = { .events = ret_events, .max = max };
	struct ring_buffer *ring = ring_buffer__new(lab_map(lab, "sp_events"), take, &taken, NULL);

	must(ring ? 0 : -1, "open the events");
	must(ring_buffer__consume(ring), "take the events");
	ring_buffer__free(ring);
	return taken.count;
}
