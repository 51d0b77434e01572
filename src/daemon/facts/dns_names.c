/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/facts/dns_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/time.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/units.h"
#include "config/machine.h"
#include "daemon/base/warnings.h"
#include "io/files/files.h"
#include "io/files/paths.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "net/addr.h"
#include "policy/addresses/filled.h"
#include "yaml/load.h"

#define COPY_BYTES_MAX 65536u
#define LOAD_MS 4000u   /* an apply waits for answers no longer than this */
#define ROUND_MS 20000u /* nor does a round of asking */
#define LOOK_S 10       /* the clock is looked at so often: it may have been set */

static int64_t now_s(void)
{
	return sp_clock_realtime_s();
}

/* ---- copies ---- */

/* A name has no slash (sp_read_domain). */
static int find_copy(const struct sp_paths *paths, const struct sp_dns_name *name, char **ret_path)
{
	return sp_str_format(ret_path, "%s/dns/%s", paths->state_dir, name->name);
}

/* That there is none, or none that can be read, is no fault: the name is asked for. */
static int read_copy(const struct sp_paths *paths, struct sp_dns_name *name)
{
	__sp_free char *path = NULL, *text = NULL;
	size_t len;
	int r = find_copy(paths, name, &path);

	if (r < 0)
		return r;
	r = sp_file_read(path, COPY_BYTES_MAX, &text, &len);
	if (r == 0 && strlen(text) == len)
		r = sp_dns_name_read(name, text, now_s());
	return r == -ENOMEM ? r : 0;
}

static void write_copy(const struct sp_paths *paths, struct sp_dns_name *name)
{
	__sp_buf struct sp_buf out = SP_BUF_INIT;
	__sp_free char *path = NULL;
	int r = find_copy(paths, name, &path);

	if (r == 0)
		r = sp_dns_name_write(name, &out);
	if (r == 0)
		r = sp_dir_make_parent(path, 0700);
	if (r == 0)
		r = sp_file_replace(path, out.data, out.len, 0600, SP_UID_KEEP, SP_GID_KEEP);
	if (r == 0)
		name->kept_s = now_s();
	else
		snprintf(name->fault, sizeof(name->fault),
			 "its addresses could not be kept below %.60s: %s", paths->state_dir,
			 sp_err_text(r));
}

/* ---- the names of a policy ---- */

void sp_dns_set_done(struct sp_dns_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		sp_dns_name_done(&set->items[i]);
	free(set->items);
	*set = (struct sp_dns_set){ 0 };
}

/* Ask for the names of @set whose time has come. Returns 0; -ENOMEM. */
static int ask(const struct sp_paths *paths, const char *servers, struct sp_dns_set *set,
	       unsigned within_ms, const atomic_bool *stop)
{
	__sp_free struct sp_dns_question *questions = calloc(set->count + 1, sizeof(*questions));
	__sp_free size_t *places = calloc(set->count + 1, sizeof(*places));
	size_t count = 0;
	int r;

	if (!questions || !places)
		return -ENOMEM;
	for (size_t i = 0; i < set->count; i++)
		if (sp_dns_name_due_s(&set->items[i]) <= now_s()) {
			places[count] = i;
			questions[count++].name = set->items[i].name;
		}
	r = count ? sp_resolve(servers, questions, count, within_ms, stop) : 0;
	for (size_t i = 0; i < count && r == 0; i++) {
		struct sp_dns_name *name = &set->items[places[i]];
		const bool is_changed = sp_dns_name_take(name, &questions[i].answer, now_s());

		if (sp_dns_name_needs_copy(name, is_changed, now_s()))
			write_copy(paths, name);
	}
	return r;
}

