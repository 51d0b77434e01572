/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/facts/dns_name.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/addr.h"

#define COPY_HEAD "sallyport-dns 1"
/* A copy that has the same addresses is written anew when this part of `max-age` has passed. */
#define COPY_PARTS 16
/* A server that did not answer is asked again so soon, whatever `ttl-min`. */
#define RETRY_S 15

int sp_dns_name_init(struct sp_dns_name *name, const struct sp_network *network, const char *text)
{
	*name = (struct sp_dns_name){
		.network = strdup(network->name),
		.name = strdup(text),
		.place = network->place,
		.ttl_min_s = network->ttl_min_s,
		.max_age_s = network->max_age_s,
	};
	return name->network && name->name ? 0 : -ENOMEM;
}

void sp_dns_name_done(struct sp_dns_name *name)
{
	free(name->network);
	free(name->name);
	*name = (struct sp_dns_name){ 0 };
}

int sp_dns_name_copy(const struct sp_dns_name *name, struct sp_dns_name *ret_copy)
{
	*ret_copy = *name;
	ret_copy->network = strdup(name->network);
	ret_copy->name = strdup(name->name);
	return ret_copy->network && ret_copy->name ? 0 : -ENOMEM;
}

bool sp_dns_name_is(const struct sp_dns_name *a, const struct sp_dns_name *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->network, b->network) &&
	       a->ttl_min_s == b->ttl_min_s && a->max_age_s == b->max_age_s;
}

/* ---- addresses ---- */

/* The place of @addr, or where it belongs. */
static size_t find_place(const struct sp_dns_name *name, const struct sp_addr *addr)
{
	size_t at = 0;

	while (at < name->count && sp_addr_compare(&name->addresses[at].addr, addr) < 0)
		at++;
	return at;
}

/* Returns whether it is a new one. One more than there may be is left out. */
static bool see_address(struct sp_dns_name *name, const struct sp_addr *addr, int64_t seen_s)
{
	const size_t at = find_place(name, addr);

	if (at < name->count && !sp_addr_compare(&name->addresses[at].addr, addr)) {
		if (seen_s > name->addresses[at].seen_s)
			name->addresses[at].seen_s = seen_s;
		return false;
	}
	if (name->count == SP_DNS_ADDRESSES_MAX) {
		name->left_out++;
		return false;
	}
	memmove(&name->addresses[at + 1], &name->addresses[at],
		(name->count - at) * sizeof(*name->addresses));
	name->addresses[at] = (struct sp_dns_address){ *addr, seen_s };
	name->count++;
	return true;
}

static void tell_fault(struct sp_dns_name *name, const struct sp_dns_answer *answer)
{
	char *fault = name->fault;

	*fault = '\0';
	if (answer->state == SP_DNS_NO_NAME)
		snprintf(fault, sizeof(name->fault), "there is no such name");
	else if (name->left_out)
		snprintf(fault, sizeof(name->fault),
			 "%zu of its addresses are left out: they are no hosts elsewhere, or more "
			 "than %u",
			 name->left_out, SP_DNS_ADDRESSES_MAX);
	else if (answer->state == SP_DNS_NO_ADDRESS)
		snprintf(fault, sizeof(name->fault), "it has no address");
	else if (*answer->fault)
		snprintf(fault, sizeof(name->fault), "%s", answer->fault);
}

bool sp_dns_name_take(struct sp_dns_name *name, const struct sp_dns_answer *answer, int64_t now_s)
{
	bool is_changed = sp_dns_name_age(name, now_s);

	name->state = answer->state;
	name->asked_s = now_s;
	name->left_out = answer->left_out;
	for (size_t i = 0; i < answer->count; i++)
		is_changed |= see_address(name, &answer->addresses[i], now_s);
	if (answer->state == SP_DNS_GOOD) {
		name->ttl_s = answer->ttl_s;
		name->has_ttl = true;
	}
	tell_fault(name, answer);
	return is_changed;
}

bool sp_dns_name_age(struct sp_dns_name *name, int64_t now_s)
{
	size_t kept = 0;
	bool is_changed;

	for (size_t i = 0; i < name->count; i++) {
		struct sp_dns_address address = name->addresses[i];

		if (address.seen_s > now_s)
			address.seen_s = now_s;
		if (now_s - address.seen_s < name->max_age_s)
			name->addresses[kept++] = address;
	}
	is_changed = kept < name->count;
	name->count = kept;
	if (name->asked_s > now_s)
		name->asked_s = now_s;
	return is_changed;
}

bool sp_dns_name_merge(struct sp_dns_name *name, const struct sp_dns_name *asked, int64_t now_s)
{
	bool is_changed = sp_dns_name_age(name, now_s);

	for (size_t i = 0; i < asked->count; i++) {
		const struct sp_dns_address *address = &asked->addresses[i];

		if (now_s - address->seen_s < name->max_age_s)
			is_changed |= see_address(name, &address->addr, address->seen_s);
	}
	if (asked->asked_s < name->asked_s)
		return is_changed;
	name->state = asked->state;
	name->asked_s = asked->asked_s;
	name->ttl_s = asked->ttl_s;
	name->has_ttl = asked->has_ttl;
	name->left_out = asked->left_out;
	name->kept_s = asked->kept_s;
	memcpy(name->fault, asked->fault, sizeof(name->fault));
	return is_changed;
}

