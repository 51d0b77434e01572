/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/files/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/time.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t written = write(fd, data, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return sp_errno();
		data += written;
		len -= (size_t)written;
	}
	return 0;
}

/* The folder part of @path, "." if it has none, "/" for those right below the root. */
static int folder_of(const char *path, char **ret_folder)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return sp_str_format(ret_folder, ".");
	if (slash == path)
		return sp_str_format(ret_folder, "/");
	return sp_str_format(ret_folder, "%.*s", (int)(slash - path), path);
}

int sp_dir_make_owned(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	__sp_close int fd = -1;
	int r = sp_dir_make(path, mode);

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return sp_errno();
	return fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0 ? sp_errno() : 0;
}

int sp_dir_sync_parent(const char *path)
{
	__sp_free char *folder = NULL;
	__sp_close int fd = -1;
	int r = folder_of(path, &folder);

	if (r < 0)
		return r;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return sp_errno();
	return fsync(fd) < 0 ? sp_errno() : 0;
}

/* Fill the new file @fd at @temp and put it in @path's place. */
static int fill_and_rename(int fd, const char *temp, const char *path, const void *data, size_t len,
			   mode_t mode, uid_t uid, gid_t gid)
{
	int r;

	/* Set the owner first, because a change of owner clears mode bits. */
	if ((uid != SP_UID_KEEP || gid != SP_GID_KEEP) && fchown(fd, uid, gid) < 0)
		return sp_errno();
	if (fchmod(fd, mode) < 0)
		return sp_errno();
	r = write_all(fd, (const char *)data, len);
	if (r < 0)
		return r;
	if (fsync(fd) < 0 || rename(temp, path) < 0)
		return sp_errno();
	return 0;
}

int sp_file_replace(const char *path, const void *data, size_t len, mode_t mode, uid_t uid,
		    gid_t gid)
{
	__sp_free char *temp = NULL;
	__sp_close int fd = -1;
	int r;

	r = sp_str_format(&temp, "%s.XXXXXX", path);
	if (r < 0)
		return r;
	fd = mkostemp(temp, O_CLOEXEC); /* mode 0600 until the file is complete */
	if (fd < 0)
		return sp_errno();
	r = fill_and_rename(fd, temp, path, data, len, mode, uid, gid);
	if (r < 0) {
		unlink(temp);
		return r;
	}
	return sp_dir_sync_parent(path);
}

int sp_file_read(const char *path, size_t max_len, char **ret_data, size_t *ret_len)
{
	__sp_close int fd = -1;
	__sp_free char *data = NULL;
	struct stat st;
	size_t size, len = 0;

	/* O_NONBLOCK: a FIFO put in the file's place must not hold us. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return sp_errno();
	if (fstat(fd, &st) < 0)
		return sp_errno();
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uintmax_t)st.st_size > max_len)
		return -EFBIG;
	/* A file of /proc has size 0 and has content. A file may grow while it is read. */
	size = st.st_size > 0 ? (size_t)st.st_size + 1 : 65536;
	if (size > max_len + 1)
		size = max_len + 1;
	data = malloc(size + 1);
	if (!data)
		return -ENOMEM;
	while (len < size) {
		ssize_t got = read(fd, data + len, size - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int r = sp_errno();

			sp_wipe(data, size);
			return r;
		}
		if (got == 0) {
			data[len] = '\0';
			*ret_len = len;
			*ret_data = SP_TAKE_PTR(data);
			return 0;
		}
		len += (size_t)got;
	}
	sp_wipe(data, size);
	return -EFBIG;
}

static int make_one_dir(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return sp_errno();
	if (stat(path, &st) < 0)
		return sp_errno();
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int sp_dir_make(const char *path, mode_t mode)
{
	__sp_free char *above = strdup(path);
	int r;

	if (!above)
		return -ENOMEM;
	for (char *slash = strchr(above + 1, '/'); *path && slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		r = make_one_dir(above, 0755);
		*slash = '/';
		if (r < 0)
			return r;
	}
	return make_one_dir(path, mode);
}

int sp_dir_make_parent(const char *path, mode_t mode)
{
	__sp_free char *folder = NULL;
	int r = folder_of(path, &folder);

	return r < 0 ? r : sp_dir_make(folder, mode);
}

static pid_t read_holder(int fd)
{
	char text[32];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	char *end;
	long pid;

	if (len <= 0)
		return 0;
	text[len] = '\0';
	pid = strtol(text, &end, 10);
	return *end == '\n' && pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

int sp_lock_take(const char *path, int *ret_fd, pid_t *ret_holder)
{
	__sp_close int fd = -1;
	char text[32];
	int len;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return sp_errno();
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int r = sp_errno();

		if (r == -EWOULDBLOCK && ret_holder)
			*ret_holder = read_holder(fd);
		return r;
	}
	len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)len, 0) != len)
		return sp_errno();
	*ret_fd = SP_TAKE_FD(fd);
	return 0;
}

bool sp_lock_is_held(const char *path)
{
	__sp_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* The name without @suffix, malloc'ed. NULL: the name has no such suffix, or there is no memory
 * (*@r says so). */
static char *stem(const char *name, const char *suffix, int *r)
{
	const size_t len = strlen(name), suffix_len = strlen(suffix);
	char *copy;

	if (name[0] == '.' || len <= suffix_len || strcmp(name + len - suffix_len, suffix) != 0)
		return NULL;
	copy = strndup(name, len - suffix_len);
	if (!copy)
		*r = -ENOMEM;
	return copy;
}

int sp_dir_list(const char *path, const char *suffix, char ***ret_names, size_t *ret_count)
{
	struct dirent **entries = NULL;
	const int count = scandir(path, &entries, NULL, alphasort);
	char **names;
	size_t kept = 0;
	int r = 0;

	if (count < 0)
		return sp_errno();
	names = calloc((size_t)count + 1, sizeof(*names));
	if (!names)
		r = -ENOMEM;
	for (int i = 0; i < count; i++) {
		if (names)
			names[kept] = stem(entries[i]->d_name, suffix, &r);
		kept += names && names[kept];
		free(entries[i]);
	}
	free(entries);
	while (r < 0 && kept > 0)
		free(names[--kept]);
	if (r < 0) {
		free(names);
		return r;
	}
	*ret_names = names;
	*ret_count = kept;
	return 0;
}

int sp_file_move_aside(const char *path, int64_t now_s, char **ret_moved_to)
{
	char time[SP_TIME_TEXT_MAX];

	sp_time_format_s(now_s, time);
	for (int i = 0; i < 1000; i++) {
		__sp_free char *name = NULL;
		int r;

		r = i == 0 ? sp_str_format(&name, "%s.corrupt-%s", path, time)
			   : sp_str_format(&name, "%s.corrupt-%s-%d", path, time, i);
		if (r < 0)
			return r;
		if (renameat2(AT_FDCWD, path, AT_FDCWD, name, RENAME_NOREPLACE) == 0) {
			*ret_moved_to = SP_TAKE_PTR(name);
			return sp_dir_sync_parent(path);
		}
		if (errno != EEXIST)
			return sp_errno();
	}
	return -EEXIST;
}
