/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by the files of the store: one SQL statement at a time. A failure becomes -errno, and its
 * words are kept for sp_store_error. */
#ifndef SALLYPORT_DAEMON_STORE_SQL_H
#define SALLYPORT_DAEMON_STORE_SQL_H

#include <sqlite3.h>

#include "daemon/store/store.h"

struct sp_store {
	sqlite3 *db;
	char error[256];
};

static inline void sp_sql_endp(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}
#define __sp_sql __sp_cleanup(sp_sql_endp)

/* Prepare @sql and bind: `i` int64_t; `t` const char * (NULL: null); `k` 32 bytes; `a` struct
 * sp_addr * (NULL: null); `b` const void *, size_t. */
int sp_sql_start(struct sp_store *store, sqlite3_stmt **ret_statement, const char *sql,
		 const char *kinds, ...);
/* 1: a row; 0: done; -errno. */
int sp_sql_step(struct sp_store *store, sqlite3_stmt *statement);
/* Start, step to the end, forget. */
int sp_sql_run(struct sp_store *store, const char *sql, const char *kinds, ...);

/* Each reads a column of the row. _text: a malloc'ed copy, NULL for null; -ENOMEM. _bytes: @len
 * bytes;
 * -EUCLEAN the column has another length. _addr: *@ret_has is false for null; -EUCLEAN. All else
 * 0. */
int sp_sql_text(sqlite3_stmt *statement, int column, char **ret_text);
int sp_sql_bytes(sqlite3_stmt *statement, int column, void *ret_bytes, size_t len);
int sp_sql_addr(sqlite3_stmt *statement, int column, struct sp_addr *ret_addr, bool *ret_has);

#endif
