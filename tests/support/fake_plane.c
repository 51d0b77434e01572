/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fake_plane.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "net/addr.h"

static struct fake_plane *fake_of(struct sp_plane *plane)
{
	return (struct fake_plane *)plane;
}

static struct fake_staged *staged_of(struct sp_plane_staged *staged)
{
	return (struct fake_staged *)staged;
}

int fake_plane_say(struct fake_plane *fake, const char *word)
{
	const size_t len = strlen(fake->log);

	snprintf(fake->log + len, sizeof(fake->log) - len, " %s", word);
	if (!fake->failing || strcmp(fake->failing, word) != 0)
		return 0;
	return fake->failure ? fake->failure : -EIO;
}

static int say_of(struct fake_plane *fake, const char *verb, uint64_t number)
{
	char word[64];
	int r;

	snprintf(word, sizeof(word), "%s:%llu", verb, (unsigned long long)number);
	r = fake_plane_say(fake, word);
	return r == 0 && fake->failing && !strcmp(fake->failing, verb)
		       ? fake->failure ? fake->failure : -EIO
		       : r;
}

static int explain(struct sp_plane_error *error, int r, const char *what)
{
	error->text[0] = '\0';
	if (r < 0)
		snprintf(error->text, sizeof(error->text), "%s was told to fail", what);
	return r;
}

/* ---- the plane ---- */

struct fake_plane *fake_plane_new(void)
{
	struct fake_plane *fake = calloc(1, sizeof(*fake));

	if (fake)
		fake->base.ops = &fake_plane_ops;
	return fake;
}

void fake_plane_free(struct fake_plane *fake)
{
	free(fake->running);
	free(fake->kept);
	free(fake);
}

void fake_plane_forget(struct fake_plane *fake)
{
	fake->log[0] = '\0';
}

const struct sp_plane_ban *fake_plane_find_ban(const struct fake_plane *fake,
					       const struct sp_prefix *prefix)
{
	for (size_t i = 0; i < fake->ban_count; i++)
		if (sp_prefix_compare(&fake->bans[i].prefix, prefix) == 0)
			return &fake->bans[i];
	return NULL;
}

const struct fake_ident *fake_plane_find(const struct fake_plane *fake, const struct sp_addr *addr)
{
	for (size_t i = 0; i < fake->ident_count; i++)
		if (!memcmp(&fake->idents[i].addr, addr, sizeof(*addr)))
			return &fake->idents[i];
	return NULL;
}

/* A test makes it, and hands it to what it tests. */
static void fake_close(struct sp_plane *plane)
{
	(void)fake_plane_say(fake_of(plane), "close");
}

/* ---- revisions ---- */

static int fake_stage_tables(struct sp_plane *plane, const struct sp_tables *tables,
			     uint64_t revision, const struct sp_plane_interface *interfaces,
			     size_t interface_count, struct sp_plane_staged **ret_staged,
			     struct sp_plane_error *error)
{
	struct fake_plane *fake = fake_of(plane);
	struct fake_staged *staged;
	int r = explain(error, fake->kept ? -EBUSY : say_of(fake, "stage", revision),
			"taking the tables");

	(void)tables;
	(void)interfaces;
	(void)interface_count;
	if (r < 0)
		return r;
	staged = calloc(1, sizeof(*staged));
	if (!staged)
		return -ENOMEM;
	staged->base.plane = plane;
	staged->revision = revision;
	fake->staged_count++;
	*ret_staged = &staged->base;
	return 0;
}

static int fake_stage_fill(struct sp_plane_staged *staged, struct sp_plane_error *error)
{
	return explain(error, fake_plane_say(fake_of(staged->plane), "fill"), "filling the tables");
}

static int fake_stage_program(struct sp_plane_staged *staged, struct sp_plane_error *error)
{
	const int gate = fake_of(staged->plane)->program_gate;
	char byte;

	if (gate && read(gate, &byte, 1) != 1)
		return explain(error, -EPIPE, "waiting to load a program");
	return explain(error, fake_plane_say(fake_of(staged->plane), "program"),
		       "loading a program");
}

