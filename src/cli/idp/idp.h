/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A provider of idp.d, for the verbs about providers. */
#ifndef SALLYPORT_CLI_IDP_H
#define SALLYPORT_CLI_IDP_H

#include "cli/cli.h"
#include "identity/provider.h"
#include "io/files/paths.h"

/* Read and check idp.d/NAME.yaml, which must be of an OIDC provider. Returns SP_EXIT_OK;
 * SP_EXIT_INVALID, SP_EXIT_FAILED, or SP_EXIT_USAGE for another kind; the cause is printed. */
int sp_cli_idp_load_oidc(const struct sp_cli *cli, const struct sp_paths *paths, const char *name,
			 struct sp_idp **ret_idp);

#endif
