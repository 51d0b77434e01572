/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/screen/shell.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/str.h"

static bool is_plain(const char *word)
{
	if (!*word)
		return false;
	for (const char *c = word; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("%+,-./:=@_", *c) &&
		    !((unsigned char)*c & 0x80))
			return false;
	return true;
}

char *sp_shell_quote(const char *word)
{
	__sp_buf struct sp_buf out = SP_BUF_INIT;
	char *text = NULL;

	if (is_plain(word))
		return strdup(word);
	sp_buf_put_char(&out, '\'');
	for (const char *c = word; *c; c++) {
		if (*c == '\'')
			sp_buf_put(&out, "'\\''");
		else
			sp_buf_put_char(&out, *c);
	}
	sp_buf_put_char(&out, '\'');
	return sp_buf_take(&out, &text) < 0 ? NULL : text;
}
