/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/store/store_hits.h"

#include "daemon/store/store_sql.h"

int sp_store_put_hit(struct sp_store *store, const struct sp_hit_row *row)
{
	return sp_sql_run(store, "INSERT OR REPLACE INTO hit VALUES(?, ?, ?, ?)", "iiii",
			  (int64_t)row->rule, row->since_ns, row->hit_ns, (int64_t)row->packets);
}

int sp_store_remove_hit(struct sp_store *store, uint32_t rule)
{
	return sp_sql_run(store, "DELETE FROM hit WHERE rule = ?", "i", (int64_t)rule);
}

int sp_store_each_hit(struct sp_store *store, sp_store_hit_fn take, void *arg)
{
	__sp_sql sqlite3_stmt *each = NULL;
	int r = sp_sql_start(store, &each,
			     "SELECT rule, since_ns, hit_ns, packets FROM hit ORDER BY rule", "");

	while (r >= 0 && (r = sp_sql_step(store, each)) > 0) {
		const struct sp_hit_row row = {
			.rule = (uint32_t)sqlite3_column_int64(each, 0),
			.since_ns = sqlite3_column_int64(each, 1),
			.hit_ns = sqlite3_column_int64(each, 2),
			.packets = (uint64_t)sqlite3_column_int64(each, 3),
		};

		r = row.rule < SP_RULE_MAX ? take(arg, &row) : -EUCLEAN;
	}
	return r;
}
