/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The writer of the audit log. Its reader is audit_reader.c. */
#include "io/log/audit_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "io/files/files.h"
#include "io/loop/clock.h"

#define ROTATE_BYTES (100u * 1000 * 1000)
#define KEEP 10u
#define LINE_MAX_BYTES (1u << 20)

struct sp_audit_log {
	char *path, *boot, *gateway;
	uint64_t rotate_bytes;
	unsigned int keep;
	int fd;
	uint64_t size; /* of the live file: where its last complete line ends */
	struct sp_chain_head head;
	bool is_dirty;             /* something was appended since the last sync */
	bool has_stray_end;        /* bytes behind `size` that could not be cut off yet */
	struct sp_audit_drop drop; /* not yet asked for */
	int64_t horizon_ns;
	unsigned int rotations;
	int sync_error; /* of a sync inside append: the next sp_audit_log_sync returns it */
	char *line;     /* the last one, lent to the caller */
};

void sp_audit_log_repair_done(struct sp_audit_log_repair *repair)
{
	free(repair->moved_to);
	*repair = (struct sp_audit_log_repair){ 0 };
}

/* ---- taking up an existing log ---- */

static int open_file(const char *path, int flags, int *ret_fd, uint64_t *ret_size)
{
	__sp_close int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0640);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return sp_errno();
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*ret_size = (uint64_t)st.st_size;
	*ret_fd = SP_TAKE_FD(fd);
	return 0;
}

/* Find the end of the last complete line: the byte behind the last newline before @end. 0: there is
 * no newline. */
static int find_line_end(int fd, uint64_t end, uint64_t *ret_end)
{
	char block[4096];

	while (end > 0) {
		size_t len = end < sizeof(block) ? (size_t)end : sizeof(block);
		ssize_t got = pread(fd, block, len, (off_t)(end - len));
		const char *newline;

		if (got < 0)
			return sp_errno();
		if ((size_t)got != len)
			return -EIO;
		newline = memrchr(block, '\n', len);
		if (newline) {
			*ret_end = end - len + (size_t)(newline - block) + 1;
			return 0;
		}
		end -= len;
	}
	*ret_end = 0;
	return 0;
}

/* A line that is a record. */
struct place {
	struct sp_chain_head head;
	int64_t time_ns;
};

/* Read the record in bytes [@start, @start + @len). Returns 0; -EBADMSG the bytes are no record. */
static int read_place(int fd, uint64_t start, size_t len, struct place *ret_place)
{
	__sp_audit_entry struct sp_audit_entry entry = { 0 };
	__sp_free char *line = NULL;
	int r;

	if (len > LINE_MAX_BYTES)
		return -EBADMSG;
	line = malloc(len + 1);
	if (!line)
		return -ENOMEM;
	if (pread(fd, line, len, (off_t)start) != (ssize_t)len)
		return -EIO;
	r = sp_audit_entry_parse(line, len, &entry);
	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	ret_place->head.seq = entry.record.seq;
	ret_place->time_ns = entry.record.time_ns;
	sp_chain_hash(line, len, ret_place->head.hash);
	return 0;
}

/* Read a file's last complete line. Returns 0; -ENODATA there is none; -EBADMSG it is no record. */
static int read_last(int fd, uint64_t size, struct place *ret_place)
{
	uint64_t start, end;
	int r;

	r = find_line_end(fd, size, &end);
	if (r == 0 && end == 0)
		r = -ENODATA;
	if (r == 0)
		r = find_line_end(fd, end - 1, &start);
	return r < 0 ? r : read_place(fd, start, (size_t)(end - 1 - start), ret_place);
}

static int read_head(int fd, uint64_t size, struct sp_chain_head *ret_head)
{
	struct place place;
	int r = read_last(fd, size, &place);

	if (r == 0)
		*ret_head = place.head;
	return r;
}

