/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads a policy with the files it includes. */
#ifndef SALLYPORT_CLI_GATHER_H
#define SALLYPORT_CLI_GATHER_H

#include <jansson.h>

#include "base/str.h"
#include "policy/files.h"

/* Read the policy at @path ("-": stdin) and, in the order they are met, what its files include.
 * Included files that cannot be read are in the list with their fault; the loader says so at its
 * place. @ret_files: the caller runs sp_files_done. Returns SP_EXIT_OK; SP_EXIT_INVALID the first
 * file is too large, SP_EXIT_FAILED it cannot be read: said. */
int sp_cli_gather(const char *path, struct sp_files *ret_files);

/* The files one behind the other in @text, and in @fields, as `files`, how each is called and how
 * long it is: what a request that carries a policy has. Returns 0; -ENOMEM. */
int sp_cli_join_files(const struct sp_files *files, json_t *fields, struct sp_buf *text);

#endif
