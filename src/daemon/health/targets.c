/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/health/targets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "daemon/base/json.h"
#include "daemon/base/warnings.h"
#include "daemon/record/recorder.h"
#include "daemon/revisions/revision.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "io/packets/tcp.h"
#include "net/addr.h"
#include "policy/addresses/translation.h"

#define END_TEXT_MAX (SP_ADDR_TEXT_MAX + 10)

static char *format_end(const struct sp_target_seen *seen, char text[END_TEXT_MAX])
{
	const bool is_v4 = sp_addr_is_v4(&seen->addr);
	char addr[SP_ADDR_TEXT_MAX];

	snprintf(text, END_TEXT_MAX, "%s%s%s:%u", is_v4 ? "" : "[",
		 sp_addr_format(&seen->addr, addr), is_v4 ? "" : "]", seen->port);
	return text;
}

/* ---- who is silent ---- */

static void collect_silent(struct sp_targets *targets)
{
	struct sp_silent *silent = NULL;
	size_t count = 0;

	for (size_t i = 0; i < targets->count; i++) {
		const struct sp_target_seen *seen = targets->items[i];
		struct sp_silent *room;

		if (!seen->is_silent)
			continue;
		room = SP_ARRAY_PUSH(silent, count);
		if (!room) {
			sp_log_error("out of memory: a silent target is not taken out");
			break;
		}
		*room = (struct sp_silent){ seen->addr, seen->port };
	}
	free(targets->silent);
	targets->silent = silent;
	targets->silent_count = count;
	targets->version++;
}

struct sp_silents sp_targets_silents(const struct sp_targets *targets)
{
	return (struct sp_silents){ targets->silent, targets->silent_count };
}

/* The first forward that is silent as a whole is the warning. */
static void look_at_forwards(struct sp_targets *targets)
{
	const struct sp_revision *running = targets->revisions->running;
	const struct sp_silents silents = sp_targets_silents(targets);

	for (size_t i = 0; running && i < running->policy->nat_count; i++) {
		const struct sp_nat *nat = &running->policy->nats[i];

		if (nat->kind != SP_NAT_FORWARD || sp_shares_silent(&nat->forward, &silents) !=
							   (1u << nat->forward.target_count) - 1)
			continue;
		sp_warnings_raise(targets->warnings, "forward-dead",
				  "no target of forward %.64s answers: what comes for it is "
				  "dropped",
				  nat->name);
		return;
	}
	sp_warnings_clear(targets->warnings, "forward-dead");
}

/* The first forward that leads there. */
static const char *find_name(const struct sp_targets *targets, const struct sp_target_seen *seen)
{
	const struct sp_revision *running = targets->revisions->running;

	for (size_t i = 0; running && i < running->policy->nat_count; i++) {
		const struct sp_nat *nat = &running->policy->nats[i];

		if (nat->kind == SP_NAT_FORWARD && nat->forward.is_checked &&
		    nat->forward.target_port == seen->port &&
		    sp_forward_leads_to(&nat->forward, &seen->addr))
			return nat->name;
	}
	return NULL;
}

static void record(const struct sp_targets *targets, const struct sp_target_seen *seen)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	char text[END_TEXT_MAX], message[128];

	format_end(seen, text);
	record.event = seen->is_silent ? SP_AUDIT_TARGET_DOWN : SP_AUDIT_TARGET_UP;
	record.has_dst = true;
	record.dst = seen->addr;
	record.dport = seen->port;
	record.proto = 6;
	record.rule = find_name(targets, seen);
	if (seen->is_silent)
		snprintf(message, sizeof(message),
			 "%s does not answer (%s): new connections go to other targets", text,
			 sp_err_text(seen->fault));
	else
		snprintf(message, sizeof(message), "%s answers again", text);
	record.message = message;
	sp_log_note("forward %s: %s", record.rule ? record.rule : "-", message);
	sp_recorder_append(targets->recorder, &record);
}

static void turn(struct sp_target_seen *seen, bool is_silent)
{
	struct sp_targets *targets = seen->targets;
	const bool was_silent = seen->is_silent;

	seen->is_known = true;
	seen->is_silent = is_silent;
	seen->streak = 0;
	seen->since_ns = sp_clock_realtime_ns();
	if (is_silent == was_silent)
		return; /* known for the first time, and it answers */
	collect_silent(targets);
	sp_targets_keep(targets);
	record(targets, seen);
	look_at_forwards(targets);
	targets->changed(targets->arg);
}

