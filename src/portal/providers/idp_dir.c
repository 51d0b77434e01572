/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/providers/idp_dir.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/bounds.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "io/files/files.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "portal/providers/provider.h"

#define FILE_MAX (10u << 20)
#define SECRET_MAX 4096u
#define SETTLE_NS (50 * SP_MS_NS)  /* an editor writes more than once */
#define LOOK_NS (5 * SP_SECOND_NS) /* for a folder that does not exist */

struct sp_idp_dir {
	struct sp_loop *loop;
	struct sp_portal *portal;
	const char *path;
	struct sp_source source; /* inotify */
	struct sp_timer due;
	int watch; /* -1: the folder is not watched */
	int last_error;
};

/* The first line, without a line break, as people write such files. */
static int read_secret(const char *path, char **ret_secret)
{
	size_t len;
	int r = sp_file_read(path, SECRET_MAX, ret_secret, &len);

	if (r < 0)
		return r;
	(*ret_secret)[strcspn(*ret_secret, "\r\n")] = '\0';
	return 0;
}

static void say_trouble(struct sp_portal *portal, const char *name, const char *was)
{
	for (size_t i = 0; i < portal->provider_count; i++) {
		const char *error = portal->providers[i]->file_error;

		if (strcmp(portal->providers[i]->name, name) == 0 && error &&
		    (!was || strcmp(error, was) != 0))
			sp_log_error("%s%s", error,
				     portal->providers[i]->idp ? " (what ran before goes on)" : "");
	}
}

static char *trouble_of(const struct sp_portal *portal, const char *name)
{
	for (size_t i = 0; i < portal->provider_count; i++)
		if (strcmp(portal->providers[i]->name, name) == 0 &&
		    portal->providers[i]->file_error)
			return strdup(portal->providers[i]->file_error);
	return NULL;
}

static void offer(struct sp_idp_dir *dir, const char *file_name)
{
	struct sp_provider_file file = { .dir = dir->path, .read_secret = read_secret };
	__sp_free char *path = NULL, *name = NULL, *text = NULL, *error = NULL, *was = NULL;
	int r = sp_str_format(&path, "%s/%s", dir->path, file_name);

	if (r == 0)
		r = sp_str_format(&name, "%.*s", (int)(strlen(file_name) - strlen(".yaml")),
				  file_name);
	if (r < 0)
		return;
	was = trouble_of(dir->portal, name);
	r = sp_file_read(path, FILE_MAX, &text, &file.len);
	if (r == -ENOENT)
		return; /* removed since it was listed */
	if (r < 0 &&
	    sp_str_format(&error, "%s: %s%s", path, sp_err_text(r),
			  r == -EACCES ? "; the portal's user must be able to read it" : "") < 0)
		return;
	file.name = name;
	file.path = path;
	file.text = text;
	file.error = error;
	if (sp_providers_offer(dir->portal, &file) == -EINVAL)
		say_trouble(dir->portal, name, was);
	if (text)
		sp_wipe(text, file.len);
}

static int is_provider(const struct dirent *entry)
{
	const size_t len = strlen(entry->d_name);

	return len > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

static void read_all(struct sp_idp_dir *dir)
{
	struct dirent **names = NULL;
	int count = scandir(dir->path, &names, is_provider, alphasort);
	int r = count < 0 ? sp_errno() : 0;

	if (r < 0 && r != dir->last_error)
		sp_log_error("%s: %s: nobody can sign in until there is a provider in it",
			     dir->path, sp_err_text(r));
	dir->last_error = r;
	if (r < 0 && r != -ENOENT)
		return; /* what runs goes on */
	dir->portal->now = (struct sp_idp_time){ sp_clock_realtime_s(), sp_clock_boottime_ns() };
	sp_providers_begin(dir->portal);
	for (int i = 0; i < count; i++) {
		if (i < (int)SP_PROVIDERS_MAX)
			offer(dir, names[i]->d_name);
		else
			sp_log_error("%s/%s is not read: there are %u providers already", dir->path,
				     names[i]->d_name, SP_PROVIDERS_MAX);
		free(names[i]);
	}
	free(names);
	sp_providers_end(dir->portal);
}

static void dir_look(void *arg)
{
	struct sp_idp_dir *dir = arg;

	if (dir->watch < 0)
		dir->watch = inotify_add_watch(dir->source.fd, dir->path,
					       IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
						       IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |
						       IN_MOVE_SELF | IN_ONLYDIR);
	read_all(dir);
	if (dir->watch < 0)
		sp_loop_in(dir->loop, &dir->due, LOOK_NS);
}

static void changed(void *arg, uint32_t events)
{
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct sp_idp_dir *dir = arg;
	ssize_t len;

	(void)events;
	while ((len = read(dir->source.fd, buffer, sizeof(buffer))) > 0) {
		const struct inotify_event *event;

		for (ssize_t at = 0; at < len; at += (ssize_t)(sizeof(*event) + event->len)) {
			event = (const struct inotify_event *)(buffer + at);
			if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED))
				dir->watch = -1;
		}
	}
	sp_loop_in(dir->loop, &dir->due, SETTLE_NS);
}

void sp_idp_dir_reload(struct sp_idp_dir *dir)
{
	dir_look(dir);
}

int sp_idp_dir_new(struct sp_loop *loop, struct sp_portal *portal, const char *path,
		   struct sp_idp_dir **ret_dir)
{
	struct sp_idp_dir *dir = calloc(1, sizeof(*dir));
	int r;

	if (!dir)
		return -ENOMEM;
	*dir = (struct sp_idp_dir){ .loop = loop, .portal = portal, .path = path, .watch = -1 };
	dir->source = (struct sp_source){ .fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK),
					  .ready = changed,
					  .arg = dir };
	dir->due = (struct sp_timer){ .fire = dir_look, .arg = dir };
	r = dir->source.fd < 0 ? sp_errno() : sp_loop_watch(loop, &dir->source, EPOLLIN);
	if (r < 0) {
		sp_closep(&dir->source.fd);
		free(dir);
		return r;
	}
	dir_look(dir);
	*ret_dir = dir;
	return 0;
}

void sp_idp_dir_free(struct sp_idp_dir *dir)
{
	if (!dir)
		return;
	sp_loop_forget(dir->loop, &dir->source);
	sp_loop_drop(dir->loop, &dir->due);
	close(dir->source.fd);
	free(dir);
}