static void fake_staged_complete(struct sp_plane_staged *staged)
{
	(void)fake_plane_say(fake_of(staged->plane), "complete");
}

static void fake_staged_free(struct sp_plane_staged *staged)
{
	struct fake_plane *fake = fake_of(staged->plane);

	if (staged_of(staged) == fake->running || staged_of(staged) == fake->kept)
		return;
	(void)say_of(fake, "drop", staged_of(staged)->revision);
	fake->staged_count--;
	free(staged_of(staged));
}

static int fake_staged_extend(struct sp_plane_staged *staged, const struct sp_tables *tables)
{
	(void)tables;
	return say_of(fake_of(staged->plane), "extend", staged_of(staged)->revision);
}

/* It runs no more. */
static void leave(struct fake_plane *fake, struct fake_staged *staged)
{
	fake->staged_count -= staged != NULL;
	free(staged);
}

static int fake_commit(struct sp_plane *plane, struct sp_plane_staged *staged,
		       const struct sp_plane_interface *interfaces, size_t interface_count,
		       struct sp_plane_error *error)
{
	struct fake_plane *fake = fake_of(plane);
	int r = explain(error,
			fake->has_returned ? -ESTALE
					   : say_of(fake, "commit", staged_of(staged)->revision),
			"the commit");

	(void)interfaces;
	(void)interface_count;
	if (r < 0 || staged_of(staged) == fake->running)
		return r;
	if (fake->keeps_next) {
		fake->kept = fake->running;
		fake->keeps_next = false;
	} else {
		leave(fake, fake->running);
	}
	fake->running = staged_of(staged);
	return 0;
}

/* ---- the former revision ---- */

static int fake_keep_former(struct sp_plane *plane, struct sp_plane_error *error)
{
	struct fake_plane *fake = fake_of(plane);
	int r = explain(error, fake_plane_say(fake, "keep"), "keeping what runs");

	if (r == 0 && (!fake->running || fake->kept))
		r = explain(error, fake->kept ? -EEXIST : -EINVAL, "keeping what runs");
	if (r == 0)
		fake->keeps_next = true;
	return r;
}

static struct sp_plane_staged *fake_former(struct sp_plane *plane)
{
	return fake_of(plane)->kept ? &fake_of(plane)->kept->base : NULL;
}

static int fake_drop_former(struct sp_plane *plane, struct sp_plane_error *error)
{
	struct fake_plane *fake = fake_of(plane);
	int r = explain(error, fake->has_returned ? -ESTALE : fake_plane_say(fake, "unkeep"),
			"dropping what is kept");

	if (r < 0)
		return r;
	fake->keeps_next = false;
	leave(fake, SP_TAKE_PTR(fake->kept));
	return 0;
}

int fake_plane_return(struct fake_plane *fake)
{
	int r = fake->kept ? say_of(fake, "return", fake->kept->revision) : 1;

	if (r == 0)
		fake->has_returned = true;
	return r;
}

static int fake_follow_former(struct sp_plane *plane, struct sp_plane_error *error)
{
	struct fake_plane *fake = fake_of(plane);
	int r = explain(error, fake->has_returned ? fake_plane_say(fake, "follow") : -ENOENT,
			"following what returned");

	if (!fake->has_returned)
		return r;
	leave(fake, fake->running);
	fake->running = SP_TAKE_PTR(fake->kept);
	fake->has_returned = false;
	return r;
}

/* Numbers need nothing here but to grow. */
static uint64_t fake_next_revision(struct sp_plane *plane, uint64_t least)
{
	(void)plane;
	return least;
}

static uint64_t fake_running_revision(struct sp_plane *plane)
{
	return fake_of(plane)->running ? fake_of(plane)->running->revision : 0;
}

static struct sp_plane_staged *fake_running(struct sp_plane *plane)
{
	return fake_of(plane)->running ? &fake_of(plane)->running->base : NULL;
}

/* ---- the guard ---- */

