/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One compiled object: open it, set its constants, give it maps, load it. The text that libbpf
 * would print is kept as the text of an error. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bpf/btf.h>

#include "base/array.h"
#include "plane/ebpf/plane.h"

const char *const sp_ebpf_table_name[SP_EBPF_TABLE_COUNT] = {
	[SP_EBPF_SRC] = "sp_src",     [SP_EBPF_DST] = "sp_dst",   [SP_EBPF_FWD] = "sp_fwd",
	[SP_EBPF_SVC] = "sp_svc",     [SP_EBPF_PAIR] = "sp_pair", [SP_EBPF_VERDICT] = "sp_verdict",
	[SP_EBPF_LIMIT] = "sp_limit",
};

int sp_ebpf_fail(struct sp_plane_error *error, int r, const char *format, ...)
{
	va_list args;

	if (!error)
		return r;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return r;
}

/* ---- what libbpf says ---- */

static __thread char last_words[256];

/* The last line of libbpf's output that explains the failure. The verifier's statistics explain
 * nothing. */
static int remember(enum libbpf_print_level level, const char *format, va_list args)
{
	__sp_free char *text = NULL; /* a verifier's log makes the text long */
	char *line, *save = NULL;

	if (level != LIBBPF_WARN || vasprintf(&text, format, args) < 0)
		return 0;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "processed ", 10) == 0 || strstr(line, "END PROG LOAD LOG") ||
		    strstr(line, "failed to load"))
			continue;
		snprintf(last_words, sizeof(last_words), "%s", line);
	}
	return 0;
}

static void install_print(void)
{
	libbpf_set_print(remember);
}

/* ---- objects ---- */

int sp_ebpf_object_open(const void *bytes, size_t len, const char *name,
			struct bpf_object **ret_object, struct sp_plane_error *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = name);
	struct bpf_object *object;

	pthread_once(&once, install_print);
	object = bpf_object__open_mem(bytes, len, &options);
	if (!object)
		return sp_ebpf_fail(error, sp_errno(), "%s: cannot be opened: %s", name,
				    last_words);
	*ret_object = object;
	return 0;
}

int sp_ebpf_object_set(struct bpf_object *object, const char *name, const void *value, size_t size)
{
	const struct btf *btf = bpf_object__btf(object);
	struct bpf_map *rodata = bpf_object__find_map_by_name(object, ".rodata");
	int section = btf ? btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC) : -ENOENT;
	const struct btf_var_secinfo *info;
	const struct btf_type *type;
	size_t room;
	char *base;

	if (section < 0 || !rodata)
		return -ENOENT;
	base = bpf_map__initial_value(rodata, &room);
	type = btf__type_by_id(btf, section);
	info = btf_var_secinfos(type);
	for (unsigned i = 0; i < btf_vlen(type); i++, info++) {
		const struct btf_type *variable = btf__type_by_id(btf, info->type);

		if (strcmp(btf__name_by_offset(btf, variable->name_off), name) != 0)
			continue;
		if (info->size != size || info->offset + size > room)
			return -EMSGSIZE;
		memcpy(base + info->offset, value, size);
		return 0;
	}
	return -ENOENT;
}

int sp_ebpf_table_of(const char *map_name)
{
	for (int table = 0; table < SP_EBPF_TABLE_COUNT; table++)
		if (strcmp(map_name, sp_ebpf_table_name[table]) == 0)
			return table;
	return -1;
}

bool sp_ebpf_map_is_private(const struct bpf_map *map)
{
	return bpf_map__is_internal(map) || strcmp(bpf_map__name(map), "sp_scratch") == 0;
}

int sp_ebpf_object_reuse(struct bpf_object *object, const struct sp_ebpf *plane,
			 const struct sp_ebpf_staged *staged, struct sp_plane_error *error)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		const char *name = bpf_map__name(map);
		int table = sp_ebpf_table_of(name);
		const struct sp_ebpf_map *state = sp_ebpf_map_find(plane, name);
		int fd = -1, r;

		if (sp_ebpf_map_is_private(map))
			continue;
		/* This program belongs to no revision: it reads none of these settings. */
		if (table >= 0 && !staged) {
			bpf_map__set_autocreate(map, false);
			continue;
		}
		if (table >= 0)
			fd = staged->table[table];
		else if (state)
			fd = state->fd;
		if (fd < 0)
			return sp_ebpf_fail(error, -ENOENT, "map %s: the plane has none", name);
		r = bpf_map__reuse_fd(map, fd);
		if (r < 0)
			return sp_ebpf_fail(error, r, "map %s: %s", name, sp_err_text(r));
	}
	return 0;
}

int sp_ebpf_object_load(struct bpf_object *object, const char *name, struct sp_plane_error *error)
{
	int r;

	last_words[0] = '\0';
	r = bpf_object__load(object);
	if (r < 0)
		return sp_ebpf_fail(error, r, "%s: the kernel refuses it: %s (%s)", name,
				    sp_err_text(r), last_words);
	return 0;
}
