/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store's half about people: devices with their addresses, and sessions. */
#include <string.h>

#include "base/err.h"
#include "daemon/store/store_sql.h"

void sp_device_done(struct sp_device *device)
{
	sp_wipe(device->preshared_key, sizeof(device->preshared_key));
	free(device->name);
	free(device->user);
	free(device->idp);
	free(device->subject);
	*device = (struct sp_device){ 0 };
}

static const struct sp_addr *address_or_null(const struct sp_addr addresses[2],
					     const bool has_address[2], int family)
{
	return has_address[family] ? &addresses[family] : NULL;
}

int sp_store_add_device(struct sp_store *store, const struct sp_device *device)
{
	return sp_sql_run(store, "INSERT INTO device VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			  "kkttttaaii", device->public_key, device->preshared_key, device->name,
			  device->user, device->idp, device->subject,
			  address_or_null(device->addresses, device->has_address, 0),
			  address_or_null(device->addresses, device->has_address, 1),
			  device->added_ns, device->proven_ns);
}

int sp_store_prove_device(struct sp_store *store, const uint8_t key[32], int64_t proven_ns)
{
	return sp_sql_run(store, "UPDATE device SET proven_ns = ? WHERE public_key = ?", "ik",
			  proven_ns, key);
}

int sp_store_remove_device(struct sp_store *store, const struct sp_device *device, int64_t until_ns)
{
	int r = 0;

	for (int family = 0; family < 2 && r == 0; family++)
		if (device->has_address[family])
			r = sp_sql_run(store, "INSERT OR REPLACE INTO held VALUES(?, ?, ?, ?)",
				       "aitt", &device->addresses[family], until_ns, device->idp,
				       device->subject);
	if (r < 0)
		return r;
	return sp_sql_run(store, "DELETE FROM device WHERE public_key = ?", "k",
			  device->public_key);
}

static int read_device(sqlite3_stmt *row, struct sp_device *device)
{
	int r = sp_sql_bytes(row, 0, device->public_key, 32);

	if (r == 0)
		r = sp_sql_bytes(row, 1, device->preshared_key, 32);
	if (r == 0)
		r = sp_sql_text(row, 2, &device->name);
	if (r == 0)
		r = sp_sql_text(row, 3, &device->user);
	if (r == 0)
		r = sp_sql_text(row, 4, &device->idp);
	if (r == 0)
		r = sp_sql_text(row, 5, &device->subject);
	if (r == 0)
		r = sp_sql_addr(row, 6, &device->addresses[0], &device->has_address[0]);
	if (r == 0)
		r = sp_sql_addr(row, 7, &device->addresses[1], &device->has_address[1]);
	device->added_ns = sqlite3_column_int64(row, 8);
	device->proven_ns = sqlite3_column_int64(row, 9);
	return r;
}

int sp_store_each_device(struct sp_store *store, sp_store_device_fn take, void *arg)
{
	__sp_sql sqlite3_stmt *each = NULL;
	int r = sp_sql_start(store, &each, "SELECT * FROM device ORDER BY added_ns, public_key",
			     "");

	while (r >= 0 && (r = sp_sql_step(store, each)) > 0) {
		__sp_cleanup(sp_device_done) struct sp_device device = { 0 };

		r = read_device(each, &device);
		if (r == 0)
			r = take(arg, &device);
	}
	return r;
}

int sp_store_each_held(struct sp_store *store, int64_t now_ns, const char *idp, const char *subject,
		       sp_store_held_fn take, void *arg)
{
	__sp_sql sqlite3_stmt *each = NULL;
	int r = sp_sql_start(store, &each,
			     "SELECT addr FROM held WHERE until_ns > ?"
			     " AND NOT (idp IS ? AND subject IS ? AND subject IS NOT NULL)",
			     "itt", now_ns, idp, subject);

	while (r >= 0 && (r = sp_sql_step(store, each)) > 0) {
		struct sp_addr addr;

		r = sp_sql_bytes(each, 0, &addr, sizeof(addr));
		if (r == 0)
			r = take(arg, &addr);
	}
	return r;
}

void sp_session_row_done(struct sp_session_row *row)
{
	free(row->idp);
	free(row->subject);
	free(row->user);
	free(row->groups);
	free(row->roles);
	free(row->device);
	free(row->why);
	free(row->refresh);
	free(row->ending);
	*row = (struct sp_session_row){ 0 };
}

/* The limits that an administrator gave, as one number. */
static int64_t own_bits(const struct sp_session_row *row)
{
	return (row->has_own_max ? 1 : 0) | (row->has_own_idle ? 2 : 0);
}

int sp_store_add_session(struct sp_store *store, struct sp_session_row *row)
{
	int r = sp_sql_run(
		store,
		"INSERT INTO session VALUES(NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0,"
		" NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
		"iitttttktaaiiiiiiittii", (int64_t)row->slot, (int64_t)row->epoch, row->idp,
		row->subject, row->user, row->groups, row->roles, row->public_key, row->device,
		address_or_null(row->addresses, row->has_address, 0),
		address_or_null(row->addresses, row->has_address, 1), row->opened_ns,
		row->expires_ns, row->idle_s, row->since_ns, row->warn_s, own_bits(row),
		(int64_t)row->replaces, row->refresh, row->ending, row->full_ns,
		(int64_t)row->boot_ns);

	if (r == 0)
		row->id = (uint64_t)sqlite3_last_insert_rowid(store->db);
	return r;
}