static int fake_guard_put(struct sp_plane *plane, const struct sp_plane_guard *guard,
			  struct sp_plane_error *error)
{
	static const char *const words[] = { "guard-closed", "guard-tunnel", "guard-open" };
	struct fake_plane *fake = fake_of(plane);
	int r = explain(error, fake_plane_say(fake, words[guard->state]), "the guard");

	if (r < 0)
		return r;
	fake->is_guarded = true;
	fake->guard = guard->state;
	return 0;
}

static int fake_guard_counters(struct sp_plane *plane,
			       struct sp_counter ret_counters[SP_PLANE_DROP_COUNT])
{
	const struct fake_plane *fake = fake_of(plane);

	if (!fake->is_guarded)
		return -ENOENT;
	memcpy(ret_counters, fake->guard_drops, sizeof(fake->guard_drops));
	return 0;
}

static int fake_guard_read(struct sp_plane *plane, char **ret_text)
{
	const struct fake_plane *fake = fake_of(plane);
	char text[16];

	if (!fake->is_guarded)
		return -ENOENT;
	snprintf(text, sizeof(text), "%d", fake->guard);
	*ret_text = strdup(text);
	return *ret_text ? 0 : -ENOMEM;
}

static int fake_nat_put(struct sp_plane *plane, const struct sp_plane_nat *nat, bool is_anew,
			struct sp_plane_error *error)
{
	(void)is_anew;
	return nat->policy->nat_count ? explain(error, fake_plane_say(fake_of(plane), "nat"), "nat")
				      : 0;
}

static int fake_nat_read(struct sp_plane *plane, char **ret_text)
{
	(void)plane;
	(void)ret_text;
	return -ENOENT;
}

static int fake_nat_try(struct sp_plane *plane, const struct sp_policy *policy,
			struct sp_plane_error *error)
{
	return explain(error, policy->nat_count ? fake_plane_say(fake_of(plane), "nat-try") : 0,
		       "nat");
}

static int fake_nat_settle(struct sp_plane *plane, const struct sp_policy *policy,
			   const struct sp_gateway *gateway, size_t *ret_ended,
			   struct sp_plane_error *error)
{
	(void)gateway;
	*ret_ended = 0;
	return explain(error, policy->nat_count ? fake_plane_say(fake_of(plane), "nat-settle") : 0,
		       "nat");
}

/* ---- sessions ---- */

static int fake_get_birth(struct sp_plane *plane, uint64_t *ret_birth)
{
	*ret_birth = fake_of(plane)->birth;
	return 0;
}

static int fake_set_birth(struct sp_plane *plane, uint64_t birth)
{
	int r = fake_plane_say(fake_of(plane), "birth");

	if (r == 0)
		fake_of(plane)->birth = birth;
	return r;
}

/* The session to change; NULL with *@ret_r set: @verb fails, or there is no such number. */
static struct sp_plane_session *change(struct sp_plane *plane, const char *verb, uint32_t number,
				       int *ret_r)
{
	*ret_r = number && number < FAKE_SESSIONS_MAX ? say_of(fake_of(plane), verb, number)
						      : -ERANGE;
	return *ret_r < 0 ? NULL : &fake_of(plane)->sessions[number];
}

static uint32_t fake_session_limit(struct sp_plane *plane)
{
	(void)plane;
	return FAKE_SESSIONS_MAX;
}

static int fake_session_put(struct sp_plane *plane, uint32_t number,
			    const struct sp_plane_session *session)
{
	int r;
	struct sp_plane_session *to = change(plane, "put", number, &r);

	if (to)
		*to = *session;
	return r;
}

static int fake_session_get(struct sp_plane *plane, uint32_t number,
			    struct sp_plane_session *ret_session)
{
	if (!number || number >= FAKE_SESSIONS_MAX)
		return -ERANGE;
	*ret_session = fake_of(plane)->sessions[number];
	return 0;
}

static int fake_session_stage(struct sp_plane *plane, uint32_t number, uint64_t person,
			      const struct sp_plane_standing *standing)
{
	int r;
	struct sp_plane_session *to = change(plane, "stand", number, &r);

	if (!to)
		return r;
	to->person = person;
	to->in[1] = *standing;
	to->count = SP_PLANE_REVISIONS_MAX;
	return 0;
}

