/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The maps of bpf/maps.h over plain memory, behind bpf/lib/state.h. Not for threads. */
#ifndef SALLYPORT_TEST_USER_STATE_H
#define SALLYPORT_TEST_USER_STATE_H

#include <stdint.h>

/* A set of maps: the tables of one revision, or everything else. */
struct user_maps;

struct user_maps *user_maps_new(void); /* aborts without memory, as everything here */
void user_maps_free(struct user_maps *maps);

/* From now on the programs see these. */
void user_state_use(struct user_maps *tables, struct user_maps *state);
/* What was removed or replaced before is gone for good: no packet looks at it any more. */
void user_state_bury(void);
/* Room for @entries in the map @name, which nothing was put into yet. */
void user_state_size(const char *name, uint32_t entries);

#endif