int sp_store_change_session(struct sp_store *store, const struct sp_session_row *row)
{
	return sp_sql_run(store,
			  "UPDATE session SET groups = ?, roles = ?, expires_ns = ?, idle_s = ?,"
			  " since_ns = ?, warn_s = ?, own = ?, refresh = ?, ending = ?, full_ns = ?"
			  " WHERE id = ?",
			  "ttiiiiittii", row->groups, row->roles, row->expires_ns, row->idle_s,
			  row->since_ns, row->warn_s, own_bits(row), row->refresh, row->ending,
			  row->full_ns, (int64_t)row->id);
}

int sp_store_close_session(struct sp_store *store, uint64_t id, int64_t closed_ns, const char *why)
{
	return sp_sql_run(store,
			  "UPDATE session SET closed_ns = ?, why = ?, refresh = NULL WHERE id = ?",
			  "iti", closed_ns, why, (int64_t)id);
}

static int read_session(sqlite3_stmt *row, struct sp_session_row *session)
{
	char **const texts[] = { &session->idp, &session->subject, &session->user, &session->groups,
				 &session->roles };
	int r = 0;

	session->id = (uint64_t)sqlite3_column_int64(row, 0);
	session->slot = (uint32_t)sqlite3_column_int64(row, 1);
	session->epoch = (uint64_t)sqlite3_column_int64(row, 2);
	for (int i = 0; i < 5 && r == 0; i++)
		r = sp_sql_text(row, 3 + i, texts[i]);
	if (r == 0)
		r = sp_sql_bytes(row, 8, session->public_key, 32);
	if (r == 0)
		r = sp_sql_text(row, 9, &session->device);
	if (r == 0)
		r = sp_sql_addr(row, 10, &session->addresses[0], &session->has_address[0]);
	if (r == 0)
		r = sp_sql_addr(row, 11, &session->addresses[1], &session->has_address[1]);
	session->opened_ns = sqlite3_column_int64(row, 12);
	session->expires_ns = sqlite3_column_int64(row, 13);
	session->idle_s = sqlite3_column_int64(row, 14);
	session->closed_ns = sqlite3_column_int64(row, 15);
	if (r == 0)
		r = sp_sql_text(row, 16, &session->why);
	session->since_ns = sqlite3_column_int64(row, 17);
	session->warn_s = sqlite3_column_int64(row, 18);
	session->has_own_max = sqlite3_column_int64(row, 19) & 1;
	session->has_own_idle = sqlite3_column_int64(row, 19) & 2;
	session->replaces = (uint64_t)sqlite3_column_int64(row, 20);
	if (r == 0)
		r = sp_sql_text(row, 21, &session->refresh);
	if (r == 0)
		r = sp_sql_text(row, 22, &session->ending);
	session->full_ns = sqlite3_column_int64(row, 23);
	session->boot_ns = (uint64_t)sqlite3_column_int64(row, 24);
	return r;
}

int sp_store_each_session(struct sp_store *store, int64_t since_ns, sp_store_session_fn take,
			  void *arg)
{
	__sp_sql sqlite3_stmt *each = NULL;
	int r = sp_sql_start(
		store, &each,
		"SELECT * FROM session WHERE closed_ns = 0 OR closed_ns >= ? ORDER BY id", "i",
		since_ns);

	while (r >= 0 && (r = sp_sql_step(store, each)) > 0) {
		__sp_cleanup(sp_session_row_done) struct sp_session_row row = { 0 };

		r = read_session(each, &row);
		if (r == 0)
			r = take(arg, &row);
	}
	return r;
}

int sp_store_next_session(struct sp_store *store, uint64_t after_id, int64_t since_ns,
			  struct sp_session_row *ret_row)
{
	__sp_cleanup(sp_session_row_done) struct sp_session_row row = { 0 };
	__sp_sql sqlite3_stmt *next = NULL;
	int r = sp_sql_start(
		store, &next,
		"SELECT * FROM session WHERE id > ? AND (closed_ns = 0 OR closed_ns >= ?)"
		" ORDER BY id LIMIT 1",
		"ii", (int64_t)after_id, since_ns);

	if (r < 0 || (r = sp_sql_step(store, next)) < 0)
		return r;
	if (r == 0)
		return -ENOENT;
	r = read_session(next, &row);
	if (r < 0)
		return r;
	*ret_row = row;
	row = (struct sp_session_row){ 0 };
	return 0;
}

int sp_store_session_of_epoch(struct sp_store *store, uint64_t epoch,
			      struct sp_session_row *ret_row)
{
	__sp_cleanup(sp_session_row_done) struct sp_session_row row = { 0 };
	__sp_sql sqlite3_stmt *find = NULL;
	int r = sp_sql_start(store, &find, "SELECT * FROM session WHERE epoch = ?", "i",
			     (int64_t)epoch);

	if (r < 0 || (r = sp_sql_step(store, find)) < 0)
		return r;
	if (r == 0)
		return -ENOENT;
	r = read_session(find, &row);
	if (r < 0)
		return r;
	*ret_row = row;
	row = (struct sp_session_row){ 0 };
	return 0;
}

int sp_store_forget(struct sp_store *store, int64_t before_ns)
{
	int r = sp_sql_run(store, "DELETE FROM session WHERE closed_ns > 0 AND closed_ns < ?", "i",
			   before_ns);

	return r < 0 ? r : sp_sql_run(store, "DELETE FROM held WHERE until_ns < ?", "i", before_ns);
}