static int fake_session_park(struct sp_plane *plane, uint32_t number)
{
	int r;
	struct sp_plane_session *to = change(plane, "park", number, &r);

	if (to)
		to->is_parked = true;
	return r;
}

static int fake_session_end(struct sp_plane *plane, uint32_t number)
{
	int r;
	struct sp_plane_session *to = change(plane, "end", number, &r);

	if (to)
		to->epoch = 0;
	return r;
}

static int fake_session_extend(struct sp_plane *plane, uint32_t number, uint64_t expires_ns)
{
	int r;
	struct sp_plane_session *to = change(plane, "until", number, &r);

	if (to)
		to->expires_ns = expires_ns;
	return r;
}

static int fake_session_set_idle(struct sp_plane *plane, uint32_t number, uint64_t idle_ns)
{
	int r;
	struct sp_plane_session *to = change(plane, "idle", number, &r);

	if (to)
		to->idle_ns = idle_ns;
	return r;
}

static int fake_session_set_seen(struct sp_plane *plane, uint32_t number, uint64_t seen_ns)
{
	int r;
	struct sp_plane_session *to = change(plane, "seen", number, &r);

	if (to)
		to->last_seen_ns = seen_ns;
	return r;
}

static int fake_ident_put(struct sp_plane *plane, const struct sp_addr *addr, uint32_t session,
			  uint64_t epoch)
{
	struct fake_plane *fake = fake_of(plane);
	struct fake_ident *ident = (struct fake_ident *)fake_plane_find(fake, addr);
	int r = say_of(fake, sp_addr_is_v4(addr) ? "ident4" : "ident6", session);

	if (r < 0)
		return r;
	if (!ident && fake->ident_count == FAKE_IDENTS_MAX)
		return -ENOSPC;
	if (!ident)
		ident = &fake->idents[fake->ident_count++];
	*ident = (struct fake_ident){ *addr, session, epoch };
	return 0;
}

static int fake_ident_remove(struct sp_plane *plane, const struct sp_addr *addr)
{
	struct fake_plane *fake = fake_of(plane);
	struct fake_ident *ident = (struct fake_ident *)fake_plane_find(fake, addr);
	int r = fake_plane_say(fake, sp_addr_is_v4(addr) ? "free4" : "free6");

	if (r == 0 && ident)
		*ident = fake->idents[--fake->ident_count];
	return r;
}

static void fake_settle(struct sp_plane *plane)
{
	(void)fake_plane_say(fake_of(plane), "settle");
}

/* ---- what was seen ---- */

static int fake_counters(struct sp_plane *plane, struct sp_counter *ret_counters)
{
	memcpy(ret_counters, fake_of(plane)->counters, sizeof(fake_of(plane)->counters));
	return 0;
}

static int fake_event_stats(struct sp_plane *plane, struct sp_event_stats *ret_stats)
{
	*ret_stats = fake_of(plane)->stats;
	return 0;
}

static int fake_samples(struct sp_plane *plane, struct sp_sample *ret_samples)
{
	memcpy(ret_samples, fake_of(plane)->samples, sizeof(fake_of(plane)->samples));
	return 0;
}

static bool fake_tally_read(struct sp_plane *plane, uint32_t index, struct sp_tally *ret_tally)
{
	(void)plane;
	(void)index;
	(void)ret_tally;
	return false;
}

/* One that was not taken stays the next. */
static int fake_take_events(struct sp_plane *plane, size_t max, sp_plane_event_fn take, void *arg)
{
	struct fake_plane *fake = fake_of(plane);
	size_t taken = 0;

	while (taken < max && taken < fake->event_count) {
		int r = take(arg, &fake->events[taken]);

		if (r < 0) {
			fake->event_count -= taken;
			memmove(fake->events, fake->events + taken,
				fake->event_count * sizeof(*fake->events));
			return r;
		}
		taken++;
	}
	fake->event_count -= taken;
	memmove(fake->events, fake->events + taken, fake->event_count * sizeof(*fake->events));
	return (int)taken;
}

