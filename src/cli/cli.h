/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line: verbs, options, output. Data goes to stdout, talk to stderr; `--json` writes
 * one object or JSON lines; nothing is asked without a terminal. Exit codes are DESIGN section
 * 6's. */
#ifndef SALLYPORT_CLI_H
#define SALLYPORT_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/str.h"

enum sp_exit {
	SP_EXIT_OK = 0,
	SP_EXIT_FAILED = 1,
	SP_EXIT_USAGE = 2,
	SP_EXIT_INVALID = 3,
	SP_EXIT_TESTS = 4,
	SP_EXIT_ROLLED_BACK = 5,
	SP_EXIT_UNREACHABLE = 6,
	SP_EXIT_NOT_PERMITTED = 7,
	SP_EXIT_DEGRADED = 8,
	SP_EXIT_DENY = 10, /* explain, report unused: --exit-code; idp verify: refused */
};

/* What every verb has. */
struct sp_cli {
	const char *root; /* --root or $SALLYPORT_ROOT; NULL: / */
	bool json;
	bool color;
	/* a shell asks what the line may go on with; NULL: run the verb */
	const struct sp_completion *completion;
};

/* What the words of an option's list are. */
enum sp_choice {
	SP_CHOOSE_ONE,     /* the value is one of them */
	SP_CHOOSE_SEVERAL, /* or several, with commas */
	SP_CHOOSE_ANY,     /* or another word */
};

/* What an option that may be given again got, each time. */
struct sp_words {
	const char *items[16];
	size_t count;
};

/* One `--name`: a flag when @flag is set, else it takes a value named @value_name. */
struct sp_option {
	const char *name;
	bool *flag;
	const char **value;
	const char *value_name;
	const char *help;
	/* what a shell offers, and what is taken; ends with NULL. NULL: nothing, and anything */
	const char *const *values;
	enum sp_choice choice;
	struct sp_words *all; /* in place of @value: every value given; NULL: the last one */
};

struct sp_verb {
	const char *name;      /* one or two words: "check", "session open" */
	const char *arguments; /* "FILE" */
	const char *summary;
	/* argv[0] is the last word of the name */
	int (*run)(struct sp_cli *cli, int argc, char **argv);
};

/* verbs.c: the whole program; verbs_client.c: what is of use on a person's machine. */
extern const struct sp_verb sp_verbs[];
extern const size_t sp_verb_count;
/* The verb whose name @words begin with, NULL: none; *@ret_words of them are its name. */
const struct sp_verb *sp_cli_find_verb(char **words, size_t count, size_t *ret_words);
/* Where the other verbs are: "" or "; …" to end a sentence with. */
extern const char sp_verbs_elsewhere[];

/* Run the program: find the verb in @argv (argv[0] is the program's name), run it, flush what it
 * printed. Reads $SALLYPORT_ROOT and $NO_COLOR. Returns the exit code for main, an enum sp_exit. */
int sp_cli_run(int argc, char **argv);

/* Read options (ended by a zeroed element) wherever they stand; --json, --root, --help are always
 * there. Every verb calls it before it does anything: a completion ends here.
 * @positional filled with at most @positional_max words; *@ret_positional_count of them. Returns 0
 * to go on; 1 --help or a completion was printed; -EINVAL usage was wrong and has been said. */
int sp_cli_options(struct sp_cli *cli, const char *verb, int argc, char **argv,
		   const struct sp_option *options, const char **positional, size_t positional_max,
		   size_t *ret_positional_count);
/* A file to write needs a name: "-" is none. Returns SP_EXIT_OK; SP_EXIT_USAGE, said. */
int sp_cli_check_output(const char *what, const char *path);
/* The exit code for an @r that sp_cli_options returned and that is not 0. */
int sp_cli_options_exit(int r);

/* These print as printf does: _print on stdout (data), _say on stderr (talk), _write on @out
 * (usage). Nothing else in this folder prints. What %s puts in is escaped for a terminal
 * (base/text.h), line breaks too; the format itself and what sp_cli_paint returned are printed as
 * they are. While stderr is a terminal, _say breaks lines that are wider, and shows no line before
 * its newline is there. */
