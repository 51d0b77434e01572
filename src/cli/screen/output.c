/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All output of the command line goes through here. Formats are ours, but the texts put into them
 * may come from anybody: each text is escaped for a terminal. */
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/array.h"
#include "base/err.h"
#include "base/remedy.h"
#include "base/str.h"
#include "base/text.h"
#include "cli/cli.h"
#include "json/own.h"

#define DIRECTIVE_MAX 40
#define CODE_MAX 40
#define COLUMNS_LEAST 20
#define INDENT_OF_TALK 4

static const char *const paints[] = {
	[SP_PLAIN] = "\033[0m", [SP_BOLD] = "\033[1m",   [SP_DIM] = "\033[2m",
	[SP_RED] = "\033[31m",  [SP_GREEN] = "\033[32m", [SP_YELLOW] = "\033[33m",
};

const char *sp_cli_paint(const struct sp_cli *cli, enum sp_paint paint)
{
	return cli->color ? paints[paint] : "";
}

/* Recognized by its address, not its contents, so that no text from outside can be taken for it. */
static bool is_paint(const char *text)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(paints); i++)
		if (text == paints[i])
			return true;
	return false;
}

/* One %… of a format, with its stars replaced by numbers. */
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

/* Read a conversion from behind its %, and step over it. */
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

/* The C library tells the width of a character, in a locale that knows all scripts, whatever the
 * user's locale is. */
static int width_of_character(uint32_t code)
{
	static locale_t utf8;
	locale_t before;
	int width;

	if (code < 0x80)
		return 1;
	if (!utf8)
		utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (!utf8)
		return 1;
	before = uselocale(utf8);
	width = wcwidth((wchar_t)code);
	uselocale(before);
	return width < 0 ? 1 : width;
}

/* The length of a colour sequence of ours at @text; 0: there is none. */
static size_t paint_len(const char *text)
{
	for (size_t i = 0; *text == '\033' && i < SP_ARRAY_LEN(paints); i++)
		if (!strncmp(text, paints[i], strlen(paints[i])))
			return strlen(paints[i]);
	return 0;
}

/* The next character or colour sequence: its bytes, and its columns. */
static size_t take_shown(const char *text, int *ret_width)
{
	const size_t paint = paint_len(text);
	uint32_t code = 0;
	const size_t len = paint ? paint : sp_text_take(text, strlen(text), &code);

	*ret_width = paint ? 0 : len ? width_of_character(code) : 1;
	return len ? len : 1;
}

int sp_cli_width(const char *text)
{
	int width = 0, one;

	for (; *text; width += one)
		text += take_shown(text, &one);
	return width;
}

/* What $COLUMNS says; 0: nothing. */
static int columns_said(void)
{
	const char *said = getenv("COLUMNS");
	char *end;
	long columns;

	if (!said || !*said)
		return 0;
	columns = strtol(said, &end, 10);
	if (*end || columns <= 0)
		return 0;
	return columns < COLUMNS_LEAST ? COLUMNS_LEAST : columns > INT_MAX ? INT_MAX : (int)columns;
}

