/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What apply and rollback share: how an apply is to be confirmed, and waiting for it. */
#ifndef SALLYPORT_CLI_CONFIRM_H
#define SALLYPORT_CLI_CONFIRM_H

#include "cli/cli.h"

/* As options give it. */
struct sp_confirm_words {
	const char *within;     /* --confirm TIME; NULL: it is not to be confirmed */
	struct sp_words probes; /* each --probe */
	bool is_confirmed_by_probes;
};

#define SP_CONFIRM_OPTIONS(words)                                                                  \
	{ "confirm", NULL, &(words).within, "TIME",                                                \
	  "the former policy returns unless it is confirmed within TIME (10s to 1h)" },            \
		{ .name = "probe",                                                                 \
		  .all = &(words).probes,                                                          \
		  .value_name = "TARGET",                                                          \
		  .help = "tcp:ADDRESS:PORT, to be reached meanwhile; may be given again" },       \
		{ "probe-confirms", &(words).is_confirmed_by_probes, NULL, NULL,                   \
		  "every probe reached throughout confirms it" }

/* The SSH connection this command came by, from $SSH_CONNECTION; NULL: none. */
json_t *sp_cli_ssh_connection(void);
/* Put what was given into @fields. Returns SP_EXIT_OK; SP_EXIT_USAGE, and it has been said. */
int sp_cli_confirm_fields(const struct sp_confirm_words *words, json_t *fields);
/* The apply in @reply waits to be confirmed: say so, and wait for its end. Returns SP_EXIT_OK it is
 * confirmed; SP_EXIT_ROLLED_BACK; another exit code, and why has been said. @reply gets outcome. */
int sp_cli_confirm_wait(const struct sp_cli *cli, json_t *reply);

#endif
