/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sallyport-watchdog says in /run about the apply that it watches: that it does, and how the
 * targets do. sallyportd switches nothing before it has read that. */
#ifndef SALLYPORT_CONFIRM_WATCHED_H
#define SALLYPORT_CONFIRM_WATCHED_H

#include "confirm/window.h"

struct sp_watched {
	uint64_t revision; /* 0: none */
	struct sp_window_target targets[SP_TARGETS_MAX];
	size_t target_count;
};

/* Write what is to be known of @window. Returns 0; -ENOMEM; -errno of the file. */
int sp_watched_write(const struct sp_paths *paths, const struct sp_window *window);
/* Returns 0, @ret_watched zeroed when there is no file; -EBADMSG; -errno of the file. */
int sp_watched_read(const struct sp_paths *paths, struct sp_watched *ret_watched);
/* Nothing is watched. Returns 0, also if there is no file; -errno. */
int sp_watched_end(const struct sp_paths *paths);

#endif
