/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names that providers give to people and groups. */
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
