/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What both programs can do for the person at this device; `status` says more on a gateway. */
#ifndef SALLYPORT_CLI_VERBS_H
#define SALLYPORT_CLI_VERBS_H

#include "cli/cli.h"

#define SP_VERBS_OF_PERSON                                                                         \
	{ "login", "[URL]", "sign in at a portal, with this device", sp_cli_login },               \
		{ "logout", "[URL]", "end this device's session", sp_cli_logout },                 \
		{ "up", "[URL]", "bring this device's tunnel up", sp_cli_up },                     \
	{                                                                                          \
		"down", "", "take this device's tunnel down", sp_cli_down                          \
	}

#endif