static int add_names(struct sp_dns_set *set, const struct sp_network *network)
{
	for (size_t i = 0; i < network->host_count; i++) {
		struct sp_dns_name *name = SP_ARRAY_PUSH(set->items, set->count);

		if (!name || sp_dns_name_init(name, network, network->hosts[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

int sp_dns_set_load(const struct sp_paths *paths, const char *servers,
		    const struct sp_policy *policy, bool asks, struct sp_dns_set *set)
{
	const struct sp_policy *text = sp_policy_text(policy);
	int r = 0;

	for (size_t i = 0; i < text->network_count && r == 0; i++)
		r = add_names(set, &text->networks[i]);
	for (size_t i = 0; i < set->count && r == 0; i++)
		r = read_copy(paths, &set->items[i]);
	return r == 0 && asks ? ask(paths, servers, set, LOAD_MS, NULL) : r;
}

/* ---- what they hold ---- */

/* The name's first address that is the gateway's, or of its pool; NULL: none is. */
static const struct sp_addr *find_own(const struct sp_dns_name *name,
				      const struct sp_gateway *gateway)
{
	for (size_t i = 0; i < name->count; i++) {
		const struct sp_addr *addr = &name->addresses[i].addr;

		if (sp_gateway_has(gateway, addr) || sp_gateway_pool_has(gateway, addr))
			return addr;
	}
	return NULL;
}

size_t sp_dns_set_count_addresses(const struct sp_dns_set *set)
{
	size_t count = 0;

	for (size_t i = 0; i < set->count; i++)
		count += set->items[i].count;
	return count;
}

/* Returns how many there are. */
static size_t list_name(const struct sp_dns_name *name, const struct sp_gateway *gateway,
			struct sp_prefix *room)
{
	size_t count = 0;

	for (size_t i = 0; i < name->count; i++) {
		const struct sp_addr *addr = &name->addresses[i].addr;

		if (sp_gateway_has(gateway, addr) || sp_gateway_pool_has(gateway, addr))
			continue;
		room[count].prefix_len = 128;
		memcpy(room[count].addr, addr, sizeof(room[count].addr));
		count++;
	}
	return count;
}

/* The network of the name; UINT32_MAX: the policy has none. */
static uint32_t find_network(const struct sp_policy *text, const struct sp_dns_name *name)
{
	for (uint32_t i = 0; i < text->network_count; i++)
		if (text->networks[i].kind == SP_NETWORK_DNS &&
		    !strcmp(text->networks[i].name, name->network))
			return i;
	return UINT32_MAX;
}

size_t sp_dns_set_list(const struct sp_dns_set *set, const struct sp_policy *text,
		       const struct sp_gateway *gateway, struct sp_prefix *room,
		       struct sp_fact_network *facts)
{
	size_t count = 0;

	for (size_t i = 0; i < set->count; i++) {
		const uint32_t network = find_network(text, &set->items[i]);
		const size_t listed = list_name(&set->items[i], gateway, room);

		if (network == UINT32_MAX)
			continue;
		facts[count++] = (struct sp_fact_network){ network, room, listed };
		room += listed;
	}
	return count;
}

static void check_name(const struct sp_dns_name *name, const struct sp_gateway *gateway,
		       struct sp_check *check)
{
	const struct sp_node at = sp_node_at(&name->place);
	const struct sp_addr *own = find_own(name, gateway);
	char text[SP_ADDR_TEXT_MAX];

	if (!name->count)
		sp_warn(check, &at, "%s: %s; until it has an address, nothing matches it",
			name->name, *name->fault ? name->fault : "it was not answered");
	else if (*name->fault)
		sp_warn(check, &at, "%s: %s", name->name, name->fault);
	if (own)
		sp_warn(check, &at,
			"%s has the address %s, which is the gateway's or of its pool: it is left "
			"out",
			name->name, sp_addr_format(own, text));
	if (sp_dns_name_is_behind(name))
		sp_warn(check, &at,
			"%s is answered for %us, which is less than \"ttl-min\" of %llds: a new "
			"address of it is taken up to %llds late",
			name->name, name->ttl_s, (long long)name->ttl_min_s,
			(long long)(name->ttl_min_s - name->ttl_s));
}

void sp_dns_set_check(const struct sp_dns_set *set, const struct sp_gateway *gateway,
		      struct sp_check *check)
{
	for (size_t i = 0; i < set->count; i++)
		check_name(&set->items[i], gateway, check);
}

/* ---- following those of the running policy ---- */

static void tell_empty(struct sp_dns_names *names, const struct sp_dns_name *name)
{
	if (name)
		sp_warnings_raise(names->warnings, "dns-empty",
				  "%s (network %s) has no address: nothing matches it%s%s",
				  name->name, name->network, *name->fault ? ": " : "", name->fault);
	else
		sp_warnings_clear(names->warnings, "dns-empty");
}

static void tell_failed(struct sp_dns_names *names, const struct sp_dns_name *name)
{
	char until[SP_TIME_TEXT_MAX];

	if (name && name->state == SP_DNS_GOOD)
		sp_warnings_raise(names->warnings, "dns-failed", "%s (network %s): %s", name->name,
				  name->network, name->fault);
	else if (name)
		sp_warnings_raise(names->warnings, "dns-failed",
				  "%s (network %s): %s; its last addresses count until %s",
				  name->name, name->network, name->fault,
				  sp_time_format_s(sp_dns_name_last_ends_s(name), until));
	else
		sp_warnings_clear(names->warnings, "dns-failed");
}

static void tell_own(struct sp_dns_names *names, const struct sp_dns_name *name)
{
	char text[SP_ADDR_TEXT_MAX];

	if (name)
		sp_warnings_raise(names->warnings, "dns-own",
				  "%s (network %s) has the address %s, which is the gateway's or "
				  "of its pool: it is left out",
				  name->name, name->network,
				  sp_addr_format(find_own(name, names->gateway), text));
	else
		sp_warnings_clear(names->warnings, "dns-own");
}

static void tell_warnings(struct sp_dns_names *names)
{
	const struct sp_dns_name *empty = NULL, *failed = NULL, *own = NULL;

	for (size_t i = 0; i < names->running.count; i++) {
		const struct sp_dns_name *name = &names->running.items[i];

		if (!empty && !name->count)
			empty = name;
		if (!failed && name->count && *name->fault)
			failed = name;
		if (!own && find_own(name, names->gateway))
			own = name;
	}
	tell_empty(names, empty);
	tell_failed(names, failed);
	tell_own(names, own);
}

static void look(void *arg);

/* Look again when something is due. */
static void look_later(struct sp_dns_names *names)
{
	int64_t wait_s = LOOK_S;

	if (!names->running.count)
		return;
	for (size_t i = 0; i < names->running.count; i++) {
		const struct sp_dns_name *name = &names->running.items[i];
		const int64_t due_s = names->job.is_under_way ? INT64_MAX : sp_dns_name_due_s(name);
		const int64_t ends_s = sp_dns_name_ends_s(name);
		const int64_t first_s = due_s < ends_s ? due_s : ends_s;

		if (first_s - now_s() < wait_s)
			wait_s = first_s > now_s() ? first_s - now_s() : 0;
	}
	names->timer.fire = look;
	names->timer.arg = names;
	/* an address ends with its second, and no sooner than the clock reads it */
	sp_loop_in(names->loop, &names->timer,
		   wait_s > 0 ? (uint64_t)wait_s * SP_SECOND_NS : SP_SECOND_NS / 10);
}

static void ask_asked(void *arg)
{
	struct sp_dns_names *names = arg;

	if (ask(names->paths, names->servers, &names->asked, ROUND_MS, &names->is_stopping) < 0)
		sp_dns_set_done(&names->asked); /* no memory: the next round */
}

/* Returns whether it has other addresses than before. */
static bool take_asked(struct sp_dns_name *name, const struct sp_dns_name *asked)
{
	const bool is_changed = sp_dns_name_merge(name, asked, now_s());

	if (is_changed)
		sp_log_note("%s (network %s) has %zu addresses now", name->name, name->network,
			    name->count);
	return is_changed;
}

/* Others may be followed since it was begun, and an apply may have asked for the same ones. */
static void were_asked(void *arg)
{
	struct sp_dns_names *names = arg;
	bool is_changed = false;

	for (size_t i = 0; i < names->asked.count; i++)
		for (size_t n = 0; n < names->running.count; n++)
			if (sp_dns_name_is(&names->running.items[n], &names->asked.items[i]))
				is_changed |= take_asked(&names->running.items[n],
							 &names->asked.items[i]);
	sp_dns_set_done(&names->asked);
	free(names->servers);
	names->servers = NULL;
	tell_warnings(names);
	look_later(names);
	if (is_changed)
		names->changed(names->arg);
}

/* Copies of those whose time has come. Returns 0; -ENOMEM. */
static int begin_asking(struct sp_dns_names *names)
{
	const char *servers = (*names->machine)->dns_servers;

	for (size_t i = 0; i < names->running.count; i++) {
		struct sp_dns_name *copy;

		if (sp_dns_name_due_s(&names->running.items[i]) > now_s())
			continue;
		copy = SP_ARRAY_PUSH(names->asked.items, names->asked.count);
		if (!copy || sp_dns_name_copy(&names->running.items[i], copy) < 0)
			return -ENOMEM;
	}
	names->servers = servers && names->asked.count ? strdup(servers) : NULL;
	return servers && names->asked.count && !names->servers ? -ENOMEM : 0;
}

/* Returns whether nothing went wrong. */
static bool start_asking(struct sp_dns_names *names)
{
	int r = begin_asking(names);

	names->job.work = ask_asked;
	names->job.done = were_asked;
	names->job.arg = names;
	if (r == 0 && names->asked.count)
		r = sp_job_start(&names->job, names->loop);
	if (r == 0)
		return true;
	sp_log_error("asking for names: %s", sp_err_text(r));
	sp_dns_set_done(&names->asked);
	free(names->servers);
	names->servers = NULL;
	return false;
}

static void look(void *arg)
{
	struct sp_dns_names *names = arg;
	bool is_changed = false;

	for (size_t i = 0; i < names->running.count; i++)
		is_changed |= sp_dns_name_age(&names->running.items[i], now_s());
	tell_warnings(names);
	look_later(names);
	if (!names->job.is_under_way && !start_asking(names))
		sp_loop_in(names->loop, &names->timer, LOOK_S * SP_SECOND_NS);
	if (is_changed)
		names->changed(names->arg);
}

static void follow(struct sp_dns_names *names)
{
	tell_warnings(names);
	look_later(names);
}

void sp_dns_names_switch(struct sp_dns_names *names, struct sp_dns_set *set, bool keeps)
{
	sp_dns_set_done(&names->former);
	if (keeps)
		names->former = names->running;
	else
		sp_dns_set_done(&names->running);
	names->running = *set;
	*set = (struct sp_dns_set){ 0 };
	follow(names);
}

void sp_dns_names_return(struct sp_dns_names *names)
{
	sp_dns_set_done(&names->running);
	names->running = names->former;
	names->former = (struct sp_dns_set){ 0 };
	follow(names);
}

void sp_dns_names_drop_former(struct sp_dns_names *names)
{
	sp_dns_set_done(&names->former);
}

void sp_dns_names_done(struct sp_dns_names *names)
{
	if (names->loop) {
		atomic_store(&names->is_stopping, true);
		sp_job_end(&names->job);
		sp_loop_drop(names->loop, &names->timer);
	}
	sp_dns_set_done(&names->asked);
	free(names->servers);
	sp_dns_set_done(&names->running);
	sp_dns_set_done(&names->former);
}
