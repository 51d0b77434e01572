/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/files/paths.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "io/files/files.h"

/* @root absolute and without a trailing slash; "/" becomes "". */
static int make_root(const char *root, char **ret_root)
{
	__sp_free char *absolute = NULL;
	int r;

	if (!root || !*root)
		root = secure_getenv("SALLYPORT_ROOT");
	if (!root || !*root)
		root = "/";
	if (*root == '/') {
		r = sp_str_format(&absolute, "%s", root);
	} else {
		__sp_free char *here = getcwd(NULL, 0);

		if (!here)
			return sp_errno();
		r = sp_str_format(&absolute, "%s/%s", here, root);
	}
	if (r < 0)
		return r;
	for (size_t len = strlen(absolute); len > 0 && absolute[len - 1] == '/'; len--)
		absolute[len - 1] = '\0';
	*ret_root = SP_TAKE_PTR(absolute);
	return 0;
}

int sp_paths_init(struct sp_paths *paths, const char *root)
{
	__sp_paths struct sp_paths made = { 0 };
	int r = make_root(root, &made.root);

	if (r < 0)
		return r;
#define X(field, below)                                                                            \
	r = sp_str_format(&made.field, "%s/" below, made.root);                                    \
	if (r < 0)                                                                                 \
		return r;
	SP_PATHS(X)
#undef X
	if (strlen(made.control_socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return -ENAMETOOLONG;
	*paths = made;
	made = (struct sp_paths){ 0 };
	return 0;
}

void sp_paths_done(struct sp_paths *paths)
{
	free(paths->root);
#define X(field, below) free(paths->field);
	SP_PATHS(X)
#undef X
	*paths = (struct sp_paths){ 0 };
}

bool sp_paths_is_rooted(const struct sp_paths *paths)
{
	return *paths->root != '\0';
}

int sp_paths_engine_socket(const struct sp_paths *paths, const char *iface, char **ret_path)
{
	__sp_free char *path = NULL;
	int r;

	if (!*iface || strlen(iface) >= IFNAMSIZ || strchr(iface, '/') || strcmp(iface, ".") == 0 ||
	    strcmp(iface, "..") == 0)
		return -EINVAL;
	r = sp_str_format(&path, "%s/%s.sock", paths->wireguard_dir, iface);
	if (r < 0)
		return r;
	if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return -ENAMETOOLONG;
	*ret_path = SP_TAKE_PTR(path);
	return 0;
}

int sp_paths_make_dirs(const struct sp_paths *paths, const char **ret_failed)
{
	const struct {
		const char *path;
		mode_t mode;
	} dirs[] = {
		{ paths->state_dir, 0751 }, /* the engine opens its peers file in it */
		{ paths->run_dir, 0755 },
		{ paths->audit_dir, 0750 },
	};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		int r = sp_dir_make(dirs[i].path, dirs[i].mode);

		if (r < 0) {
			if (ret_failed)
				*ret_failed = dirs[i].path;
			return r;
		}
	}
	return 0;
}

/* Returns 1 a bpffs, 0 another file system; -errno. */
static int is_bpffs(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return sp_errno();
	return (uint32_t)fs.f_type == BPF_FS_MAGIC;
}

int sp_paths_mount_bpffs(const struct sp_paths *paths, bool *ret_mounted)
{
	int r = is_bpffs(paths->bpffs_dir);

	if (ret_mounted)
		*ret_mounted = false;
	if (r == 1)
		return 0;
	if (!sp_paths_is_rooted(paths))
		return r < 0 ? r : -ENOTTY;
	if (r < 0 && r != -ENOENT)
		return r;
	r = sp_dir_make(paths->bpffs_dir, 0755);
	if (r < 0)
		return r;
	if (mount("bpf", paths->bpffs_dir, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME,
		  "mode=0700") < 0)
		return sp_errno();
	if (ret_mounted)
		*ret_mounted = true;
	return 0;
}

bool sp_paths_is_bpffs_private(const struct sp_paths *paths)
{
	__sp_free char *theirs = NULL;
	struct stat ours, seen;

	if (sp_str_format(&theirs, "/proc/%d/root%s", (int)getppid(), paths->bpffs_dir) < 0 ||
	    stat(paths->bpffs_dir, &ours) < 0)
		return false;
	if (stat(theirs, &seen) < 0)
		return errno == ENOENT;
	return seen.st_dev != ours.st_dev;
}
