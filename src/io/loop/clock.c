/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/loop/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "io/files/files.h"

static int64_t read_clock(clockid_t id)
{
	struct timespec now = { 0 };

	clock_gettime(id, &now); /* fails only for a clock that does not exist */
	return (int64_t)now.tv_sec * SP_NS_PER_S + now.tv_nsec;
}

uint64_t sp_clock_boottime_ns(void)
{
	return (uint64_t)read_clock(CLOCK_BOOTTIME);
}

int64_t sp_clock_realtime_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t sp_clock_realtime_s(void)
{
	return read_clock(CLOCK_REALTIME) / SP_NS_PER_S;
}

/* Take the reading with the least time between its two ends, of several: it is the most exact. */
int64_t sp_clock_offset_ns(void)
{
	int64_t best_gap = INT64_MAX, offset = 0;

	for (int i = 0; i < 4; i++) {
		int64_t before = read_clock(CLOCK_BOOTTIME);
		int64_t realtime = read_clock(CLOCK_REALTIME);
		int64_t after = read_clock(CLOCK_BOOTTIME);

		if (after - before < best_gap) {
			best_gap = after - before;
			offset = realtime - (before + best_gap / 2);
		}
	}
	return offset;
}

struct sp_facts sp_clock_facts(void)
{
	const int64_t now_s = sp_clock_realtime_s();

	/* the boot time of the whole second: what is so many seconds later is exact in both */
	return (struct sp_facts){
		.now_s = now_s,
		.now_boot_ns =
			sp_clock_utc_to_boottime_ns(now_s * SP_NS_PER_S, sp_clock_offset_ns()),
	};
}

uint64_t sp_clock_utc_to_boottime_ns(int64_t utc_ns, int64_t offset_ns)
{
	int64_t boottime_ns;

	if (utc_ns == 0)
		return 0;
	if (__builtin_sub_overflow(utc_ns, offset_ns, &boottime_ns))
		return utc_ns > 0 ? INT64_MAX : 1;
	return boottime_ns > 0 ? (uint64_t)boottime_ns : 1;
}

int64_t sp_clock_boottime_to_utc_ns(uint64_t boottime_ns, int64_t offset_ns)
{
	return (int64_t)(boottime_ns + (uint64_t)offset_ns);
}

int sp_clock_boot_id(char ret_id[SP_BOOT_ID_MAX])
{
	__sp_free char *text = NULL;
	size_t len;
	int r = sp_file_read("/proc/sys/kernel/random/boot_id", 128, &text, &len);

	if (r < 0)
		return r;
	if (len != SP_BOOT_ID_MAX || text[len - 1] != '\n' ||
	    strspn(text, "0123456789abcdef-") != len - 1)
		return -EBADMSG;
	memcpy(ret_id, text, len - 1);
	ret_id[len - 1] = '\0';
	return 0;
}

/* Arm a timer far in the future. The kernel cancels it when the clock is set
 * (timerfd_create(2)). */
static int arm(int fd)
{
	const struct itimerspec far_away = { .it_value.tv_sec = 253402300799 /* year 9999 */ };

	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far_away, NULL) < 0
		       ? sp_errno()
		       : 0;
}

int sp_clock_watch(int *ret_fd)
{
	__sp_close int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	int r;

	if (fd < 0)
		return sp_errno();
	r = arm(fd);
	if (r < 0)
		return r;
	*ret_fd = SP_TAKE_FD(fd);
	return 0;
}

int sp_clock_step_ack(int fd)
{
	uint64_t expirations;

	if (read(fd, &expirations, sizeof(expirations)) < 0 && errno != ECANCELED &&
	    errno != EAGAIN)
		return sp_errno();
	return arm(fd);
}
