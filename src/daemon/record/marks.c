/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/record/marks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

int sp_marks_open(struct sp_marks *marks, const char *path, uint64_t birth)
{
	__sp_close int fd = -1;
	struct stat before;
	void *mapped;

	marks->spare = (struct sp_marks_file){ .birth = birth };
	marks->file = &marks->spare;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fstat(fd, &before) < 0 || ftruncate(fd, sizeof(struct sp_marks_file)) < 0)
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
