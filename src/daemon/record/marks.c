/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/record/marks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

/* Continue a file of the version that had room for four drops. One write makes it longer, so that
 * a crash leaves it whole. */
static int continue_former(int fd)
{
	struct sp_counter lock[SP_PLANE_DROP_SLOTS] = { 0 };
	const size_t size = sizeof(((struct sp_marks_file *)NULL)->former_lock);
	const ssize_t read_len = pread(fd, lock, size, offsetof(struct sp_marks_file, former_lock));

	if (read_len != (ssize_t)size)
		return read_len < 0 ? sp_errno() : -EIO;
	return pwrite(fd, lock, sizeof(lock), SP_MARKS_FORMER_SIZE) == sizeof(lock) ? 0 : -EIO;
}

int sp_marks_open(struct sp_marks *marks, const char *path, uint64_t birth)
{
	__sp_close int fd = -1;
	struct stat before;
	void *mapped;

	marks->spare = (struct sp_marks_file){ .birth = birth };
	marks->file = &marks->spare;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fstat(fd, &before) < 0)
		return sp_errno();
	if (before.st_size == SP_MARKS_FORMER_SIZE && continue_former(fd) == 0)
		before.st_size = sizeof(struct sp_marks_file);
	if (ftruncate(fd, sizeof(struct sp_marks_file)) < 0)
		return sp_errno();
	mapped =
		mmap(NULL, sizeof(struct sp_marks_file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED)
		return sp_errno();
	marks->file = mapped;
	if (marks->file->birth != birth || before.st_size != sizeof(*marks->file)) {
		memset(marks->file, 0, sizeof(*marks->file));
		marks->file->birth = birth;
	}
	return 0;
}

void sp_marks_close(struct sp_marks *marks)
{
	if (marks->file && marks->file != &marks->spare)
		munmap(marks->file, sizeof(*marks->file));
	marks->file = NULL;
}