/* No connection was tried, for want of what the gateway itself had to give. */
static bool is_own_fault(int result)
{
	return result == -EMFILE || result == -ENFILE || result == -ENOMEM || result == -ENOBUFS ||
	       result == -EADDRNOTAVAIL;
}

static void take(struct sp_target_seen *seen, int result)
{
	const bool has_failed = result < 0;

	seen->fault = result;
	if (is_own_fault(result))
		return; /* it says nothing of the target */
	if (!seen->is_known && !has_failed) {
		turn(seen, false);
		return;
	}
	seen->streak = has_failed == seen->is_silent ? 0 : seen->streak + 1;
	if (seen->streak >= (has_failed ? SP_TARGETS_FAILURES : SP_TARGETS_SUCCESSES))
		turn(seen, has_failed);
}

/* ---- attempts ---- */

static void finish(struct sp_target_seen *seen, int result)
{
	sp_loop_forget(seen->targets->loop, &seen->socket);
	sp_closep(&seen->socket.fd);
	seen->socket.fd = -1;
	sp_loop_in(seen->targets->loop, &seen->timer, SP_TARGETS_PAUSE_NS);
	take(seen, result);
}

/* It is connected, or is not going to be. */
static void became_ready(void *arg, uint32_t events)
{
	struct sp_target_seen *seen = arg;

	(void)events;
	finish(seen, sp_tcp_result(seen->socket.fd));
}

static void fire(void *arg)
{
	struct sp_target_seen *seen = arg;
	int r;

	if (seen->socket.fd >= 0) {
		finish(seen, -ETIMEDOUT);
		return;
	}
	r = sp_tcp_connect(&seen->addr, seen->port, &seen->socket.fd);
	if (r == 0)
		r = sp_loop_watch(seen->targets->loop, &seen->socket, EPOLLOUT);
	if (r < 0)
		finish(seen, r);
	else
		sp_loop_in(seen->targets->loop, &seen->timer, SP_TARGETS_PATIENCE_NS);
}

/* ---- whose targets ---- */

static struct sp_target_seen *find(const struct sp_targets *targets, const struct sp_addr *addr,
				   uint16_t port)
{
	for (size_t i = 0; i < targets->count; i++)
		if (targets->items[i]->port == port &&
		    sp_addr_compare(&targets->items[i]->addr, addr) == 0)
			return targets->items[i];
	return NULL;
}

/* NULL: out of memory. */
static struct sp_target_seen *add(struct sp_targets *targets, const struct sp_addr *addr,
				  uint16_t port)
{
	struct sp_target_seen *seen = calloc(1, sizeof(*seen));
	struct sp_target_seen **room = seen ? SP_ARRAY_PUSH(targets->items, targets->count) : NULL;

	if (!room) {
		free(seen);
		sp_log_error("out of memory: a target is not checked");
		return NULL;
	}
	*seen = (struct sp_target_seen){
		.targets = targets,
		.addr = *addr,
		.port = port,
		.socket = { .fd = -1, .ready = became_ready, .arg = seen },
		.timer = { .fire = fire, .arg = seen },
	};
	*room = seen;
	return seen;
}

static void drop(struct sp_target_seen *seen)
{
	struct sp_loop *loop = seen->targets->loop;

	sp_loop_drop(loop, &seen->timer);
	sp_loop_forget(loop, &seen->socket);
	sp_closep(&seen->socket.fd);
	free(seen);
}

static void want(struct sp_targets *targets, const struct sp_forward *forward)
{
	for (size_t i = 0; i < forward->target_count; i++) {
		struct sp_target_seen *seen =
			find(targets, &forward->targets[i], forward->target_port);

		if (!seen)
			seen = add(targets, &forward->targets[i], forward->target_port);
		if (seen)
			seen->is_wanted = true;
	}
}

static void drop_unwanted(struct sp_targets *targets)
{
	size_t kept = 0;

	for (size_t i = 0; i < targets->count; i++) {
		if (targets->items[i]->is_wanted)
			targets->items[kept++] = targets->items[i];
		else
			drop(targets->items[i]);
	}
	targets->count = kept;
}

