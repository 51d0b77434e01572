/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Errors are 0 or -errno everywhere. These two turn the C library's way into ours, and ours into
 * words.
 */
#ifndef SALLYPORT_BASE_ERR_H
#define SALLYPORT_BASE_ERR_H

#include <errno.h>
#include <string.h>

/* -errno after a call that failed; -EIO should errno not have been set, so that it is never taken
 * for success. */
static inline int sp_errno(void)
{
	return errno > 0 ? -errno : -EIO;
}

/* What -errno @r means, in English, valid for ever: "No such file or directory". */
static inline const char *sp_err_text(int r)
{
	const char *text = strerrordesc_np(r < 0 ? -r : r);

	return text ? text : "Unknown error";
}

#endif
