/* SPDX-License-Identifier: GPL-3.0-or-later */
/* People at the start of sallyportd: the database read, and brought in step with the kernel. */
#ifndef SALLYPORT_DAEMON_PEOPLE_LOAD_H
#define SALLYPORT_DAEMON_PEOPLE_LOAD_H

#include <stdbool.h>

struct sp_people;

/* Read the database and reconcile it with the kernel. A session that the kernel knows and the
 * database does not has no name, and ends. @is_fresh_store: the database was made now, which the
 * log then says. Returns 0; -errno of the database or of the kernel. */
int sp_people_load(struct sp_people *people, bool is_fresh_store);

#endif