static void follow(struct sp_targets *targets, const struct sp_revision *running)
{
	for (size_t i = 0; i < targets->count; i++)
		targets->items[i]->is_wanted = false;
	for (size_t i = 0; i < running->policy->nat_count; i++)
		if (running->policy->nats[i].kind == SP_NAT_FORWARD &&
		    running->policy->nats[i].forward.is_checked)
			want(targets, &running->policy->nats[i].forward);
	drop_unwanted(targets);
	for (size_t i = 0; i < targets->count; i++)
		if (targets->items[i]->socket.fd < 0 && !targets->items[i]->timer.due_ns)
			sp_loop_in(targets->loop, &targets->items[i]->timer, 0);
	collect_silent(targets);
	sp_targets_keep(targets);
	targets->revision = running->number;
}

void sp_targets_look(struct sp_targets *targets)
{
	const struct sp_revision *running = targets->revisions->running;

	if (!running || running->number == targets->revision)
		return;
	follow(targets, running);
	look_at_forwards(targets);
}

static void take_kept(struct sp_targets *targets, const struct sp_addr *addr, uint16_t port,
		      int64_t since_ns)
{
	struct sp_target_seen *seen = find(targets, addr, port) ? NULL : add(targets, addr, port);

	if (!seen)
		return;
	seen->is_known = seen->is_silent = true;
	seen->since_ns = since_ns;
}

void sp_targets_open(struct sp_targets *targets)
{
	sp_targets_read_kept(targets, take_kept);
	collect_silent(targets);
}

void sp_targets_close(struct sp_targets *targets)
{
	for (size_t i = 0; i < targets->count; i++)
		drop(targets->items[i]);
	free(SP_TAKE_PTR(targets->items));
	free(SP_TAKE_PTR(targets->silent));
	targets->count = targets->silent_count = 0;
}

/* ---- status ---- */

static const char *state_of(const struct sp_forward *forward, const struct sp_target_seen *seen)
{
	if (!forward->is_checked)
		return "unchecked";
	if (!seen || !seen->is_known)
		return "unknown";
	return seen->is_silent ? "down" : "up";
}

static json_t *describe_target(const struct sp_targets *targets, const struct sp_forward *forward,
			       size_t n, const uint8_t owners[SP_SHARES_SLOTS])
{
	const struct sp_target_seen *seen =
		forward->is_checked ? find(targets, &forward->targets[n], forward->target_port)
				    : NULL;
	char addr[SP_ADDR_TEXT_MAX];
	json_int_t slots = 0;

	for (size_t i = 0; i < SP_SHARES_SLOTS; i++)
		slots += owners[i] == n;
	return json_pack("{s:s, s:i, s:s, s:o, s:I, s:s?}", "address",
			 sp_addr_format(&forward->targets[n], addr), "port",
			 (int)forward->target_port, "state", state_of(forward, seen), "since",
			 seen && seen->since_ns ? sp_json_time(seen->since_ns) : json_null(),
			 "slots", slots, "fault",
			 seen && seen->fault ? sp_err_text(seen->fault) : NULL);
}

static json_t *describe_forward(const struct sp_targets *targets, const struct sp_nat *nat)
{
	const struct sp_silents silents = sp_targets_silents(targets);
	uint8_t owners[SP_SHARES_SLOTS];
	json_t *list = json_array();

	sp_shares_make(&nat->forward, sp_shares_silent(&nat->forward, &silents), owners);
	for (size_t n = 0; n < nat->forward.target_count; n++)
		json_array_append_new(list, describe_target(targets, &nat->forward, n, owners));
	return json_pack("{s:s, s:o}", "name", nat->name, "targets", list);
}

json_t *sp_targets_list(const struct sp_targets *targets)
{
	const struct sp_revision *running = targets->revisions->running;
	json_t *list = json_array();

	for (size_t i = 0; running && i < running->policy->nat_count; i++)
		if (running->policy->nats[i].kind == SP_NAT_FORWARD)
			json_array_append_new(list,
					      describe_forward(targets, &running->policy->nats[i]));
	return list;
}
