/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The silent targets in /run: one a line, "ADDRESS PORT NANOSECONDS". A sallyportd that starts would
 * else send people to a target that was silent before, until it is found silent again. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "daemon/health/targets.h"
#include "io/files/files.h"
#include "io/files/paths.h"
#include "io/log/log.h"
#include "net/addr.h"

#define FILE_MAX ((size_t)64 * 1024)

static int make_path(const struct sp_targets *targets, char **ret_path)
{
	return sp_str_format(ret_path, "%s/targets-down", targets->paths->run_dir);
}

void sp_targets_keep(const struct sp_targets *targets)
{
	__sp_buf struct sp_buf text = SP_BUF_INIT;
	__sp_free char *path = NULL;
	char addr[SP_ADDR_TEXT_MAX];
	int r = make_path(targets, &path);

	for (size_t i = 0; i < targets->count; i++) {
		const struct sp_target_seen *seen = targets->items[i];

		if (seen->is_silent)
			sp_buf_printf(&text, "%s %u %" PRId64 "\n",
				      sp_addr_format(&seen->addr, addr), seen->port,
				      seen->since_ns);
	}
	if (r == 0)
		r = text.error;
	if (r == 0)
		r = sp_file_replace(path, sp_buf_get(&text), strlen(sp_buf_get(&text)), 0600,
				    SP_UID_KEEP, SP_GID_KEEP);
	if (r < 0)
		sp_log_error("keeping which targets do not answer: %s", sp_err_text(r));
}

void sp_targets_read_kept(struct sp_targets *targets,
			  void (*each)(struct sp_targets *targets, const struct sp_addr *addr,
				       uint16_t port, int64_t since_ns))
{
	__sp_free char *path = NULL, *text = NULL;
	char *rest, *line;
	size_t len;

	if (make_path(targets, &path) < 0 || sp_file_read(path, FILE_MAX, &text, &len) < 0)
		return;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		char word[SP_ADDR_TEXT_MAX];
		struct sp_addr addr;
		unsigned int port;
		int64_t since_ns;

		if (sscanf(line, "%45s %u %" SCNd64, word, &port, &since_ns) == 3 &&
		    sp_addr_parse(word, &addr) == 0 && port >= 1 && port <= UINT16_MAX)
			each(targets, &addr, (uint16_t)port, since_ns);
	}
}
