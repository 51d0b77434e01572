/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a plane does when it opens: adopt the running revision, and complete or undo a switch that
 * was killed. */
#include <inttypes.h>
#include <string.h>

#include "base/array.h"
#include "plane/ebpf/entries.h"

static int open_revision_program(const char *pin_dir, uint64_t revision, enum sp_hook hook)
{
	int programs[SP_HOOK_PROGRAM_COUNT], fd;

	if (sp_ebpf_revision_open(pin_dir, revision, programs) < 0)
		return -1;
	fd = SP_TAKE_FD(programs[hook]);
	for (int h = 1; h < SP_HOOK_PROGRAM_COUNT; h++)
		sp_closep(&programs[h]);
	return fd;
}

/* The rows of the limits that @program was loaded with. Returns a descriptor; -1: it has none, or
 * nobody may open a map by its number. */
static int open_limits(int program, uint32_t *ret_count)
{
	__u32 ids[2 * SP_EBPF_MAPS_MAX], len = sizeof(struct bpf_prog_info);
	struct bpf_prog_info of = { .nr_map_ids = SP_ARRAY_LEN(ids), .map_ids = (uintptr_t)ids };

	if (bpf_prog_get_info_by_fd(program, &of, &len) < 0)
		return -1;
	for (__u32 i = 0; i < of.nr_map_ids && i < SP_ARRAY_LEN(ids); i++) {
		__sp_close int fd = bpf_map_get_fd_by_id(ids[i]);
		struct bpf_map_info map = { 0 };

		len = sizeof(map);
		if (fd < 0 || bpf_map_get_info_by_fd(fd, &map, &len) < 0 ||
		    strcmp(map.name, "sp_limit") != 0 ||
		    map.value_size != sizeof(struct sp_limit_terms))
			continue;
		*ret_count = map.max_entries;
		return SP_TAKE_FD(fd);
	}
	return -1;
}

/* Whose the buckets are, a former daemon knew, and the programs' own rows say. Where nobody may read
 * those, the next switch fills the buckets. */
static void adopt_limits(struct sp_ebpf_staged *staged)
{
	uint32_t count = 0;
	__sp_close int fd = open_limits(staged->program[SP_HOOK_VPN_IN], &count);

	staged->limit = fd < 0 ? NULL : calloc(count, sizeof(*staged->limit));
	for (uint32_t i = 0; staged->limit && i < count; i++) {
		struct sp_limit_terms *terms = &staged->limit[staged->limit_count];

		if (bpf_map_lookup_elem(fd, &i, terms) < 0 || !terms->id)
			continue;
		staged->limit_count++;
		if (terms->key == SP_LIMIT_BY_SESSION && terms->rate &&
		    terms->slot < SP_LIMIT_SESSION_SLOTS)
			staged->slots.id[terms->slot] = terms->id;
	}
}

/* *@ret_staged is the caller's. */
static int adopt(struct sp_ebpf *plane, uint64_t revision, const char *link,
		 struct sp_ebpf_staged **ret_staged, struct sp_plane_error *error)
{
	struct sp_ebpf_staged *staged = sp_ebpf_staged_alloc(plane, revision);
	int r;

	if (!staged)
		return -ENOMEM;
	staged->is_adopted = true;
	r = sp_ebpf_revision_open(plane->pin_dir, revision, staged->program);
	for (int hook = 1; r == 0 && hook < SP_HOOK_PROGRAM_COUNT; hook++) {
		staged->program_id[hook] = sp_ebpf_program_id(staged->program[hook]);
		if (staged->program_id[hook] == 0)
			r = -EUCLEAN;
	}
	if (r < 0) {
		sp_ebpf_staged_close(staged);
		return sp_ebpf_fail(error, -EUCLEAN,
				    "%s/%s names revision %" PRIu64 ", whose programs are not all "
				    "there; " SP_EBPF_UNLOAD,
				    plane->pin_dir, link, revision);
	}
	adopt_limits(staged);
	*ret_staged = staged;
	return 0;
}

