/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/tunnel/tunnel_reach.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/tunnel/tunnel_file.h"
#include "io/files/files.h"
#include "io/files/paths.h"

static int find_path(const char *root, const char *iface, char **ret_path)
{
	__sp_paths struct sp_paths paths = { 0 };
	int r = sp_paths_init(&paths, root);

	return r < 0 ? r : sp_str_format(ret_path, "%s/%s.reaches", paths.run_dir, iface);
}

int sp_tunnel_reach_keep(const char *root, const char *iface, const char *reaches)
{
	__sp_free char *path = NULL;
	int r = find_path(root, iface, &path);

	return r < 0 ? r : sp_file_replace(path, reaches, strlen(reaches), 0644, 0, 0);
}

int sp_tunnel_reach_read(const char *root, const char *iface, char **ret_reaches)
{
	__sp_free char *path = NULL;
	size_t len;
	int r = find_path(root, iface, &path);

	return r < 0 ? r : sp_file_read(path, SP_TUNNEL_FILE_MAX, ret_reaches, &len);
}
