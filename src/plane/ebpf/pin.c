/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plane/ebpf/pin.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/array.h"

#define BPF_FS_MAGIC_NUMBER 0xcafe4a11
#define RUNNING "running"
#define KEPT "kept"
#define REVISION_PREFIX "revision-"

static void dir_closep(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* ---- the folder ---- */

static bool is_on_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (uint32_t)fs.f_type == BPF_FS_MAGIC_NUMBER;
}

/* Make folders inside the bpffs only: a folder made beside the mount would hide that it is
 * missing. */
static int make_folder(const char *path)
{
	char parent[SP_EBPF_PIN_PATH_MAX];
	char *slash;
	int r;

	if (is_on_bpffs(path))
		return 0;
	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return -ENOTSUP;
	*slash = '\0';
	if (!is_on_bpffs(parent)) {
		struct stat st;

		if (stat(parent, &st) == 0)
			return -ENOTSUP;
		r = make_folder(parent);
		if (r < 0)
			return r;
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return sp_errno();
	return 0;
}

int sp_ebpf_pin_dir_make(const char *pin_dir, struct sp_plane_error *error)
{
	int r;

	/* The longest text appended to pin_dir: a revision's folder and a hook's name. */
	if (strlen(pin_dir) > SP_EBPF_PIN_PATH_MAX - 2 * SP_EBPF_PIN_NAME_MAX)
		return sp_ebpf_fail(error, -ENAMETOOLONG, "%.64s…: too long for a folder of pins",
				    pin_dir);
	r = make_folder(pin_dir);
	if (r == -ENOTSUP)
		return sp_ebpf_fail(error, r,
				    "%s is on no bpffs; mount one: mount -t bpf bpf /sys/fs/bpf",
				    pin_dir);
	if (r < 0)
		return sp_ebpf_fail(error, r, "%s: %s", pin_dir, sp_err_text(r));
	return 0;
}

/* A folder of pins holds pins, links to folders and, once, folders of pins. */
int sp_ebpf_pin_dir_remove(const char *pin_dir, struct sp_plane_error *error)
{
	__sp_cleanup(dir_closep) DIR *dir = opendir(pin_dir);
	char path[SP_EBPF_PIN_PATH_MAX];
	struct dirent *entry;
	int r = dir ? 0 : sp_errno();

	while (r == 0 && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(path, sizeof(path), "%s/%s", pin_dir, entry->d_name);
		if (unlink(path) == 0 || errno == ENOENT)
			continue;
		r = errno == EISDIR || errno == EPERM ? sp_ebpf_pin_dir_remove(path, error)
						      : sp_errno();
	}
	if (r == 0 && rmdir(pin_dir) < 0 && errno != ENOENT)
		r = sp_errno();
	if (r == 0 || (error && error->text[0]))
		return r;
	return sp_ebpf_fail(error, r, "removing %s: %s", pin_dir, sp_err_text(r));
}

/* ---- names of hooks' pins ---- */

/* A dot is not allowed in a bpffs; a percent sign is the escape. */
static void escape(const char *interface, char *to)
{
	for (; *interface; interface++) {
		if (*interface == '.' || *interface == '%')
			to += sprintf(to, "%%%02x", (unsigned char)*interface);
		else
			*to++ = *interface;
	}
	*to = '\0';
}

static int unescape(const char *text, char interface[IFNAMSIZ])
{
	size_t len = 0;
	unsigned value;

	for (; *text; text++) {
		if (len == IFNAMSIZ - 1)
			return -EINVAL;
		if (*text != '%') {
			interface[len++] = *text;
			continue;
		}
		if (sscanf(text + 1, "%2x", &value) != 1 || !text[1] || !text[2])
			return -EINVAL;
		interface[len++] = value;
		text += 2;
	}
	interface[len] = '\0';
	return len ? 0 : -EINVAL;
}

void sp_ebpf_pin_name(const struct sp_ebpf_pin *pin, char name[SP_EBPF_PIN_NAME_MAX])
{
	char escaped[3 * IFNAMSIZ];

	escape(pin->interface, escaped);
	snprintf(name, SP_EBPF_PIN_NAME_MAX, "%s-%s-%s", pin->is_new ? "new" : "link",
		 sp_hook_name(pin->hook), escaped);
}

/* Read a name that sp_ebpf_pin_name wrote. Returns 0; -EINVAL it is not the name of a hook's pin. */
static int parse_pin_name(const char *name, struct sp_ebpf_pin *ret_pin)
{
	struct sp_ebpf_pin pin = { 0 };
	const char *rest;

	if (strncmp(name, "link-", 5) == 0)
		rest = name + 5;
	else if (strncmp(name, "new-", 4) == 0)
		rest = name + 4;
	else
		return -EINVAL;
	pin.is_new = name[0] == 'n';
	for (unsigned hook = 1; hook < SP_HOOK_PROGRAM_COUNT; hook++) {
		const char *hook_name = sp_hook_name(hook);
		size_t len = strlen(hook_name);

		if (strncmp(rest, hook_name, len) != 0 || rest[len] != '-')
			continue;
		if (unescape(rest + len + 1, pin.interface) < 0)
			return -EINVAL;
		pin.hook = hook;
		*ret_pin = pin;
		return 0;
	}
	return -EINVAL;
}

void sp_ebpf_pin_path(const char *pin_dir, const struct sp_ebpf_pin *pin,
		      char path[SP_EBPF_PIN_PATH_MAX])
{
	char name[SP_EBPF_PIN_NAME_MAX];

	sp_ebpf_pin_name(pin, name);
	snprintf(path, SP_EBPF_PIN_PATH_MAX, "%s/%s", pin_dir, name);
}

int sp_ebpf_pin_list(const char *pin_dir, struct sp_ebpf_pin **ret_pins, size_t *ret_count)
{
	__sp_cleanup(dir_closep) DIR *dir = opendir(pin_dir);
	__sp_free struct sp_ebpf_pin *pins = NULL;
	struct dirent *entry;
	size_t count = 0;

	if (!dir)
		return sp_errno();
	while ((entry = readdir(dir))) {
		struct sp_ebpf_pin pin, *to;

		if (parse_pin_name(entry->d_name, &pin) < 0)
			continue;
		to = SP_ARRAY_PUSH(pins, count);
		if (!to)
			return -ENOMEM;
		*to = pin;
	}
	*ret_pins = SP_TAKE_PTR(pins);
	*ret_count = count;
	return 0;
}

/* ---- revisions ---- */

static void revision_path(const char *pin_dir, uint64_t revision, const char *name,
			  char path[SP_EBPF_PIN_PATH_MAX])
{
	snprintf(path, SP_EBPF_PIN_PATH_MAX, "%s/" REVISION_PREFIX "%" PRIu64 "%s%s", pin_dir,
		 revision, name ? "/" : "", name ? name : "");
}

int sp_ebpf_revision_pin(const struct sp_ebpf_staged *staged, struct sp_plane_error *error)
{
	const char *pin_dir = staged->plane->pin_dir;
	char path[SP_EBPF_PIN_PATH_MAX];

	revision_path(pin_dir, staged->revision, NULL, path);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return sp_ebpf_fail(error, sp_errno(), "%s: %s", path, sp_err_text(sp_errno()));
	for (unsigned hook = 1; hook < SP_HOOK_PROGRAM_COUNT; hook++) {
		revision_path(pin_dir, staged->revision, sp_hook_name(hook), path);
		unlink(path);
		if (bpf_obj_pin(staged->program[hook], path) < 0)
			return sp_ebpf_fail(error, sp_errno(), "%s: %s", path,
					    sp_err_text(sp_errno()));
	}
	return 0;
}

void sp_ebpf_revision_unpin(const char *pin_dir, uint64_t revision)
{
	char path[SP_EBPF_PIN_PATH_MAX];

	for (unsigned hook = 1; hook < SP_HOOK_PROGRAM_COUNT; hook++) {
		revision_path(pin_dir, revision, sp_hook_name(hook), path);
		unlink(path);
	}
	revision_path(pin_dir, revision, NULL, path);
	rmdir(path);
}

int sp_ebpf_revision_open(const char *pin_dir, uint64_t revision,
			  int ret_programs[SP_HOOK_PROGRAM_COUNT])
{
	char path[SP_EBPF_PIN_PATH_MAX];
	struct stat st;

	revision_path(pin_dir, revision, NULL, path);
	if (stat(path, &st) < 0)
		return sp_errno();
	ret_programs[SP_HOOK_NONE] = -1;
	for (unsigned hook = 1; hook < SP_HOOK_PROGRAM_COUNT; hook++) {
		revision_path(pin_dir, revision, sp_hook_name(hook), path);
		ret_programs[hook] = bpf_obj_get(path);
		if (ret_programs[hook] < 0)
			ret_programs[hook] = -1;
	}
	return 0;
}

/* 0: not the name of a revision. */
static uint64_t parse_revision(const char *name)
{
	uint64_t revision;
	int end = 0;

	if (sscanf(name, REVISION_PREFIX "%" SCNu64 "%n", &revision, &end) != 1 || name[end])
		return 0;
	return revision;
}

int sp_ebpf_revision_list(const char *pin_dir, uint64_t **ret_revisions, size_t *ret_count)
{
	__sp_cleanup(dir_closep) DIR *dir = opendir(pin_dir);
	__sp_free uint64_t *revisions = NULL;
	struct dirent *entry;
	size_t count = 0;

	if (!dir)
		return sp_errno();
	while ((entry = readdir(dir))) {
		uint64_t revision = parse_revision(entry->d_name), *to;

		if (!revision)
			continue;
		to = SP_ARRAY_PUSH(revisions, count);
		if (!to)
			return -ENOMEM;
		*to = revision;
	}
	*ret_revisions = SP_TAKE_PTR(revisions);
	*ret_count = count;
	return 0;
}

/* The revision a program belongs to, among the pinned revisions. 0: it belongs to none of them. */
uint64_t sp_ebpf_revision_of(const char *pin_dir, enum sp_hook hook, uint32_t prog_id)
{
	__sp_free uint64_t *revisions = NULL;
	size_t count = 0;

	if (prog_id == 0 || sp_ebpf_revision_list(pin_dir, &revisions, &count) < 0)
		return 0;
	for (size_t i = 0; i < count; i++) {
		int programs[SP_HOOK_PROGRAM_COUNT];
		bool is_it;

		if (sp_ebpf_revision_open(pin_dir, revisions[i], programs) < 0)
			continue;
		is_it = sp_ebpf_program_id(programs[hook]) == prog_id;
		for (int h = 1; h < SP_HOOK_PROGRAM_COUNT; h++)
			sp_closep(&programs[h]);
		if (is_it)
			return revisions[i];
	}
	return 0;
}

/* ---- links to revisions ---- */

static uint64_t read_link(const char *pin_dir, const char *name)
{
	char path[SP_EBPF_PIN_PATH_MAX], target[64];
	ssize_t len;

	snprintf(path, sizeof(path), "%s/%s", pin_dir, name);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return 0;
	target[len] = '\0';
	return parse_revision(target);
}

/* In one step: the link is made as next_NAME and renamed. */
static int write_link(const char *pin_dir, const char *name, uint64_t revision)
{
	char path[SP_EBPF_PIN_PATH_MAX], next[SP_EBPF_PIN_PATH_MAX], target[64];

	snprintf(path, sizeof(path), "%s/%s", pin_dir, name);
	if (revision == 0)
		return unlink(path) < 0 && errno != ENOENT ? sp_errno() : 0;
	snprintf(next, sizeof(next), "%s/next_%s", pin_dir, name);
	snprintf(target, sizeof(target), REVISION_PREFIX "%" PRIu64, revision);
	unlink(next);
	if (symlink(target, next) < 0 || rename(next, path) < 0)
		return sp_errno();
	return 0;
}

uint64_t sp_ebpf_running_read(const char *pin_dir)
{
	return read_link(pin_dir, RUNNING);
}

int sp_ebpf_running_write(const char *pin_dir, uint64_t revision)
{
	return write_link(pin_dir, RUNNING, revision);
}

uint64_t sp_ebpf_kept_read(const char *pin_dir)
{
	return read_link(pin_dir, KEPT);
}

int sp_ebpf_kept_write(const char *pin_dir, uint64_t revision)
{
	return write_link(pin_dir, KEPT, revision);
}
