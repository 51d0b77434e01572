/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/starts.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "io/loop/clock.h"
#include "io/loop/loop.h"
#include "io/process/notify.h"

#define KEPT_NAME "starts"
#define WELL_NS (60 * SP_SECOND_NS) /* who lived as long did not fail at the start */
#define AT_ONCE 3u                  /* starts after the first that do not wait */
#define FIRST_WAIT_NS (200 * SP_MS_NS)
#define WAIT_MAX_NS (30 * SP_SECOND_NS)
#define CARRIED_WAIT_MAX_NS SP_SECOND_NS

/* Of the right size, whoever kept it. */
static int take_or_make(void)
{
	__sp_close int fd = sp_notify_take_kept(KEPT_NAME);

	if (fd >= 0)
		return SP_TAKE_FD(fd);
	fd = memfd_create("sallyport-vpnd starts", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, sizeof(struct sp_vpnd_starts)) < 0)
		return -1;
	(void)sp_notify_keep(KEPT_NAME, fd);
	return SP_TAKE_FD(fd);
}

struct sp_vpnd_starts *sp_vpnd_starts_open(void)
{
	__sp_close int fd = take_or_make();
	void *memory;

	if (fd < 0 || lseek(fd, 0, SEEK_END) != sizeof(struct sp_vpnd_starts))
		return NULL;
	memory = mmap(NULL, sizeof(struct sp_vpnd_starts), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		      0);
	return memory == MAP_FAILED ? NULL : memory;
}

/* After @count starts in a row, at most @max_ns. */
static uint64_t find_wait(uint32_t count, uint64_t max_ns)
{
	uint64_t wait_ns = FIRST_WAIT_NS;

	if (count <= AT_ONCE)
		return 0;
	while (--count > AT_ONCE && wait_ns < max_ns)
		wait_ns *= 2;
	return wait_ns < max_ns ? wait_ns : max_ns;
}

uint64_t sp_vpnd_starts_note(struct sp_vpnd_starts *starts, uint64_t now_ns)
{
	uint64_t wait_ns, idle_wait_ns;

	if (!starts->started_ns || now_ns >= starts->started_ns + WELL_NS)
		starts->count = starts->idle = 0;
	else
		starts->count++;
	wait_ns = find_wait(starts->count, CARRIED_WAIT_MAX_NS);
	idle_wait_ns = find_wait(starts->idle, WAIT_MAX_NS);
	if (wait_ns < idle_wait_ns)
		wait_ns = idle_wait_ns;
	starts->idle++;
	starts->started_ns = now_ns + wait_ns;
	return wait_ns;
}

void sp_vpnd_starts_carry(struct sp_vpnd_starts *starts)
{
	starts->idle = 0;
}

void sp_vpnd_starts_forget(struct sp_vpnd_starts *starts)
{
	*starts = (struct sp_vpnd_starts){ 0 };
}
