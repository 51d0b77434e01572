/* SPDX-License-Identifier: GPL-3.0-or-later */
/* People without a kernel and without rights: a database in a folder of its own, a plane that is memory, and nobody
 * whom they tell. One daemon may end and the next begin on the same two. */
#ifndef SALLYPORT_TESTS_FAKE_PEOPLE_H
#define SALLYPORT_TESTS_FAKE_PEOPLE_H

#include "config/machine.h"
#include "daemon/daemon.h"
#include "fake_plane.h"
#include "folder.h"

struct fake_people {
	char dir[TEST_FOLDER_SIZE], path[96];
	struct sp_machine machine;
	struct fake_plane *fake;
	struct sp_daemon *daemon;
	const char *record;   /* why the session ended that went on record last; NULL: none did */
	int64_t handshake_ns; /* what the engine knows of every device; 0: nothing */
	bool is_engine_away;
};

/* A daemon that has not loaded its people yet. */
void fake_people_begin(struct fake_people *fixture);
/* It ends; the database and the plane stay. */
void fake_people_end(struct fake_people *fixture);
/* As cmocka asks: *@state is a struct fake_people with a daemon that has begun. */
int fake_people_setup(void **state);
int fake_people_teardown(void **state);

#endif
