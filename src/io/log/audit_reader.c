/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the audit log, oldest file first, and goes on reading as it grows and rotates. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/err.h"
#include "base/str.h"
#include "io/log/audit_log.h"

#define LINE_MAX_BYTES (1u << 20)
#define LIST_TRIES 16

struct log_file {
	char *name;
	unsigned int number; /* PATH.number; 0: PATH itself */
	int fd;
	dev_t dev;
	ino_t ino;
};

struct log_files {
	struct log_file *files; /* oldest first */
	size_t count;
};

struct sp_audit_reader {
	char *path;
	struct log_files all;
	size_t current;
	uint64_t line_number; /* of the last line given out, in the current file */
	char *buf;
	size_t start, end, size;
};

/* ---- which files there are ---- */

static void done_files(struct log_files *all)
{
	for (size_t i = 0; i < all->count; i++) {
		if (all->files[i].fd >= 0)
			close(all->files[i].fd);
		free(all->files[i].name);
	}
	free(all->files);
	*all = (struct log_files){ 0 };
}

/* Open @name and add it. A file that is gone by now is no error: the caller checks whether the
 * files were rotated. */
static int add_file(struct log_files *all, const char *name, unsigned int number)
{
	__sp_close int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	__sp_free char *copy = NULL;
	struct log_file *file;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : sp_errno();
	if (fstat(fd, &st) < 0)
		return sp_errno();
	if (!S_ISREG(st.st_mode))
		return 0;
	copy = strdup(name);
	file = copy ? SP_ARRAY_PUSH(all->files, all->count) : NULL;
	if (!file)
		return -ENOMEM;
	*file = (struct log_file){ .name = SP_TAKE_PTR(copy),
				   .number = number,
				   .fd = SP_TAKE_FD(fd),
				   .dev = st.st_dev,
				   .ino = st.st_ino };
	return 0;
}

/* "audit.jsonl.3" of "audit.jsonl" -> 3; 0: it is not one of ours. */
static unsigned int rotation_of(const char *entry, const char *base)
{
	size_t len = strlen(base);
	unsigned int number = 0;

	if (strncmp(entry, base, len) != 0 || entry[len] != '.' || entry[len + 1] == '0')
		return 0;
	for (const char *digit = entry + len + 1; *digit; digit++) {
		if (*digit < '0' || *digit > '9' || number > 100000)
			return 0;
		number = number * 10 + (unsigned int)(*digit - '0');
	}
	return number;
}

static int compare_files(const void *a, const void *b)
{
	const struct log_file *left = a, *right = b;

	return left->number < right->number ? 1 : left->number > right->number ? -1 : 0;
}

static int list_once(const char *path, struct log_files *all)
{
	const char *slash = strrchr(path, '/');
	__sp_free char *folder = NULL;
	const char *base = slash ? slash + 1 : path;
	struct dirent *entry;
	DIR *dir;
	int r;

	r = slash ? sp_str_format(&folder, "%.*s", (int)(slash - path) + 1, path)
		  : sp_str_format(&folder, ".");
	if (r < 0)
		return r;
	dir = opendir(folder);
	if (!dir)
		return errno == ENOENT ? 0 : sp_errno();
	while (r == 0 && (entry = readdir(dir))) {
		unsigned int number = rotation_of(entry->d_name, base);
		__sp_free char *name = NULL;

		if (number == 0)
			continue;
		r = sp_str_format(&name, "%s.%u", path, number);
		if (r == 0)
			r = add_file(all, name, number);
	}
	closedir(dir);
	if (r == 0)
		r = add_file(all, path, 0);
	if (r == 0 && all->count > 1)
		qsort(all->files, all->count, sizeof(*all->files), compare_files);
	return r;
}

/* Does every name still mean the file that was opened under it? */
static bool is_steady(const struct log_files *all)
{
	struct stat st;

	for (size_t i = 0; i < all->count; i++)
		if (stat(all->files[i].name, &st) < 0 || st.st_ino != all->files[i].ino ||
		    st.st_dev != all->files[i].dev)
			return false;
	return true;
}

/* Every file of the log, opened between two rotations. */
static int list_files(const char *path, struct log_files *ret_all)
{
	struct log_files all = { 0 };

	for (int i = 0; i < LIST_TRIES; i++) {
		int r = list_once(path, &all);

		if (r < 0) {
			done_files(&all);
			return r;
		}
		if (is_steady(&all)) {
			*ret_all = all;
			return 0;
		}
		done_files(&all);
	}
	return -EAGAIN;
}

/* ---- lines ---- */

int sp_audit_reader_open(const char *path, struct sp_audit_reader **ret_reader)
{
	__sp_cleanup(sp_audit_reader_closep) struct sp_audit_reader *reader =
		calloc(1, sizeof(*reader));
	int r;

	if (!reader)
		return -ENOMEM;
	reader->path = strdup(path);
	if (!reader->path)
		return -ENOMEM;
	r = list_files(path, &reader->all);
	if (r < 0)
		return r;
	*ret_reader = SP_TAKE_PTR(reader);
	return 0;
}

