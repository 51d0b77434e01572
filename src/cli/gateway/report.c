/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport report unused: rules that decided nothing. */
#include <string.h>

#include "audit/time.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/gateway/client.h"
#include "cli/screen/render.h"
#include "cli/screen/when.h"
#include "io/loop/clock.h"
#include "json/text.h"

struct window {
	int64_t span_s, now_s;
	int64_t from_s;    /* it begins */
	int64_t counted_s; /* of all rules, since when each is watched at least */
	size_t rules;
	json_t *unused;
};

static int64_t time_of(json_t *rule, const char *key)
{
	const char *text = sp_json_text(rule, key);

	return *text ? sp_when_parse(text) : INT64_MAX;
}

/* A rule that is watched for less than the window may have decided before: it says since when. */
static void look_at(struct window *window, json_t *rule)
{
	const int64_t since_s = time_of(rule, "watched_since"), hit_s = time_of(rule, "last_hit");

	window->rules++;
	if (since_s > window->counted_s)
		window->counted_s = since_s;
	if (hit_s != INT64_MAX && hit_s >= window->from_s)
		return;
	json_object_set_new(rule, "whole_window", json_boolean(since_s <= window->from_s));
	json_array_append(window->unused, rule);
}

static void print_rule(const struct window *window, json_t *rule)
{
	const int64_t hit_s = time_of(rule, "last_hit");
	char hit[SP_WHEN_MAX], since[SP_WHEN_MAX];

	sp_cli_print("%s (%s:%lld)%s  %s%s", sp_json_text(rule, "rule"), sp_json_text(rule, "file"),
		     sp_json_integer(rule, "line"),
		     !strcmp(sp_json_text(rule, "mode"), "audit") ? "  audit" : "",
		     hit_s == INT64_MAX ? "no hit" : "last hit ",
		     hit_s == INT64_MAX ? "" : sp_when_format(hit_s, window->now_s, hit));
	if (!json_is_true(json_object_get(rule, "whole_window")))
		sp_cli_print("; watched since %s only",
			     sp_when_format(time_of(rule, "watched_since"), window->now_s, since));
	sp_cli_print("\n");
}

static int print_report(const struct sp_cli *cli, const struct window *window)
{
	const size_t count = json_array_size(window->unused);
	char span[SP_WHEN_MAX], since[SP_WHEN_MAX];
	char from[SP_TIME_TEXT_MAX], counted[SP_TIME_TEXT_MAX];
	size_t i;
	json_t *rule;

	if (cli->json)
		return sp_cli_print_json(
			json_pack("{s:i, s:s, s:s, s:I, s:O}", "v", 1, "since",
				  sp_time_format_s(window->from_s, from), "watched_since",
				  sp_time_format_s(window->counted_s, counted), "rules",
				  (json_int_t)window->rules, "unused", window->unused));
	json_array_foreach(window->unused, i, rule)
		print_rule(window, rule);
	sp_cli_say("%zu of %zu rules without a hit for %s; every rule is watched since %s\n", count,
		   window->rules, sp_when_span(window->span_s, span),
		   sp_when_format(window->counted_s, window->now_s, since));
	return SP_EXIT_OK;
}

int sp_cli_report_unused(struct sp_cli *cli, int argc, char **argv)
{
	const char *span = "30d";
	bool exit_code = false;
	const struct sp_option options[] = {
		{ "since", NULL, &span, "TIME", "such as 7d (default: 30d)" },
		{ "exit-code", &exit_code, NULL, NULL, "10 if some rule has no hit" },
		{ 0 },
	};
	__sp_json json_t *reply = NULL, *fields = json_object(), *unused = json_array();
	struct window window = { .now_s = sp_clock_realtime_s(), .counted_s = INT64_MIN };
	size_t count, i;
	json_t *rule;
	int r = sp_cli_options(cli, "report unused", argc, argv, options, NULL, 0, &count);

	if (r != 0)
		return sp_cli_options_exit(r);
	if (sp_client_add_duration("since", span, fields, "since_s") != SP_EXIT_OK)
		return SP_EXIT_USAGE;
	window.span_s = sp_json_integer(fields, "since_s");
	window.from_s = window.now_s - window.span_s;
	window.unused = unused;
	r = sp_client_call(cli, "rules", json_object(), &reply);
	if (r != SP_EXIT_OK)
		return r;
	json_array_foreach(json_object_get(reply, "rules"), i, rule)
		look_at(&window, rule);
	if (!window.rules)
		window.counted_s = window.now_s;
	r = print_report(cli, &window);
	return r == SP_EXIT_OK && exit_code && json_array_size(unused) ? SP_EXIT_DENY : r;
}