static int fake_flow_use(struct sp_plane *plane, struct sp_flow_use *ret_use, uint32_t *ret_max)
{
	(void)plane;
	*ret_use = (struct sp_flow_use){ 0 };
	*ret_max = 0;
	return 0;
}

static int fake_ban_put(struct sp_plane *plane, const struct sp_prefix *prefix, uint64_t until_ns)
{
	struct fake_plane *fake = fake_of(plane);
	struct sp_plane_ban *ban = (struct sp_plane_ban *)fake_plane_find_ban(fake, prefix);
	int r = fake_plane_say(fake, "ban");

	if (r < 0)
		return r;
	if (!ban && fake->ban_count == FAKE_BANS_MAX)
		return -ENOSPC;
	if (!ban)
		ban = &fake->bans[fake->ban_count++];
	*ban = (struct sp_plane_ban){ *prefix, until_ns };
	return 0;
}

static int fake_ban_remove(struct sp_plane *plane, const struct sp_prefix *prefix)
{
	struct fake_plane *fake = fake_of(plane);
	struct sp_plane_ban *ban = (struct sp_plane_ban *)fake_plane_find_ban(fake, prefix);
	int r = fake_plane_say(fake, "unban");

	if (r == 0 && ban)
		*ban = fake->bans[--fake->ban_count];
	return r;
}

static int fake_ban_list(struct sp_plane *plane, struct sp_plane_ban **ret_bans, size_t *ret_count)
{
	const struct fake_plane *fake = fake_of(plane);

	*ret_bans = calloc(fake->ban_count + 1, sizeof(**ret_bans));
	if (!*ret_bans)
		return -ENOMEM;
	memcpy(*ret_bans, fake->bans, fake->ban_count * sizeof(**ret_bans));
	*ret_count = fake->ban_count;
	return 0;
}

static int fake_flow_some(struct sp_plane *plane, struct sp_plane_walk *walk,
			  sp_plane_flow_visit visit, void *arg)
{
	(void)plane;
	(void)walk;
	(void)visit;
	(void)arg;
	return 0;
}

const struct sp_plane_ops fake_plane_ops = {
	.name = "fake",
	.features = SP_PLANE_ALL,
	.guard = { .name = "the guard in memory" },
	.close = fake_close,
	.next_revision = fake_next_revision,
	.stage_tables = fake_stage_tables,
	.stage_fill = fake_stage_fill,
	.stage_program = fake_stage_program,
	.staged_complete = fake_staged_complete,
	.staged_free = fake_staged_free,
	.staged_extend = fake_staged_extend,
	.commit = fake_commit,
	.running_revision = fake_running_revision,
	.running = fake_running,
	.keep_former = fake_keep_former,
	.former = fake_former,
	.drop_former = fake_drop_former,
	.follow_former = fake_follow_former,
	.guard_put = fake_guard_put,
	.guard_counters = fake_guard_counters,
	.guard_read = fake_guard_read,
	.nat_put = fake_nat_put,
	.nat_read = fake_nat_read,
	.nat_try = fake_nat_try,
	.nat_settle = fake_nat_settle,
	.get_birth = fake_get_birth,
	.set_birth = fake_set_birth,
	.session_limit = fake_session_limit,
	.session_put = fake_session_put,
	.session_get = fake_session_get,
	.session_stage = fake_session_stage,
	.session_park = fake_session_park,
	.session_end = fake_session_end,
	.session_extend = fake_session_extend,
	.session_set_idle = fake_session_set_idle,
	.session_set_seen = fake_session_set_seen,
	.ban_put = fake_ban_put,
	.ban_remove = fake_ban_remove,
	.ban_list = fake_ban_list,
	.ident_put = fake_ident_put,
	.ident_remove = fake_ident_remove,
	.settle = fake_settle,
	.counters = fake_counters,
	.event_stats = fake_event_stats,
	.samples = fake_samples,
	.tally_read = fake_tally_read,
	.take_events = fake_take_events,
	.flow_some = fake_flow_some,
	.flow_use = fake_flow_use,
};