void sp_audit_reader_close(struct sp_audit_reader *reader)
{
	if (!reader)
		return;
	done_files(&reader->all);
	free(reader->path);
	free(reader->buf);
	free(reader);
}

/* Make room behind `end`. Returns 0; -EMSGSIZE the line in it is too long; -ENOMEM. */
static int make_room(struct sp_audit_reader *reader)
{
	size_t size = reader->size ? reader->size * 2 : 65536;
	char *grown;

	if (reader->start > 0) {
		memmove(reader->buf, reader->buf + reader->start, reader->end - reader->start);
		reader->end -= reader->start;
		reader->start = 0;
	}
	if (reader->end < reader->size)
		return 0;
	if (reader->size > LINE_MAX_BYTES)
		return -EMSGSIZE;
	grown = realloc(reader->buf, size);
	if (!grown)
		return -ENOMEM;
	reader->buf = grown;
	reader->size = size;
	return 0;
}

/* Returns how many bytes came from the current file: 0 at its end; -errno. */
static ssize_t fill(struct sp_audit_reader *reader)
{
	int r = make_room(reader);

	if (r < 0)
		return r;
	for (;;) {
		ssize_t got = read(reader->all.files[reader->current].fd, reader->buf + reader->end,
				   reader->size - reader->end);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return sp_errno();
		reader->end += (size_t)got;
		return got;
	}
}

/* Add the files that came after the current file, if the current file is the live one no more.
 * Returns 1: there are new files; 0; -errno. */
static int look_for_newer(struct sp_audit_reader *reader)
{
	struct log_files now = { 0 };
	const struct log_file *last =
		reader->all.count ? &reader->all.files[reader->all.count - 1] : NULL;
	struct stat st;
	size_t from = 0;
	int r;

	if (last && stat(reader->path, &st) == 0 && st.st_ino == last->ino &&
	    st.st_dev == last->dev)
		return 0;
	r = list_files(reader->path, &now);
	if (r < 0)
		return r == -EAGAIN ? 0 : r;
	for (size_t i = 0; last && i < now.count; i++)
		if (now.files[i].ino == last->ino && now.files[i].dev == last->dev)
			from = i + 1;
	r = from < now.count;
	for (size_t i = from; i < now.count; i++) {
		struct log_file *file = SP_ARRAY_PUSH(reader->all.files, reader->all.count);

		if (!file) {
			r = -ENOMEM;
			break;
		}
		*file = now.files[i];
		now.files[i] = (struct log_file){ .fd = -1 };
	}
	done_files(&now);
	return r;
}

static void give(struct sp_audit_reader *reader, size_t len, bool has_newline,
		 struct sp_audit_line *ret_line)
{
	*ret_line = (struct sp_audit_line){
		.file = reader->all.files[reader->current].name,
		.number = ++reader->line_number,
		.text = reader->buf + reader->start,
		.len = len,
		.has_newline = has_newline,
	};
	reader->start += len + has_newline;
}

static bool take_line(struct sp_audit_reader *reader, struct sp_audit_line *ret_line)
{
	size_t len = reader->end - reader->start;
	const char *text = len ? reader->buf + reader->start : NULL;
	const char *newline = len ? memchr(text, '\n', len) : NULL;

	if (!newline)
		return false;
	give(reader, (size_t)(newline - text), true, ret_line);
	return true;
}

/* At the end of the current file: go on to the next. Returns 1 read on; 0 there is nothing more;
 * -errno. */
static int go_on(struct sp_audit_reader *reader, struct sp_audit_line *ret_line, bool *ret_gave)
{
	if (reader->current + 1 >= reader->all.count) {
		ssize_t got;
		int r = look_for_newer(reader);

		if (r <= 0)
			return r;
		if (reader->all.count == 1) /* the log has come into being */
			return 1;
		/* Read what was written between the last read and the rotation. */
		got = fill(reader);
		if (got != 0)
			return got < 0 ? (int)got : 1;
	}
	/* a file that was rotated away ends in an incomplete line */
	if (reader->start < reader->end) {
		give(reader, reader->end - reader->start, false, ret_line);
		*ret_gave = true;
	}
	reader->current++;
	reader->line_number = 0;
	return 1;
}

int sp_audit_reader_next(struct sp_audit_reader *reader, struct sp_audit_line *ret_line)
{
	for (;;) {
		bool gave = false;
		ssize_t got;
		int r;

		if (take_line(reader, ret_line))
			return 1;
		got = reader->all.count ? fill(reader) : 0;
		if (got < 0)
			return (int)got;
		if (got > 0)
			continue;
		r = go_on(reader, ret_line, &gave);
		if (r <= 0 || gave)
			return r;
	}
}

int sp_audit_reader_rest(struct sp_audit_reader *reader, struct sp_audit_line *ret_line)
{
	if (reader->start == reader->end)
		return 0;
	*ret_line = (struct sp_audit_line){
		.file = reader->all.files[reader->current].name,
		.number = reader->line_number + 1,
		.text = reader->buf + reader->start,
		.len = reader->end - reader->start,
	};
	return 1;
}
