/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs on a person's machine: the program of the package sallyport-client. */
#include "base/array.h"
#include "cli/verbs.h"

const struct sp_verb sp_verbs[] = {
	SP_VERBS_OF_PERSON,
	{ "status", "[URL]", "the session and the tunnel", sp_cli_status_here },
};
const size_t sp_verb_count = SP_ARRAY_LEN(sp_verbs);

const char sp_verbs_elsewhere[] = "; a gateway's verbs come with the package sallyport";
