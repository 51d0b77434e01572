/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sallyport can do on a person's machine: the program of the package sallyport-client. */
#include "base/array.h"
#include "cli/cli.h"

const struct sp_verb sp_verbs[] = {
	{ "login", "[URL]", "sign in at a portal, with this device", sp_cli_login },
	{ "status", "[URL]", "the session and the tunnel", sp_cli_status_here },
	{ "up", "[URL]", "bring this device's tunnel up", sp_cli_up },
	{ "down", "", "take this device's tunnel down", sp_cli_down },
	{ "logout", "[URL]", "end this device's session", sp_cli_logout },
};
const size_t sp_verb_count = SP_ARRAY_LEN(sp_verbs);

const char sp_verbs_elsewhere[] = "; a gateway's verbs come with the package sallyport";