/* The kept revision stays, unless it runs: a keep without a switch, or one that has returned. One
 * whose programs are not all there cannot return, and is let go. */
static void adopt_kept(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	const uint64_t kept = sp_ebpf_kept_read(plane->pin_dir);

	if (!kept)
		return;
	if (plane->running && kept != plane->running->revision &&
	    adopt(plane, kept, "kept", &plane->kept, error) == 0)
		return;
	sp_ebpf_kept_write(plane->pin_dir, 0);
}

/* Whether its pins stay. */
static bool is_in_use(const struct sp_ebpf *plane, uint64_t revision)
{
	return (plane->running && revision == plane->running->revision) ||
	       (plane->kept && revision == plane->kept->revision);
}

/* Settle one hook against the running revision (0: there is none). */
static int settle_hook(struct sp_ebpf *plane, struct sp_ebpf_hook *hook,
		       struct sp_plane_error *error)
{
	const struct sp_ebpf_staged *running = plane->running;
	enum sp_hook place = hook->pin.hook;
	struct sp_ebpf_pin pin = hook->pin;
	uint64_t revision;

	if (running && hook->prog_id == running->program_id[place]) {
		pin.is_new = false; /* completed */
		return sp_ebpf_hook_rename(plane->pin_dir, hook, &pin);
	}
	/* This hook was attached by a switch that never committed. */
	if (!running || hook->pin.is_new)
		return sp_ebpf_hook_remove(plane->pin_dir, hook);
	if (hook->prog_id == 0)
		/* The device is gone. Status shows it, and the next switch removes the hook. */
		return 0;
	revision = sp_ebpf_revision_of(plane->pin_dir, place, hook->prog_id);
	if (revision > running->revision) { /* switched, never committed */
		__sp_close int program = open_revision_program(plane->pin_dir, revision, place);

		return sp_ebpf_hook_replace(plane->pin_dir, hook, program, running->program[place],
					    error);
	}
	/* The hook is of the revision before, and its interface is no longer listed. */
	if (revision)
		return sp_ebpf_hook_remove(plane->pin_dir, hook);
	/* The program belongs to somebody else. Status shows it, and the next switch refuses. */
	return 0;
}

/* Remove the pins of every revision but the running and the kept one. Returns 0; -errno the folder of pins
 * cannot be read. */
static int unpin_others(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	__sp_free uint64_t *revisions = NULL;
	size_t count = 0;
	int r = sp_ebpf_revision_list(plane->pin_dir, &revisions, &count);

	if (r < 0)
		return sp_ebpf_fail(error, r, "%s: %s", plane->pin_dir, sp_err_text(r));
	for (size_t i = 0; i < count; i++)
		if (!is_in_use(plane, revisions[i]))
			sp_ebpf_revision_unpin(plane->pin_dir, revisions[i]);
	return 0;
}

int sp_ebpf_settle(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	__sp_entries struct sp_ebpf_entries entries = { 0 };
	uint64_t revision = sp_ebpf_running_read(plane->pin_dir);
	int r = 0;

	if (revision)
		r = adopt(plane, revision, "running", &plane->running, error);
	if (r == 0 && plane->running)
		sp_ebpf_limits_adopted(plane, &plane->running->slots, plane->running->limit,
				       plane->running->limit_count);
	if (r == 0)
		r = sp_ebpf_entries_read(plane, &entries, error);
	if (r < 0)
		return r;
	adopt_kept(plane, error);
	for (size_t i = 0; i < entries.count; i++) {
		struct sp_ebpf_hook *hook = &entries.items[i].hook;

		sp_ebpf_begin(error);
		r = settle_hook(plane, hook, error);
		if (r < 0)
			return error && error->text[0]
				       ? r
				       : sp_ebpf_fail(error, r,
						      "putting %s of %s right after a crash: %s",
						      sp_hook_name(hook->pin.hook),
						      hook->pin.interface, sp_err_text(r));
	}
	return unpin_others(plane, error);
}
