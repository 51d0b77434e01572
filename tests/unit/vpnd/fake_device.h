/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process around an engine, as far as the userspace API sees it: a lock that must be taken and
 * given back in turn, and is not held when anything else is asked. */
#ifndef SALLYPORT_TESTS_VPND_FAKE_DEVICE_H
#define SALLYPORT_TESTS_VPND_FAKE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "vpnd/api/api.h"

struct fake_device {
	struct sp_api_device api;
	struct sp_wg_time now;
	uint64_t random;
	bool is_locked;
	size_t locked, changed; /* how often */
	uint16_t listen_port;
	uint32_t fwmark;
	int port_error; /* what setting a port says */
	size_t removed;
	uint8_t last_removed[SP_WG_KEY_LEN];
};

/* With an engine of its own, or around @engine. */
void fake_start(struct fake_device *fake, struct sp_wg_engine *engine);
void fake_done(struct fake_device *fake); /* frees the engine */

/* The whole answer to @request, to be freed with free(). */
char *fake_answer(struct fake_device *fake, const char *request);
/* The answer must be @expected. */
void fake_expect(struct fake_device *fake, const char *request, const char *expected);
/* set=1 with these lines must be answered 0. */
void fake_set(struct fake_device *fake, const char *lines);
/* get=1 must be answered with these lines and 0. */
void fake_expect_state(struct fake_device *fake, const char *lines);

struct sp_wg_engine_peer *fake_peer(struct fake_device *fake, const char *hex);

#endif
