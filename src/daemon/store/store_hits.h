/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of the store about when rules decided last. Times and errors as in store.h. */
#ifndef SALLYPORT_DAEMON_STORE_HITS_H
#define SALLYPORT_DAEMON_STORE_HITS_H

#include "daemon/store/store.h"

struct sp_hit_row {
	uint32_t rule;    /* its number */
	int64_t since_ns; /* it is looked at since then */
	int64_t hit_ns;   /* the look that found it to have decided; 0: none has */
	uint64_t packets; /* its counter at the last look */
};

/* The row of row->rule becomes @row. Returns 0; -errno (sp_store_error says more). */
int sp_store_put_hit(struct sp_store *store, const struct sp_hit_row *row);
/* The row of @rule goes, if there is one. Returns 0; -errno. */
int sp_store_remove_hit(struct sp_store *store, uint32_t rule);

typedef int (*sp_store_hit_fn)(void *arg, const struct sp_hit_row *row);
/* Each row, by number, until @take fails. */
int sp_store_each_hit(struct sp_store *store, sp_store_hit_fn take, void *arg);

#endif
