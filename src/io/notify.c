/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/notify.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <time.h>

static int tell(const char *state)
{
	int r = sd_notify(false, state);

	return r < 0 ? r : 0;
}

int sp_notify_ready(const char *status)
{
	int r = sd_notifyf(false, "READY=1\nSTATUS=%s", status);

	return r < 0 ? r : 0;
}

int sp_notify_status(const char *status)
{
	int r = sd_notifyf(false, "STATUS=%s", status);

	return r < 0 ? r : 0;
}

/* The monotonic time is what Type=notify-reload asks for. */
int sp_notify_reloading(void)
{
	struct timespec now = { 0 };
	int r;

	clock_gettime(CLOCK_MONOTONIC, &now);
	r = sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
	               (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	return r < 0 ? r : 0;
}

int sp_notify_stopping(void)
{
	return tell("STOPPING=1");
}

int sp_notify_watchdog(void)
{
	return tell("WATCHDOG=1");
}

uint64_t sp_notify_watchdog_interval_ns(void)
{
	uint64_t usec = 0;

	return sd_watchdog_enabled(false, &usec) > 0 ? usec * 1000 / 2 : 0;
}
