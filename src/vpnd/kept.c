/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/kept.h"

#include <stdio.h>

#include "io/process/notify.h"

#define NAME_MAX_LEN 32

static void write_name(const char *kind, size_t queue, char name[NAME_MAX_LEN])
{
	snprintf(name, NAME_MAX_LEN, "%s-%zu", kind, queue);
}

int sp_vpnd_kept_take(const char *kind, size_t queue)
{
	char name[NAME_MAX_LEN];

	write_name(kind, queue, name);
	return sp_notify_take_kept(name);
}

void sp_vpnd_keep_descriptors(struct sp_vpnd *vpnd)
{
	char name[NAME_MAX_LEN];

	for (size_t i = 0; i < vpnd->queue_count; i++) {
		write_name("tun", i, name);
		(void)sp_notify_keep(name, vpnd->tuns[i].fd);
		write_name("udp", i, name);
		(void)sp_notify_keep(name, vpnd->sockets[i].fd);
	}
}