/* Read a file's first line. Returns as read_last. */
static int read_first(int fd, struct place *ret_place)
{
	char block[4096];
	uint64_t len = 0;

	while (len <= LINE_MAX_BYTES) {
		const ssize_t got = pread(fd, block, sizeof(block), (off_t)len);
		const char *newline = got > 0 ? memchr(block, '\n', (size_t)got) : NULL;

		if (got <= 0)
			return got < 0 ? sp_errno() : -ENODATA;
		if (newline)
			return read_place(fd, 0, (size_t)len + (size_t)(newline - block),
					  ret_place);
		len += (uint64_t)got;
	}
	return -EBADMSG;
}

/* Move the bytes behind the last newline to PATH.torn-<time> and cut them off. */
static int cut_torn_end(struct sp_audit_log *log, uint64_t end, struct sp_audit_log_repair *repair)
{
	size_t len = (size_t)(log->size - end);
	__sp_free char *torn = malloc(len), *name = NULL;
	char time[SP_TIME_TEXT_MAX];
	int r;

	if (!torn)
		return -ENOMEM;
	if (pread(log->fd, torn, len, (off_t)end) != (ssize_t)len)
		return -EIO;
	r = sp_str_format(&name, "%s.torn-%s", log->path,
			  sp_time_format(sp_clock_realtime_ns(), time));
	if (r == 0)
		r = sp_file_replace(name, torn, len, 0640, SP_UID_KEEP, SP_GID_KEEP);
	if (r < 0)
		return r;
	if (ftruncate(log->fd, (off_t)end) < 0 || fsync(log->fd) < 0)
		return sp_errno();
	log->size = end;
	repair->was_torn = true;
	repair->torn_len = len;
	repair->moved_to = SP_TAKE_PTR(name);
	return 0;
}

/* Open PATH.@number for reading, or PATH itself if @number is 0. */
static int open_rotated(const char *path, unsigned int number, int *ret_fd)
{
	__sp_free char *name = NULL;
	int fd, r;

	r = number ? sp_str_format(&name, "%s.%u", path, number) : sp_str_format(&name, "%s", path);
	if (r < 0)
		return r;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return sp_errno();
	*ret_fd = fd;
	return 0;
}

/* Read the head of the newest rotated file that has one. Returns 0; -ENODATA no file has one. */
static int read_rotated_head(const char *path, struct sp_chain_head *ret_head)
{
	for (unsigned int i = 1;; i++) {
		__sp_close int fd = -1;
		struct stat st;
		int r = open_rotated(path, i, &fd);

		if (r < 0)
			return r == -ENOENT ? -ENODATA : r;
		if (fstat(fd, &st) < 0)
			return sp_errno();
		r = read_head(fd, (uint64_t)st.st_size, ret_head);
		if (r != -ENODATA && r != -EBADMSG)
			return r;
	}
}

/* Rename a live file whose end is no record, and begin a new one. */
static int replace_corrupt(struct sp_audit_log *log, struct sp_audit_log_repair *repair)
{
	char *moved_to = NULL;
	int r;

	close(SP_TAKE_FD(log->fd));
	r = sp_file_move_aside(log->path, sp_clock_realtime_s(), &moved_to);
	if (r < 0)
		return r;
	free(repair->moved_to);
	repair->moved_to = moved_to;
	repair->was_corrupt = true;
	return open_file(log->path, O_CREAT | O_EXCL, &log->fd, &log->size);
}

static int take_up(struct sp_audit_log *log, const struct sp_chain_head *hint,
		   struct sp_audit_log_repair *repair)
{
	struct sp_chain_head head = { .seq = 0, .hash = SP_CHAIN_GENESIS };
	uint64_t end;
	int r;

	r = open_file(log->path, O_CREAT, &log->fd, &log->size);
	if (r == 0)
		r = find_line_end(log->fd, log->size, &end);
	if (r == 0 && end < log->size)
		r = cut_torn_end(log, end, repair);
	if (r < 0)
		return r;
	r = read_head(log->fd, log->size, &head);
	if (r == -EBADMSG) {
		r = replace_corrupt(log, repair);
		if (r == 0)
			r = -ENODATA;
	}
	if (r == -ENODATA)
		r = read_rotated_head(log->path, &head);
	if (r < 0 && r != -ENODATA)
		return r;
	/* The caller knows of records that the files do not have. Go on behind those, so that a
	 * verification names the gap. */
	log->head = hint && hint->seq > head.seq ? *hint : head;
	return 0;
}

