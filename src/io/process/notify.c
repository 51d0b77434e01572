/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Notices to systemd. libsystemd and its dependencies are loaded only if systemd listens. */
#include "io/process/notify.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

static struct systemd {
	bool is_tried;
	__typeof__(sd_notify) *notify;
	__typeof__(sd_pid_notify_with_fds) *notify_with_fds;
	__typeof__(sd_listen_fds_with_names) *listen_fds_with_names;
	__typeof__(sd_watchdog_enabled) *watchdog_enabled;
} systemd;

static bool find(void *library, const char *name, void *ret_function)
{
	void *symbol = dlsym(library, name);

	memcpy(ret_function, &symbol, sizeof(symbol));
	return symbol != NULL;
}

static bool has_manager(void)
{
	return getenv("NOTIFY_SOCKET") || getenv("LISTEN_FDS") || getenv("WATCHDOG_USEC");
}

/* Load libsystemd. NULL: no service manager started this process, or the library is not
 * installed. */
static const struct systemd *load(void)
{
	void *library;

	if (!systemd.is_tried && has_manager()) {
		systemd.is_tried = true;
		library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
		if (library &&
		    (!find(library, "sd_notify", &systemd.notify) ||
		     !find(library, "sd_pid_notify_with_fds", &systemd.notify_with_fds) ||
		     !find(library, "sd_listen_fds_with_names", &systemd.listen_fds_with_names) ||
		     !find(library, "sd_watchdog_enabled", &systemd.watchdog_enabled)))
			systemd.notify = NULL;
	}
	return systemd.notify ? &systemd : NULL;
}

static int tell(const char *state)
{
	const struct systemd *to = load();
	int r = to ? to->notify(false, state) : 0;

	return r < 0 ? r : 0;
}

static int tell_status(const char *before, const char *status)
{
	char state[512];

	snprintf(state, sizeof(state), "%sSTATUS=%s", before, status);
	return tell(state);
}

int sp_notify_ready(const char *status)
{
	return tell_status("READY=1\n", status);
}

int sp_notify_status(const char *status)
{
	return tell_status("", status);
}

/* Type=notify-reload asks for the monotonic time. */
int sp_notify_reloading(void)
{
	struct timespec now = { 0 };
	char state[64];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		 (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	return tell(state);
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
	const struct systemd *to = load();
	uint64_t usec = 0;

	return to && to->watchdog_enabled(false, &usec) > 0 ? usec * 1000 / 2 : 0;
}

/* ---- descriptors ---- */

static struct {
	bool is_read;
	char **names; /* NULL: taken */
	int count;
} kept;

static void read_kept(void)
{
	const struct systemd *from = load();

	if (kept.is_read || !from)
		return;
	kept.is_read = true;
	kept.count = from->listen_fds_with_names(true, &kept.names);
	if (kept.count < 0)
		kept.count = 0;
	for (int i = 0; i < kept.count; i++)
		(void)fcntl(SD_LISTEN_FDS_START + i, F_SETFD, FD_CLOEXEC);
}

int sp_notify_take_kept(const char *name)
{
	read_kept();
	for (int i = 0; i < kept.count; i++) {
		if (kept.names[i] && strcmp(kept.names[i], name) == 0) {
			free(kept.names[i]);
			kept.names[i] = NULL;
			return SD_LISTEN_FDS_START + i;
		}
	}
	return -ENOENT;
}

void sp_notify_close_kept(void)
{
	read_kept();
	for (int i = 0; i < kept.count; i++) {
		if (kept.names[i])
			close(SD_LISTEN_FDS_START + i);
		free(kept.names[i]);
	}
	free(kept.names);
	kept.names = NULL;
	kept.count = 0;
}

int sp_notify_keep(const char *name, int fd)
{
	const struct systemd *to = load();
	char state[128];
	int r;

	if (!to)
		return 0;
	snprintf(state, sizeof(state), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	(void)to->notify(false, state);
	snprintf(state, sizeof(state), "FDSTORE=1\nFDNAME=%s", name);
	r = to->notify_with_fds(0, false, state, &fd, 1);
	return r < 0 ? r : 0;
}