/* ---- times ---- */

int64_t sp_dns_name_due_s(const struct sp_dns_name *name)
{
	int64_t wait_s = name->ttl_min_s;

	if (!name->asked_s)
		return 0;
	if (name->state == SP_DNS_GOOD && name->ttl_s > wait_s)
		wait_s = name->ttl_s;
	if (name->state == SP_DNS_FAILED && wait_s > RETRY_S)
		wait_s = RETRY_S;
	if (wait_s > name->max_age_s / 2)
		wait_s = name->max_age_s / 2;
	return name->asked_s + (wait_s ? wait_s : 1);
}

int64_t sp_dns_name_ends_s(const struct sp_dns_name *name)
{
	int64_t ends_s = INT64_MAX;

	for (size_t i = 0; i < name->count; i++)
		if (name->addresses[i].seen_s + name->max_age_s < ends_s)
			ends_s = name->addresses[i].seen_s + name->max_age_s;
	return ends_s;
}

int64_t sp_dns_name_last_ends_s(const struct sp_dns_name *name)
{
	int64_t ends_s = INT64_MIN;

	for (size_t i = 0; i < name->count; i++)
		if (name->addresses[i].seen_s + name->max_age_s > ends_s)
			ends_s = name->addresses[i].seen_s + name->max_age_s;
	return ends_s;
}

bool sp_dns_name_is_behind(const struct sp_dns_name *name)
{
	return name->has_ttl && name->ttl_s < name->ttl_min_s;
}

/* ---- the copy ---- */

bool sp_dns_name_needs_copy(const struct sp_dns_name *name, bool is_changed, int64_t now_s)
{
	return name->count && (is_changed || now_s < name->kept_s ||
			       now_s - name->kept_s >= name->max_age_s / COPY_PARTS);
}

int sp_dns_name_write(const struct sp_dns_name *name, struct sp_buf *out)
{
	char text[SP_ADDR_TEXT_MAX];

	sp_buf_printf(out, COPY_HEAD "\nasked %" PRId64 " ttl %" PRIu32 "\n", name->asked_s,
		      name->ttl_s);
	for (size_t i = 0; i < name->count; i++)
		sp_buf_printf(out, "%s %" PRId64 "\n",
			      sp_addr_format(&name->addresses[i].addr, text),
			      name->addresses[i].seen_s);
	return out->error;
}

/* Cut the next line off @text. NULL: there is none. */
static char *next_line(char **text)
{
	char *line = *text, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return line;
}

/* Returns 0; -EBADMSG. */
static int read_number(const char *text, int64_t most, int64_t *ret_number)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno || end == text || *end || *text < '0' || *text > '9' || number > most)
		return -EBADMSG;
	*ret_number = number;
	return 0;
}

#define TIME_MAX_S (INT64_C(1) << 40)

static int read_head(struct sp_dns_name *name, char **text)
{
	const char *head = next_line(text);
	char *line = head && !strcmp(head, COPY_HEAD) ? next_line(text) : NULL;
	char *ttl = line ? strstr(line, " ttl ") : NULL;
	int64_t ttl_s;

	if (!ttl || strncmp(line, "asked ", 6) != 0)
		return -EBADMSG;
	*ttl = '\0';
	if (read_number(line + 6, TIME_MAX_S, &name->asked_s) < 0 ||
	    read_number(ttl + 5, UINT32_MAX, &ttl_s) < 0)
		return -EBADMSG;
	name->ttl_s = (uint32_t)ttl_s;
	name->has_ttl = true;
	return 0;
}

static int read_address(struct sp_dns_name *name, char *line)
{
	char *blank = strchr(line, ' ');
	struct sp_addr addr;
	int64_t seen_s;

	if (!blank)
		return -EBADMSG;
	*blank = '\0';
	if (sp_addr_parse(line, &addr) < 0 || !sp_dns_is_host(&addr) ||
	    read_number(blank + 1, TIME_MAX_S, &seen_s) < 0 || name->count == SP_DNS_ADDRESSES_MAX)
		return -EBADMSG;
	see_address(name, &addr, seen_s);
	return 0;
}

int sp_dns_name_read(struct sp_dns_name *name, const char *text, int64_t now_s)
{
	__sp_free char *copy = strdup(text);
	struct sp_dns_name read = *name;
	char *rest = copy, *line;
	int r = copy ? read_head(&read, &rest) : -ENOMEM;

	while (r == 0 && (line = next_line(&rest)))
		r = read_address(&read, line);
	if (r == 0 && *rest)
		r = -EBADMSG;
	if (r < 0)
		return r;
	read.state = SP_DNS_GOOD;
	read.kept_s = read.asked_s;
	sp_dns_name_age(&read, now_s);
	*name = read;
	return 0;
}