void sp_cli_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sp_cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sp_cli_write(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Say @question on stderr, and leave the cursor behind it. */
void sp_cli_ask(const char *question);
/* Both print the content of a file, on stdout or on @out: escaped as above, but its line breaks
 * stay. */
void sp_cli_print_lines(const char *text);
void sp_cli_write_lines(FILE *out, const char *text);
/* On stderr, as it is: only what this program has drawn itself. */
void sp_cli_draw(const char *drawing);

/* How many columns a text takes on a screen: a wide character takes two, a combining one none. */
int sp_cli_width(const char *text);
/* How many columns the screen has that @out goes to: $COLUMNS, else the terminal's; INT_MAX where it
 * is no terminal (but $COLUMNS is true of stdout then too). */
int sp_cli_columns(FILE *out);
/* From now on sp_cli_print breaks lines that are wider than the screen at a blank, and indents the
 * rest of such a line by @indent columns. 0: break no lines. Returns the @indent of before. */
int sp_cli_wrap(int indent);
/* Break one line, which has no newline, so for a screen of @columns; a command that people copy
 * stays in one piece. The result is appended to @out. */
void sp_cli_wrap_line(struct sp_buf *out, const char *line, int columns, int indent);

/* `sallyport: text` on stderr, and what can be done about it where the text ends in what the system
 * said (base/remedy.h). Returns @exit_code, so that a verb can `return sp_cli_fail(…)`. */
int sp_cli_fail(int exit_code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Keep @text for the error object of --json; the caller has shown another text on stderr. Returns
 * @exit_code. */
int sp_cli_note_failure(int exit_code, const char *text);
/* As sp_cli_fail, with a word for what failed, as sallyportd has them, for --json. */
int sp_cli_fail_as(int exit_code, const char *code, const char *message);

/* The end of every run. With @is_json, what was said of a failure and stands in no JSON yet becomes
 * an object on stdout (sallyport(1), "JSON"). Output that could not be written is a failure too.
 * Returns the exit code. */
int sp_cli_finish(bool is_json, int exit_code);

/* Flush what was printed so far. Returns SP_EXIT_OK; SP_EXIT_FAILED some of it could not be
 * written, which sp_cli_finish reports. */
int sp_cli_flush(void);

/* Both write one JSON object and a newline, _print on stdout and _say on stderr. Both take the
 * reference. Characters in its texts that cannot be shown are written as \u….
 * Both return SP_EXIT_OK; SP_EXIT_FAILED no memory, or it could not be written. */
int sp_cli_print_json(json_t *object);
int sp_cli_say_json(json_t *object);

enum sp_paint { SP_PLAIN, SP_BOLD, SP_DIM, SP_RED, SP_GREEN, SP_YELLOW };
/* What to print before a text to paint it so; SP_PLAIN ends the paint. "" when cli->color is false.
 * A constant: print it with %s, which leaves this very pointer unescaped. */
const char *sp_cli_paint(const struct sp_cli *cli, enum sp_paint paint);

/* The verbs. Each is the run of a struct sp_verb: argv[0] is the last word of its name, and it
 * returns the exit code, an enum sp_exit. */
int sp_cli_init(struct sp_cli *cli, int argc, char **argv);
int sp_cli_check(struct sp_cli *cli, int argc, char **argv);
int sp_cli_plan(struct sp_cli *cli, int argc, char **argv);
int sp_cli_explain(struct sp_cli *cli, int argc, char **argv);
int sp_cli_replay(struct sp_cli *cli, int argc, char **argv);
int sp_cli_ban(struct sp_cli *cli, int argc, char **argv);
int sp_cli_unban(struct sp_cli *cli, int argc, char **argv);
int sp_cli_bans(struct sp_cli *cli, int argc, char **argv);
int sp_cli_report_unused(struct sp_cli *cli, int argc, char **argv);
int sp_cli_apply(struct sp_cli *cli, int argc, char **argv);
int sp_cli_detach(struct sp_cli *cli, int argc, char **argv);
int sp_cli_backup(struct sp_cli *cli, int argc, char **argv);
int sp_cli_restore(struct sp_cli *cli, int argc, char **argv);
int sp_cli_reload(struct sp_cli *cli, int argc, char **argv);
int sp_cli_confirm(struct sp_cli *cli, int argc, char **argv);
int sp_cli_rollback(struct sp_cli *cli, int argc, char **argv);
int sp_cli_history(struct sp_cli *cli, int argc, char **argv);
int sp_cli_status(struct sp_cli *cli, int argc, char **argv);
/* `status` on a person's machine; the same parameters and results */
int sp_cli_status_here(struct sp_cli *cli, int argc, char **argv);
int sp_cli_doctor(struct sp_cli *cli, int argc, char **argv);
int sp_cli_session_open(struct sp_cli *cli, int argc, char **argv);
int sp_cli_session_list(struct sp_cli *cli, int argc, char **argv);
int sp_cli_session_extend(struct sp_cli *cli, int argc, char **argv);
int sp_cli_session_revoke(struct sp_cli *cli, int argc, char **argv);
int sp_cli_peer_add(struct sp_cli *cli, int argc, char **argv);
int sp_cli_peer_list(struct sp_cli *cli, int argc, char **argv);
int sp_cli_peer_remove(struct sp_cli *cli, int argc, char **argv);
int sp_cli_peer_config(struct sp_cli *cli, int argc, char **argv);
int sp_cli_user_add(struct sp_cli *cli, int argc, char **argv);
int sp_cli_user_passwd(struct sp_cli *cli, int argc, char **argv);
int sp_cli_user_groups(struct sp_cli *cli, int argc, char **argv);
int sp_cli_user_remove(struct sp_cli *cli, int argc, char **argv);
int sp_cli_user_list(struct sp_cli *cli, int argc, char **argv);
int sp_cli_idp_list(struct sp_cli *cli, int argc, char **argv);
int sp_cli_idp_test(struct sp_cli *cli, int argc, char **argv);
int sp_cli_idp_verify(struct sp_cli *cli, int argc, char **argv);
int sp_cli_audit(struct sp_cli *cli, int argc, char **argv);
int sp_cli_audit_verify(struct sp_cli *cli, int argc, char **argv);
int sp_cli_login(struct sp_cli *cli, int argc, char **argv);
int sp_cli_logout(struct sp_cli *cli, int argc, char **argv);
int sp_cli_up(struct sp_cli *cli, int argc, char **argv);
int sp_cli_down(struct sp_cli *cli, int argc, char **argv);
int sp_cli_bench(struct sp_cli *cli, int argc, char **argv);

#endif
