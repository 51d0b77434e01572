/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Everything the command line prints goes through here. The formats are ours; the texts put into them may be
 * anybody's, so each is shown fit for a terminal, whoever calls. */
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/str.h"
#include "base/text.h"
#include "cli/cli.h"

#define DIRECTIVE_MAX 40

static const char *const paints[] = {
	[SP_PLAIN] = "\033[0m", [SP_BOLD] = "\033[1m",   [SP_DIM] = "\033[2m",
	[SP_RED] = "\033[31m",  [SP_GREEN] = "\033[32m", [SP_YELLOW] = "\033[33m",
};

const char *sp_cli_paint(const struct sp_cli *cli, enum sp_paint paint)
{
	return cli->color ? paints[paint] : "";
}

/* Told by where it stands, not by what it says: nobody outside can hand in this very pointer. */
static bool is_paint(const char *text)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(paints); i++)
		if (text == paints[i])
			return true;
	return false;
}

/* One %… of a format, its stars filled in. */
struct directive {
	char text[DIRECTIVE_MAX];
	int width, precision; /* precision -1: none */
	bool is_left;
	char length[3], conversion; /* "ll", 'd' */
};

static int take_number(const char **format, va_list *args)
{
	int number = 0;

	if (**format == '*') {
		(*format)++;
		return va_arg(*args, int);
	}
	for (; **format >= '0' && **format <= '9'; (*format)++)
		number = number * 10 + (**format - '0');
	return number;
}

/* Read it from behind its %, and step over it. */
static void take_directive(const char **format, va_list *args, struct directive *ret)
{
	char flags[6] = "", precision[13] = "";
	size_t len;

	*ret = (struct directive){ .precision = -1 };
	len = strspn(*format, "-+ #0");
	memcpy(flags, *format, len < sizeof(flags) ? len : sizeof(flags) - 1);
	*format += len;
	ret->width = take_number(format, args);
	ret->is_left = ret->width < 0 || strchr(flags, '-');
	if (ret->width < 0)
		ret->width = ret->width == INT_MIN ? 0 : -ret->width;
	if (**format == '.') {
		(*format)++;
		ret->precision = take_number(format, args);
	}
	len = strspn(*format, "hlzjt");
	memcpy(ret->length, *format, len < sizeof(ret->length) ? len : sizeof(ret->length) - 1);
	*format += len;
	ret->conversion = **format;
	*format += ret->conversion != 0;
	if (ret->precision >= 0)
		snprintf(precision, sizeof(precision), ".%d", ret->precision);
	snprintf(ret->text, sizeof(ret->text), "%%%s%s%d%s%s%c", flags,
		 ret->is_left && !strchr(flags, '-') ? "-" : "", ret->width, precision, ret->length,
		 ret->conversion);
}

/* The columns a text takes: UTF-8 continuation bytes take none. */
static int width_of(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

static void put_text(struct sp_buf *out, const struct directive *directive, const char *text)
{
	__sp_buf struct sp_buf shown = SP_BUF_INIT;
	int room;

	if (!text)
		text = "(null)";
	if (is_paint(text)) {
		sp_buf_put(out, text);
		return;
	}
	if (sp_text_put(&shown, text, directive->precision < 0 ? strlen(text) :
						 strnlen(text, (size_t)directive->precision)) < 0)
		out->error = shown.error;
	room = directive->width - width_of(sp_buf_get(&shown));
	sp_buf_printf(out, "%*s%s%*s", directive->is_left || room < 0 ? 0 : room, "", sp_buf_get(&shown),
		      directive->is_left && room > 0 ? room : 0, "");
}

static void put_number(struct sp_buf *out, const struct directive *directive, va_list *args)
{
	const char *length = directive->length;

	if (strchr("feg", directive->conversion))
		sp_buf_printf(out, directive->text, va_arg(*args, double));
	else if (!strcmp(length, "ll") || !strcmp(length, "j"))
		sp_buf_printf(out, directive->text, va_arg(*args, long long));
	else if (!strcmp(length, "l") || !strcmp(length, "z") || !strcmp(length, "t"))
		sp_buf_printf(out, directive->text, va_arg(*args, long));
	else
		sp_buf_printf(out, directive->text, va_arg(*args, int));
}

static void put_directive(struct sp_buf *out, const char **format, va_list *args)
{
	struct directive directive;

	take_directive(format, args, &directive);
	if (directive.conversion == '%')
		sp_buf_put(out, "%");
	else if (directive.conversion == 's')
		put_text(out, &directive, va_arg(*args, const char *));
	else
		put_number(out, &directive, args);
}

static void write_shown(FILE *out, const char *format, va_list args)
{
	__sp_buf struct sp_buf line = SP_BUF_INIT;
	va_list rest;

	va_copy(rest, args);
	while (*format) {
		const size_t len = strcspn(format, "%");

		sp_buf_put_bytes(&line, format, len);
		format += len;
		if (*format++ != '%')
			break;
		put_directive(&line, &format, &rest);
	}
	va_end(rest);
	fputs(line.error ? "out of memory\n" : sp_buf_get(&line), out);
}

void sp_cli_write(FILE *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_shown(out, format, args);
	va_end(args);
}

void sp_cli_print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_shown(stdout, format, args);
	va_end(args);
}

void sp_cli_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_shown(stderr, format, args);
	va_end(args);
}

void sp_cli_print_lines(const char *text)
{
	while (*text) {
		const size_t len = strcspn(text, "\n");

		sp_cli_print("%.*s", (int)len, text);
		text += len;
		if (*text) {
			sp_cli_print("\n");
			text++;
		}
	}
}

void sp_cli_draw(const char *drawing)
{
	fputs(drawing, stderr);
}

int sp_cli_fail(int exit_code, const char *format, ...)
{
	va_list args;

	sp_cli_say("sallyport: ");
	va_start(args, format);
	write_shown(stderr, format, args);
	va_end(args);
	sp_cli_say("\n");
	return exit_code;
}

static int write_json(FILE *out, json_t *object)
{
	__sp_free char *text = json_dumps(object, JSON_COMPACT);
	__sp_buf struct sp_buf shown = SP_BUF_INIT;

	json_decref(object);
	if (!text || sp_text_put_json(&shown, text, strlen(text)) < 0 || fputs(sp_buf_get(&shown), out) == EOF ||
	    fputc('\n', out) == EOF || fflush(out) == EOF)
		return SP_EXIT_FAILED;
	return SP_EXIT_OK;
}

int sp_cli_print_json(json_t *object)
{
	return write_json(stdout, object);
}

int sp_cli_say_json(json_t *object)
{
	return write_json(stderr, object);
}