int sp_cli_columns(FILE *out)
{
	const bool is_terminal = isatty(fileno(out));
	const int said = is_terminal || out == stdout ? columns_said() : 0;
	struct winsize size;

	if (said)
		return said;
	if (is_terminal && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col < COLUMNS_LEAST ? COLUMNS_LEAST : size.ws_col;
	return INT_MAX;
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
	if (sp_text_put(&shown, text,
			directive->precision < 0 ? strlen(text)
						 : strnlen(text, (size_t)directive->precision)) < 0)
		out->error = shown.error;
	room = directive->width - sp_cli_width(sp_buf_get(&shown));
	sp_buf_printf(out, "%*s%s%*s", directive->is_left || room < 0 ? 0 : room, "",
		      sp_buf_get(&shown), directive->is_left && room > 0 ? room : 0, "");
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

static void format_shown(struct sp_buf *line, const char *format, va_list args)
{
	va_list rest;

	va_copy(rest, args);
	while (*format) {
		const size_t len = strcspn(format, "%");

		sp_buf_put_bytes(line, format, len);
		format += len;
		if (*format++ != '%')
			break;
		put_directive(line, &format, &rest);
	}
	va_end(rest);
}

static int write_error; /* -errno of the first write to stdout that failed */

static int note_write(FILE *out, int r)
{
	if (r == EOF && out == stdout && !write_error)
		write_error = errno ? sp_errno() : -EIO;
	return r;
}

static int put_raw(FILE *out, const char *text)
{
	errno = 0;
	return note_write(out, fputs(text, out));
}

int sp_cli_flush(void)
{
	errno = 0;
	return note_write(stdout, fflush(stdout)) == EOF || write_error ? SP_EXIT_FAILED
									: SP_EXIT_OK;
}

static void put_shown(FILE *out, const struct sp_buf *line)
{
	put_raw(out, line->error ? "out of memory\n" : sp_buf_get(line));
}

static void write_shown(FILE *out, const char *format, va_list args)
{
	__sp_buf struct sp_buf line = SP_BUF_INIT;

	format_shown(&line, format, args);
	put_shown(out, &line);
}

/* ---- lines no wider than the screen ---- */

static bool ends_in(const char *start, const char *end, const char *word)
{
	const size_t len = strlen(word);

	return (size_t)(end - start) >= len && !memcmp(end - len, word, len) &&
	       ((size_t)(end - start) == len || strchr(" `(", end[-(ptrdiff_t)len - 1]));
}

/* Is @blank within the command that is to be given next ("next: sudo sallyport up")? */
static bool is_in_next(const char *line, const char *blank)
{
	const char *at = strstr(line, "next: ");

	at = at ? at + strlen("next: ") : NULL;
	if (!at || blank < at || (strncmp(at, "sallyport ", 10) && strncmp(at, "sudo ", 5)))
		return false;
	while (*at && !(strchr(",;:)", *at) && (at[1] == ' ' || !at[1])))
		at++;
	return blank < at;
}

/* Does @blank stand between words that people copy as one: a program and its verb, a word and its
 * option? */
static bool is_of_command(const char *line, const char *blank)
{
	return !strncmp(blank, " --", 3) || ends_in(line, blank, "sallyport") ||
	       ends_in(line, blank, "sudo") || is_in_next(line, blank);
}

void sp_cli_wrap_line(struct sp_buf *out, const char *line, int columns, int indent)
{
	const char *start = line, *blank = NULL, *at = line;
	int column = 0, from = 0, width;

	if (indent > columns / 2)
		indent = columns / 4;
	while (*at) {
		const size_t len = take_shown(at, &width);

		if (*at == ' ' && at > start && at[-1] != ' ' && column >= from &&
		    !is_of_command(line, at))
			blank = at;
		if (column + width > columns && blank) {
			sp_buf_put_bytes(out, start, (size_t)(blank - start));
			sp_buf_printf(out, "\n%*s", indent, "");
			start = at = blank + strspn(blank, " ");
			blank = NULL;
			column = from = indent;
			continue;
		}
		column += width;
		at += len;
		if (start == line && column <= indent)
			from = column; /* a title in front is not broken */
	}
	sp_buf_put(out, start);
}

/* What was written to stdout, or to stderr, since the last line end, while lines are wrapped. */
struct held {
	int indent; /* 0: lines are not wrapped */
	struct sp_buf rest;
};
static struct held printed, said;

static FILE *held_stream(const struct held *held)
{
	return held == &said ? stderr : stdout;
}

/* Of a line of talk: below what stands beside its title ("  tunnel      it stays"). */
static int indent_of_talk(const char *line)
{
	const size_t title = strspn(line, " ");
	const char *gap = title ? strstr(line + title, "  ") : NULL;

	return !title || !gap ? INDENT_OF_TALK + (int)title
			      : (int)(gap - line) + (int)strspn(gap, " ");
}

/* Write what is whole of it, wrapped; hold the rest. */
static void put_wrapped(struct held *held, const struct sp_buf *text)
{
	__sp_buf struct sp_buf all = SP_BUF_INIT, wrapped = SP_BUF_INIT;
	const char *line, *end;

	sp_buf_put(&all, sp_buf_get(&held->rest));
	sp_buf_put(&all, sp_buf_get(text));
	sp_buf_done(&held->rest);
	held->rest = (struct sp_buf)SP_BUF_INIT;
	if (all.error || text->error) {
		put_shown(held_stream(held), all.error ? &all : text);
		return;
	}
	for (line = sp_buf_get(&all); (end = strchr(line, '\n')); line = end + 1) {
		__sp_free char *one = strndup(line, (size_t)(end - line));

		if (one)
			sp_cli_wrap_line(&wrapped, one, sp_cli_columns(held_stream(held)),
					 held == &said ? indent_of_talk(one) : held->indent);
		sp_buf_put(&wrapped, "\n");
	}
	sp_buf_put(&held->rest, line);
	put_shown(held_stream(held), &wrapped);
}

static void put_held(struct held *held)
{
	put_raw(held_stream(held), sp_buf_get(&held->rest));
	sp_buf_done(&held->rest);
	held->rest = (struct sp_buf)SP_BUF_INIT;
}

int sp_cli_wrap(int indent)
{
	const int before = printed.indent;

	put_held(&printed);
	printed.indent = indent;
	return before;
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
	__sp_buf struct sp_buf text = SP_BUF_INIT;
	va_list args;

	va_start(args, format);
	format_shown(&text, format, args);
	va_end(args);
	if (printed.indent)
		put_wrapped(&printed, &text);
	else
		put_shown(stdout, &text);
}

static void say_shown(const struct sp_buf *text)
{
	if (isatty(STDERR_FILENO))
		put_wrapped(&said, text);
	else
		put_shown(stderr, text);
}

void sp_cli_say(const char *format, ...)
{
	__sp_buf struct sp_buf text = SP_BUF_INIT;
	va_list args;

	va_start(args, format);
	format_shown(&text, format, args);
	va_end(args);
	say_shown(&text);
}

void sp_cli_ask(const char *question)
{
	sp_cli_say("%s", question);
	put_held(&said);
}

void sp_cli_write_lines(FILE *out, const char *text)
{
	while (*text) {
		const size_t len = strcspn(text, "\n");

		sp_cli_write(out, "%.*s", (int)len, text);
		text += len;
		if (*text) {
			sp_cli_write(out, "\n");
			text++;
		}
	}
}

void sp_cli_print_lines(const char *text)
{
	sp_cli_write_lines(stdout, text);
}

void sp_cli_draw(const char *drawing)
{
	put_held(&said);
	fputs(drawing, stderr);
}

/* ---- what failed ---- */

/* The failures said so far that no JSON has told yet. */
static struct {
	struct sp_buf text;  /* a line each */
	char code[CODE_MAX]; /* the code that sallyportd gave with the last failure; "": none */
} unsaid;

static void forget_unsaid(void)
{
	sp_buf_done(&unsaid.text);
	unsaid.text = (struct sp_buf)SP_BUF_INIT;
	unsaid.code[0] = '\0';
}

int sp_cli_note_failure(int exit_code, const char *text)
{
	sp_buf_printf(&unsaid.text, "%s%s", *sp_buf_get(&unsaid.text) ? "\n" : "", text);
	return exit_code;
}

int sp_cli_fail(int exit_code, const char *format, ...)
{
	__sp_buf struct sp_buf text = SP_BUF_INIT;
	const char *remedy;
	va_list args;

	va_start(args, format);
	format_shown(&text, format, args);
	va_end(args);
	remedy = sp_remedy_of(sp_buf_get(&text));
	if (remedy)
		sp_buf_printf(&text, " (%s)", remedy);
	sp_cli_say("sallyport: ");
	say_shown(&text);
	sp_cli_say("\n");
	return sp_cli_note_failure(exit_code, sp_buf_get(&text));
}

int sp_cli_fail_as(int exit_code, const char *code, const char *message)
{
	sp_cli_fail(exit_code, "%s", message);
	snprintf(unsaid.code, sizeof(unsaid.code), "%s", code);
	return exit_code;
}

static const char *code_of(int exit_code)
{
	static const char *const codes[] = {
		[SP_EXIT_USAGE] = "bad-request",
		[SP_EXIT_INVALID] = "invalid",
		[SP_EXIT_TESTS] = "tests-failed",
		[SP_EXIT_UNREACHABLE] = "unreachable",
		[SP_EXIT_NOT_PERMITTED] = "not-permitted",
		[SP_EXIT_DEGRADED] = "degraded",
		[SP_EXIT_DENY] = "refused",
	};

	if (*unsaid.code)
		return unsaid.code;
	return exit_code > 0 && exit_code < (int)SP_ARRAY_LEN(codes) && codes[exit_code]
		       ? codes[exit_code]
		       : "failed";
}

int sp_cli_finish(bool is_json, int exit_code)
{
	const char *text = sp_buf_get(&unsaid.text);

	sp_cli_wrap(0);
	put_held(&said);
	if (is_json && exit_code != SP_EXIT_OK && *text)
		sp_cli_print_json(json_pack("{s:i, s:b, s:{s:s, s:i, s:s}}", "v", 1, "ok", 0,
					    "error", "code", code_of(exit_code), "exit", exit_code,
					    "message", text));
	forget_unsaid();
	if (sp_cli_flush() != SP_EXIT_OK) {
		sp_cli_fail(0, "not all of it could be written to the output: %s",
			    sp_err_text(write_error));
		forget_unsaid();
		return exit_code == SP_EXIT_OK ? SP_EXIT_FAILED : exit_code;
	}
	return exit_code;
}

/* @taken is freed. */
static int write_json(FILE *out, json_t *taken)
{
	__sp_json json_t *object = taken;
	__sp_free char *text = json_dumps(object, JSON_COMPACT);
	__sp_buf struct sp_buf shown = SP_BUF_INIT;

	if (!text || sp_text_put_json(&shown, text, strlen(text)) < 0 ||
	    put_raw(out, sp_buf_get(&shown)) == EOF || put_raw(out, "\n") == EOF)
		return SP_EXIT_FAILED;
	return out == stdout ? sp_cli_flush() : SP_EXIT_OK;
}

int sp_cli_print_json(json_t *object)
{
	forget_unsaid();
	return write_json(stdout, object);
}

int sp_cli_say_json(json_t *object)
{
	return write_json(stderr, object);
}
