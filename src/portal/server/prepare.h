/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of a start that may need rights: the machine file, folders, keys, the certificate, the
 * listening socket. Each function logs what is wrong, once. */
#ifndef SALLYPORT_PORTAL_PREPARE_H
#define SALLYPORT_PORTAL_PREPARE_H

#include "io/files/paths.h"
#include "io/process/user.h"
#include "config/machine.h"
#include "portal/base/seal.h"
#include "portal/server/tls.h"

struct sp_prepared {
	struct sp_paths paths;
	struct sp_machine *machine;
	bool becomes_user;
	struct sp_user user; /* the user we are, or become */
	uint8_t seal_key[SP_SEAL_KEY_LEN];
	struct sp_tls tls;
	int listen_fd;
};

/* @root, @user: of the command line; NULL: none. @prepared: zeroed; for _done in any case.
 * Returns 0, else the exit code. */
int sp_prepare(const char *root, const char *user, struct sp_prepared *prepared);
/* Close and free what it holds, wipe keys. */
void sp_prepared_done(struct sp_prepared *prepared);
/* Read the certificate (again). Returns 0, *@ret_tls for sp_tls_done; -EACCES we may not;
 * -errno, and has said why. */
int sp_prepare_tls(const struct sp_prepared *prepared, struct sp_tls *ret_tls);

#endif