/* Find the oldest record of all files. */
static void find_horizon(struct sp_audit_log *log)
{
	struct place first;

	log->horizon_ns = 0;
	for (unsigned int number = log->keep + 1; number-- > 0;) {
		__sp_close int fd = -1;

		if (open_rotated(log->path, number, &fd) < 0 || read_first(fd, &first) < 0)
			continue;
		if (first.head.seq > 1)
			log->horizon_ns = first.time_ns;
		return;
	}
}

void sp_audit_log_set_bounds(struct sp_audit_log *log, uint64_t rotate_bytes, unsigned int keep)
{
	log->rotate_bytes = rotate_bytes ? rotate_bytes : ROTATE_BYTES;
	log->keep = keep ? keep : KEEP;
}

int sp_audit_log_open(const struct sp_audit_log_options *options, const struct sp_chain_head *hint,
		      struct sp_audit_log **ret_log, struct sp_audit_log_repair *ret_repair)
{
	__sp_cleanup(sp_audit_log_closep) struct sp_audit_log *log = calloc(1, sizeof(*log));
	__sp_cleanup(sp_audit_log_repair_done) struct sp_audit_log_repair repair = { 0 };
	int r;

	if (!log)
		return -ENOMEM;
	log->fd = -1;
	sp_audit_log_set_bounds(log, options->rotate_bytes, options->keep);
	log->path = strdup(options->path);
	log->boot = options->boot ? strdup(options->boot) : NULL;
	log->gateway = options->gateway ? strdup(options->gateway) : NULL;
	if (!log->path || (options->boot && !log->boot) || (options->gateway && !log->gateway))
		return -ENOMEM;
	r = sp_dir_make_parent(log->path, 0750);
	if (r == 0)
		r = take_up(log, hint, &repair);
	if (r < 0)
		return r;
	find_horizon(log);
	*ret_log = SP_TAKE_PTR(log);
	*ret_repair = repair;
	repair = (struct sp_audit_log_repair){ 0 };
	return 0;
}

void sp_audit_log_close(struct sp_audit_log *log)
{
	if (!log)
		return;
	if (log->fd >= 0) {
		if (log->is_dirty)
			fdatasync(log->fd);
		close(log->fd);
	}
	free(log->path);
	free(log->boot);
	free(log->gateway);
	free(log->line);
	free(log);
}

/* ---- rotation ---- */

/* Count the records of the file that rotation is about to overwrite, if there is one. A file that
 * cannot be read is not counted. */
static void note_drop(struct sp_audit_log *log)
{
	__sp_close int fd = -1;
	struct place first, last;
	struct stat st;

	if (open_rotated(log->path, log->keep, &fd) < 0 || fstat(fd, &st) < 0 ||
	    read_first(fd, &first) < 0 || read_last(fd, (uint64_t)st.st_size, &last) < 0 ||
	    last.head.seq < first.head.seq)
		return;
	log->drop.records += last.head.seq - first.head.seq + 1;
	log->drop.newest_ns = last.time_ns;
}

void sp_audit_log_take_drop(struct sp_audit_log *log, struct sp_audit_drop *ret_drop)
{
	*ret_drop = log->drop;
	log->drop = (struct sp_audit_drop){ 0 };
}

int64_t sp_audit_log_get_horizon(const struct sp_audit_log *log)
{
	return log->horizon_ns;
}

static int shift(const char *path, unsigned int from, unsigned int to)
{
	__sp_free char *old = NULL, *new = NULL;
	int r;

	r = from ? sp_str_format(&old, "%s.%u", path, from) : sp_str_format(&old, "%s", path);
	if (r == 0)
		r = sp_str_format(&new, "%s.%u", path, to);
	if (r < 0)
		return r;
	return rename(old, new) < 0 && errno != ENOENT ? sp_errno() : 0;
}

/* Rename PATH.9 to PATH.10, and so on down to PATH to PATH.1. The oldest file is overwritten. The
 * new PATH is made first: whatever fails, there is a file to write to. */
