/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gateway's WireGuard key: made once, kept for good. */
#include "daemon/engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "daemon/base/warnings.h"
#include "daemon/people/people.h"
#include "io/files/files.h"
#include "io/files/paths.h"
#include "io/log/log.h"
#include "io/loop/clock.h"

static int read_key(const char *path, struct sp_wg_key *ret_key)
{
	char *text = NULL;
	size_t len;
	int r = sp_file_read(path, 64, &text, &len);

	if (r == 0) {
		while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
			text[--len] = '\0';
		r = sp_wg_key_from_base64(text, ret_key) < 0 ? -EUCLEAN : 0;
		sp_wipe(text, len);
	} else if (r == -EFBIG || r == -EINVAL) {
		r = -EUCLEAN;
	}
	free(text);
	return r;
}

static int write_key(const char *path, const struct sp_wg_key *key)
{
	char text[SP_WG_KEY_BASE64 + 1];
	int r;

	sp_wg_key_to_base64(key, text);
	strcat(text, "\n");
	r = sp_file_replace(path, text, strlen(text), 0600, SP_UID_KEEP, SP_GID_KEEP);
	sp_wipe(text, sizeof(text));
	return r;
}

/* Every client knows this key, so a new one is made only if there never was one. A damaged file is
 * moved aside, and the key is taken from the peers file, which repeats it. */
int sp_engine_find_key(struct sp_engine *engine, const char *path, const struct sp_peers *peers)
{
	__sp_free char *moved = NULL;
	int r = read_key(path, &engine->private_key);

	if (r == -EUCLEAN) {
		sp_file_move_aside(path, sp_clock_realtime_s(), &moved);
		sp_log_error("%s holds no key: moved to %s", path, moved ? moved : "nowhere");
	}
	if ((r == -EUCLEAN || r == -ENOENT) && peers && peers->has_private_key) {
		engine->private_key = peers->private_key;
		sp_log_note("took the tunnel key from %s", engine->paths->peers_file);
		r = write_key(path, &engine->private_key);
	} else if (r == -ENOENT && engine->people->device_count == 0) {
		r = sp_wg_keypair_make(&engine->private_key, &engine->public_key);
		if (r == 0)
			r = write_key(path, &engine->private_key);
		if (r == 0)
			sp_log_note("made the tunnel key %s", path);
	}
	if (r < 0) {
		sp_warnings_raise(engine->warnings, "key-unreadable",
				  "the tunnel key %s cannot be read: %s; put it back, or move "
				  "every device to a new one (remove the devices first)",
				  path, r == -EUCLEAN ? "it held no key" : sp_err_text(r));
		return 0; /* everything but the tunnel works */
	}
	engine->has_key = true;
	return sp_wg_public_of(&engine->private_key, &engine->public_key);
}
