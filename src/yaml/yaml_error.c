/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "yaml/yaml_error.h"

#include <string.h>

#include "base/array.h"

/* libyaml's messages (and, where it matters, their context) in our words. %u is the line where the
 * wrong thing began. */
static const struct {
	const char *problem, *context;
	const char *words;
} translations[] = {
	{ "did not find expected ',' or ']'", NULL,
	  "expected \",\" or \"]\": the list opened with \"[\" on line %u is not closed" },
	{ "did not find expected ',' or '}'", NULL,
	  "expected \",\" or \"}\": the mapping opened with \"{\" on line %u is not closed" },
	{ "did not find expected key", NULL,
	  "expected a key: the line is not indented like the mapping that began on line %u, or "
	  "something follows a finished value" },
	{ "did not find expected '-' indicator", NULL,
	  "expected \"- \": the line is not indented like the list that began on line %u" },
	{ "did not find expected node content", NULL,
	  "expected a value here; one that starts with \":\" (an IPv6 address) or another sign of "
	  "YAML's is put into quotes" },
	{ "did not find expected <document start>", NULL,
	  "the file has content after its end: a policy is one mapping, key: value" },
	{ "could not find expected ':'", NULL,
	  "expected \":\" after the key that starts on line %u" },
	{ "mapping values are not allowed in this context", NULL,
	  "a second \":\" on this line: put text with a colon into quotes, or start the key on a "
	  "line of its own" },
	{ "mapping keys are not allowed in this context", NULL, "a key cannot start here" },
	{ "block sequence entries are not allowed in this context", NULL,
	  "a list item \"- \" cannot start here: put it on a line of its own" },
	{ "found character that cannot start any token", NULL,
	  "a value cannot start with this character: put it into quotes" },
	{ "found unexpected end of stream", "while scanning a quoted scalar",
	  "the quote opened on line %u is not closed" },
	{ "found unexpected document indicator", "while scanning a quoted scalar",
	  "the quote opened on line %u is not closed" },
	{ "found unknown escape character", NULL,
	  "unknown escape after \"\\\" in double quotes: write \"\\\\\" for a backslash, or use "
	  "single quotes" },
	{ "did not find expected alphabetic or numeric character", "while scanning an alias",
	  "a value cannot start with \"*\": put it into quotes" },
	{ "did not find expected alphabetic or numeric character", "while scanning an anchor",
	  "a value cannot start with \"&\": put it into quotes" },
	{ "found undefined tag handle", NULL,
	  "a value cannot start with \"!\": put it into quotes" },
};

void sp_yaml_error_report(struct sp_check *check, const char *context, const struct sp_node *opened,
			  const char *problem, const struct sp_node *at)
{
	for (size_t i = 0; problem && i < SP_ARRAY_LEN(translations); i++) {
		if (strcmp(problem, translations[i].problem) != 0 ||
		    (translations[i].context &&
		     (!context || strcmp(context, translations[i].context) != 0)))
			continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		sp_report(check, at, translations[i].words, opened->line);
#pragma GCC diagnostic pop
		return;
	}
	sp_report(check, at, "%s%s%s", context ? context : "", context ? ": " : "",
		  problem ? problem : "not YAML");
}
