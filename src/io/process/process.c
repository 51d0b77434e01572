/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/process/process.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* If @fd is closed, open /dev/null as @fd, which is the lowest free descriptor, in the mode in
 * which the descriptor cannot be used. */
static void occupy(int fd)
{
	if (fcntl(fd, F_GETFD) < 0)
		(void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

void sp_process_begin(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		occupy(fd);
	if (geteuid() == 0)
		umask(022);
}
