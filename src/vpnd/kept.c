/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/kept.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

static char **names;
static int count;
static bool is_read;

static void read_once(void)
{
	if (is_read)
		return;
	is_read = true;
	count = sd_listen_fds_with_names(true, &names);
	if (count < 0)
		count = 0;
	for (int i = 0; i < count; i++)
		(void)fcntl(SD_LISTEN_FDS_START + i, F_SETFD, FD_CLOEXEC);
}

int sp_vpnd_kept_take(const char *kind, size_t queue)
{
	char name[32];

	read_once();
	snprintf(name, sizeof(name), "%s-%zu", kind, queue);
	for (int i = 0; i < count; i++) {
		if (names[i] && strcmp(names[i], name) == 0) {
			free(names[i]);
			names[i] = NULL;
			return SD_LISTEN_FDS_START + i;
		}
	}
	return -1;
}

void sp_vpnd_kept_done(void)
{
	for (int i = 0; i < count; i++) {
		if (names[i])
			close(SD_LISTEN_FDS_START + i);
		free(names[i]);
	}
	free(names);
	names = NULL;
	count = 0;
}

static void keep(const char *kind, size_t queue, int fd)
{
	char state[64];

	snprintf(state, sizeof(state), "FDSTOREREMOVE=1\nFDNAME=%s-%zu", kind, queue);
	(void)sd_notify(false, state);
	snprintf(state, sizeof(state), "FDSTORE=1\nFDNAME=%s-%zu", kind, queue);
	(void)sd_pid_notify_with_fds(0, false, state, &fd, 1);
}

void sp_vpnd_keep_descriptors(struct sp_vpnd *vpnd)
{
	for (size_t i = 0; i < vpnd->queue_count; i++) {
		keep("tun", i, vpnd->tuns[i].fd);
		keep("udp", i, vpnd->sockets[i].fd);
	}
}