static int rotate(struct sp_audit_log *log)
{
	__sp_free char *fresh = NULL;
	__sp_close int fd = -1;
	uint64_t size;
	int r;

	r = sp_str_format(&fresh, "%s.new", log->path);
	if (r == 0)
		r = open_file(fresh, O_CREAT | O_TRUNC, &fd, &size);
	if (r < 0)
		return r;
	if (fdatasync(log->fd) < 0)
		return sp_errno();
	note_drop(log);
	for (unsigned int i = log->keep; i > 0; i--) {
		r = shift(log->path, i - 1, i);
		if (r < 0)
			return r;
	}
	if (rename(fresh, log->path) < 0)
		return sp_errno();
	close(log->fd);
	log->fd = SP_TAKE_FD(fd);
	log->size = 0;
	log->is_dirty = false;
	log->rotations++;
	find_horizon(log);
	return sp_dir_sync_parent(log->path);
}

/* ---- appending ---- */

/* Must this record be on the disk before the person or administrator gets an answer? */
static bool is_weighty(enum sp_audit_event event)
{
	/* strangers cause refused logins, and must not keep the disk busy */
	return !sp_audit_event_is_traffic(event) && event != SP_AUDIT_LOGIN_REFUSED;
}

static int cut_stray_end(struct sp_audit_log *log)
{
	log->has_stray_end = ftruncate(log->fd, (off_t)log->size) < 0;
	return log->has_stray_end ? sp_errno() : 0;
}

/* Write a line and its newline. After a failure nothing of the line stays. */
static int write_line(struct sp_audit_log *log, const char *line, size_t len)
{
	size_t done = 0;
	int r;

	if (log->has_stray_end) {
		r = cut_stray_end(log);
		if (r < 0)
			return r;
	}
	while (done < len) {
		ssize_t written = write(log->fd, line + done, len - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			r = written < 0 ? sp_errno() : -EIO;
			cut_stray_end(log);
			return r;
		}
		done += (size_t)written;
	}
	log->size += len;
	log->is_dirty = true;
	return 0;
}

static int append_line(struct sp_audit_log *log, char *line, size_t len)
{
	int r;

	if (len > LINE_MAX_BYTES)
		return -EMSGSIZE; /* a reader would refuse so long a line */
	if (log->size > 0 && log->size + len + 1 > log->rotate_bytes)
		rotate(log); /* a rotation that fails is tried again with the next record */
	line[len] = '\n';
	r = write_line(log, line, len + 1);
	line[len] = '\0';
	return r;
}

int sp_audit_log_append(struct sp_audit_log *log, const struct sp_audit_record *record,
			const char **ret_line, size_t *ret_len)
{
	struct sp_audit_record filled = *record;
	__sp_free char *line = NULL;
	size_t len;
	int r;

	filled.seq = log->head.seq + 1;
	if (!filled.boot)
		filled.boot = log->boot;
	if (!filled.gateway)
		filled.gateway = log->gateway;
	if (filled.time_ns == 0)
		filled.time_ns = sp_clock_realtime_ns();
	r = sp_audit_record_format(&filled, log->head.hash, &line, &len);
	if (r == 0)
		r = append_line(log, line, len);
	if (r < 0)
		return r;
	log->head.seq++;
	sp_chain_hash(line, len, log->head.hash);
	if (is_weighty(record->event)) {
		r = sp_audit_log_sync(log);
		if (r < 0)
			log->sync_error = r;
	}
	free(log->line);
	log->line = SP_TAKE_PTR(line);
	if (ret_line) {
		*ret_line = log->line;
		*ret_len = len;
	}
	return 0;
}

int sp_audit_log_sync(struct sp_audit_log *log)
{
	int r = log->sync_error;

	log->sync_error = 0;
	if (log->is_dirty) {
		if (fdatasync(log->fd) < 0)
			return sp_errno();
		log->is_dirty = false;
	}
	return r;
}

unsigned int sp_audit_log_get_rotations(const struct sp_audit_log *log)
{
	return log->rotations;
}

void sp_audit_log_get_head(const struct sp_audit_log *log, struct sp_chain_head *ret_head)
{
	*ret_head = log->head;
}
