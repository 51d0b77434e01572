/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of the store about bans. */
#include "base/err.h"
#include "daemon/store/store_sql.h"

void sp_ban_row_done(struct sp_ban_row *row)
{
	free(row->reason);
	free(row->who);
	*row = (struct sp_ban_row){ 0 };
}

int sp_store_put_ban(struct sp_store *store, const struct sp_ban_row *row)
{
	return sp_sql_run(store, "INSERT OR REPLACE INTO ban VALUES(?, ?, ?, ?, ?, ?)", "biiitt",
			  row->prefix.addr, sizeof(row->prefix.addr),
			  (int64_t)row->prefix.prefix_len, row->added_ns, row->until_ns,
			  row->reason, row->who);
}

int sp_store_remove_ban(struct sp_store *store, const struct sp_prefix *prefix)
{
	return sp_sql_run(store, "DELETE FROM ban WHERE addr = ? AND length = ?", "bi",
			  prefix->addr, sizeof(prefix->addr), (int64_t)prefix->prefix_len);
}

int sp_store_forget_bans(struct sp_store *store, int64_t now_ns)
{
	return sp_sql_run(store, "DELETE FROM ban WHERE until_ns != 0 AND until_ns <= ?", "i",
			  now_ns);
}

static int read_row(sqlite3_stmt *each, struct sp_ban_row *row)
{
	const int64_t length = sqlite3_column_int64(each, 1);
	int r = sp_sql_bytes(each, 0, row->prefix.addr, sizeof(row->prefix.addr));

	if (r == 0 && (length < 0 || length > 128))
		r = -EUCLEAN;
	row->prefix.prefix_len = (uint32_t)length;
	row->added_ns = sqlite3_column_int64(each, 2);
	row->until_ns = sqlite3_column_int64(each, 3);
	if (r == 0)
		r = sp_sql_text(each, 4, &row->reason);
	return r < 0 ? r : sp_sql_text(each, 5, &row->who);
}

int sp_store_each_ban(struct sp_store *store, sp_store_ban_fn take, void *arg)
{
	__sp_sql sqlite3_stmt *each = NULL;
	int r = sp_sql_start(store, &each,
			     "SELECT addr, length, added_ns, until_ns, reason, who FROM ban "
			     "ORDER BY addr, length",
			     "");

	while (r >= 0 && (r = sp_sql_step(store, each)) > 0) {
		__sp_cleanup(sp_ban_row_done) struct sp_ban_row row = { 0 };

		r = read_row(each, &row);
		if (r == 0)
			r = take(arg, &row);
	}
	return r;
}
