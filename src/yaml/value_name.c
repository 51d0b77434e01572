/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names that providers give to people and groups, and names in the DNS. */
#include <string.h>

#include "base/text.h"
#include "yaml/value.h"

const char *sp_read_user(struct sp_check *check, const struct sp_node *node, const char *what)
{
	const char *text = sp_read_text(check, node, what);

	if (!text || sp_text_is_name(text, SP_USER_MAX))
		return text;
	sp_report(check, node,
		  "%s %s: no provider's user is called so: 1 to %u bytes that print, no `/`, no "
		  "blank at its ends and none in it but U+0020",
		  what, sp_show(text).quoted, SP_USER_MAX);
	return NULL;
}

const char *sp_read_group(struct sp_check *check, const struct sp_node *node, const char *what)
{
	const char *text = sp_read_text(check, node, what);

	if (!text || sp_text_is_label(text, SP_GROUP_TEXT_MAX))
		return text;
	sp_report(check, node,
		  "%s %s: no token is taken with such a group: 1 to %u bytes that print, no blank "
		  "at its ends and none in it but U+0020",
		  what, sp_show(text).quoted, SP_GROUP_TEXT_MAX);
	return NULL;
}

#define DOMAIN_MAX 253u /* RFC 1035, 2.3.4, as text */
#define LABEL_MAX 63u

/* Returns the label's length; 0: it is none. */
static size_t label_len(const char *text)
{
	const size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_");

	return len <= LABEL_MAX && *text != '-' && (!len || text[len - 1] != '-') ? len : 0;
}

static bool is_domain(const char *text)
{
	size_t count = 0, len = 0;

	if (strlen(text) > DOMAIN_MAX)
		return false;
	for (;; text += len + 1) {
		len = label_len(text);
		if (!len || (text[len] && text[len] != '.'))
			return false;
		count++;
		if (!text[len])
			break;
	}
	return count > 1 && text[strspn(text, "0123456789")]; /* no top-level domain is a number */
}

const char *sp_read_domain(struct sp_check *check, const struct sp_node *node, const char *what)
{
	const char *text = sp_read_text(check, node, what);

	if (!text || is_domain(text))
		return text;
	if (sp_looks_like_address(text))
		sp_report(check, node, "%s takes names; address %s stands in a network by itself",
			  what, sp_show(text).quoted);
	else
		sp_report(check, node,
			  "%s %s is no whole name of the DNS, as git.corp.example: at least two "
			  "labels "
			  "of lower-case letters, digits, - and _, at most %u bytes; no pattern, "
			  "and no "
			  "dot at its end",
			  what, sp_show(text).quoted, DOMAIN_MAX);
	return NULL;
}
