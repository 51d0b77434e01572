/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/portal/profile.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/bounds.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/screen/render.h"
#include "io/files/files.h"
#include "io/files/secret_buf.h"

#define READ_BYTES 65536u
#define PLACE_MAX 255u /* a folder's name */

void sp_profile_done(struct sp_profile *profile)
{
	sp_secret_freep(&profile->token);
	free(profile->base);
	free(profile->place);
	free(profile->folder);
	free(profile->url);
	free(profile->ca_file);
	free(profile->fingerprint);
	free(profile->idp);
	free(profile->user);
	free(profile->device);
	free(profile->public_key);
	free(profile->expires);
	*profile = (struct sp_profile){ 0 };
}

int sp_profile_set(char **field, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		return -ENOMEM;
	sp_secret_freep(field);
	*field = copy;
	return 0;
}

static int fail_memory(void)
{
	return sp_cli_fail(SP_EXIT_FAILED, "out of memory");
}

/* ---- where ---- */

/* Read `https://HOST[:PORT]` or `HOST[:PORT]` into lower case, without the default port. */
static int parse_url(const char *url, char **ret_place)
{
	__sp_free char *place = NULL;
	const char *host = url;
	char *port;
	size_t len;

	if (!strncasecmp(url, "https://", 8))
		host += 8;
	else if (strstr(url, "://"))
		return sp_cli_fail(SP_EXIT_USAGE,
				   "%s: a portal is reached by https only: https://HOST[:PORT]",
				   url);
	len = strcspn(host, "/");
	if (!len || len > PLACE_MAX || (host[len] && host[len + 1]) || host[0] == '.')
		return sp_cli_fail(SP_EXIT_USAGE,
				   "%s: write the portal's address as https://HOST[:PORT]", url);
	place = strndup(host, len);
	if (!place)
		return fail_memory();
	for (char *c = place; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("-._:[]", *c))
			return sp_cli_fail(SP_EXIT_USAGE,
					   "%s: write the portal's address as https://HOST[:PORT]",
					   url);
		*c = (char)tolower((unsigned char)*c);
	}
	port = strrchr(place, ':');
	if (port && !strcmp(port, ":443") && (port == strchr(place, ':') || port[-1] == ']'))
		*port = 0;
	*ret_place = SP_TAKE_PTR(place);
	return SP_EXIT_OK;
}

static char *default_base(void)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	struct passwd *entry;
	char *base = NULL;

	if (config && config[0] == '/') {
		sp_str_format(&base, "%s/sallyport", config);
		return base;
	}
	if (!home || home[0] != '/') {
		entry = getpwuid(geteuid());
		home = entry ? entry->pw_dir : "/";
	}
	sp_str_format(&base, "%s/.config/sallyport", home);
	return base;
}

/* The user who called sudo. NULL: sudo was not used. */
static char *invoker_base(uid_t *ret_uid)
{
	const char *text = getenv("SUDO_UID");
	struct passwd *entry;
	char *base = NULL, *end;
	unsigned long uid;

	if (geteuid() != 0 || !text || !isdigit((unsigned char)*text))
		return NULL;
	uid = strtoul(text, &end, 10);
	entry = *end || !uid ? NULL : getpwuid((uid_t)uid);
	if (!entry || entry->pw_dir[0] != '/')
		return NULL;
	*ret_uid = entry->pw_uid;
	sp_str_format(&base, "%s/.config/sallyport", entry->pw_dir);
	return base;
}

static int set_place(struct sp_profile *profile, const char *place)
{
	if (sp_profile_set(&profile->place, place) < 0 ||
	    sp_str_format(&profile->url, "https://%s", place) < 0 ||
	    sp_str_format(&profile->folder, "%s/%s", profile->base, place) < 0)
		return fail_memory();
	return SP_EXIT_OK;
}

/* ---- files ---- */

static int open_own(const struct sp_profile *profile, const char *path, int *ret_fd)
{
	__sp_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat stat;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, &stat) < 0) {
		const int r = sp_errno();

		sp_cli_fail(0, "cannot read %s: %s", path, sp_err_text(r));
		return r;
	}
	if (!S_ISREG(stat.st_mode) || (stat.st_uid && stat.st_uid != profile->owner) ||
	    (stat.st_mode & 077)) {
		sp_cli_fail(0,
			    "%s is not used: it must be a file that nobody but its owner can use; "
			    "chmod 600 it, or remove it and sign in again",
			    path);
		return -EPERM;
	}
	*ret_fd = SP_TAKE_FD(fd);
	return 0;
}

int sp_profile_read(const struct sp_profile *profile, const char *name, char **ret_secret)
{
	__sp_cleanup(sp_secret_buf_done) struct sp_secret_buf text = { 0 };
	__sp_free char *path = NULL;
	__sp_close int fd = -1;
	ssize_t got;
	int r;

	if (sp_str_format(&path, "%s/%s", profile->folder, name) < 0)
		return -ENOMEM;
	r = open_own(profile, path, &fd);
	if (r < 0)
		return r;
	do {
		r = sp_secret_buf_reserve(&text, READ_BYTES);
		if (r < 0)
			return r;
		got = read(fd, text.data + text.len, READ_BYTES);
		text.len += got > 0 ? (size_t)got : 0;
	} while (got > 0 && text.len <= SP_TUNNEL_FILE_MAX);
	if (got < 0 || text.len > SP_TUNNEL_FILE_MAX ||
	    (text.len && memchr(text.data, 0, text.len))) {
		sp_cli_fail(0, "%s cannot be used; remove it and sign in again", path);
		return -EINVAL;
	}
	r = sp_secret_buf_put(&text, "", 1);
	if (r < 0)
		return r;
	*ret_secret = SP_TAKE_PTR(text.data);
	return 0;
}

int sp_profile_write(const struct sp_profile *profile, const char *name, const char *text)
{
	__sp_free char *path = NULL;
	int r;

	r = sp_dir_make(profile->base, 0700);
	if (r >= 0)
		r = sp_dir_make(profile->folder, 0700);
	if (r >= 0)
		r = sp_str_format(&path, "%s/%s", profile->folder, name);
	if (r >= 0)
		r = sp_file_replace(path, text, strlen(text), 0600, SP_UID_KEEP, SP_GID_KEEP);
	if (r < 0)
		sp_cli_fail(0, "cannot write %s/%s: %s", profile->folder, name, sp_err_text(r));
	return r;
}

void sp_profile_remove(const struct sp_profile *profile, const char *name)
{
	__sp_free char *path = NULL;

	if (sp_str_format(&path, "%s/%s", profile->folder, name) == 0)
		unlink(path);
	(void)rmdir(profile->folder);
}

/* ---- session.json ---- */

struct field {
	const char *key;
	size_t offset;
};
#define FIELD(name) { #name, offsetof(struct sp_profile, name) }
static const struct field fields[] = {
	FIELD(ca_file), FIELD(fingerprint), FIELD(idp),   FIELD(user),
	FIELD(device),  FIELD(public_key),  FIELD(token), FIELD(expires),
};

static char **field_of(const struct sp_profile *profile, const struct field *field)
{
	return (char **)((char *)profile + field->offset);
}

static int profile_load(struct sp_profile *profile)
{
	__sp_secret char *text = NULL;
	__sp_json json_t *object = NULL;
	int r;

	r = sp_profile_read(profile, "session.json", &text);
	if (r == -ENOENT)
		return SP_EXIT_OK;
	if (r < 0)
		return SP_EXIT_FAILED;
	object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(object) || sp_json_integer(object, "v") != 1)
		return sp_cli_fail(SP_EXIT_FAILED,
				   "%s/session.json cannot be used; remove it and sign in again",
				   profile->folder);
	for (size_t i = 0; i < SP_ARRAY_LEN(fields); i++)
		if (sp_profile_set(field_of(profile, &fields[i]),
				   json_string_value(json_object_get(object, fields[i].key))) < 0)
			r = -ENOMEM;
	return r < 0 ? fail_memory() : SP_EXIT_OK;
}

int sp_profile_save(const struct sp_profile *profile)
{
	__sp_free char *path = NULL, *line = NULL;
	__sp_secret char *text = NULL;
	__sp_json json_t *object = json_pack("{s:i, s:s}", "v", 1, "url", profile->url);
	int r;

	for (size_t i = 0; i < SP_ARRAY_LEN(fields); i++)
		json_object_set_new(object, fields[i].key,
				    *field_of(profile, &fields[i])
					    ? json_string(*field_of(profile, &fields[i]))
					    : json_null());
	text = json_dumps(object, JSON_INDENT(2));
	if (!text || sp_str_format(&path, "%s/default", profile->base) < 0 ||
	    sp_str_format(&line, "%s\n", profile->place) < 0)
		return fail_memory();
	if (sp_profile_write(profile, "session.json", text) < 0)
		return SP_EXIT_FAILED;
	r = sp_file_replace(path, line, strlen(line), 0600, SP_UID_KEEP, SP_GID_KEEP);
	return r < 0 ? sp_cli_fail(SP_EXIT_FAILED, "cannot write %s: %s", path, sp_err_text(r))
		     : SP_EXIT_OK;
}

/* ---- which ---- */

struct places {
	char **names;
	size_t count;
};

static void places_done(struct places *places)
{
	for (size_t i = 0; i < places->count; i++)
		free(places->names[i]);
	free(places->names);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The portals signed in at below @base. */
static int list_places(const char *base, struct places *ret_places)
{
	DIR *dir = opendir(base);
	struct dirent *entry;
	int r = 0;

	while (dir && r >= 0 && (entry = readdir(dir))) {
		__sp_free char *path = NULL;
		char **name;

		if (entry->d_name[0] == '.' ||
		    sp_str_format(&path, "%s/%s/session.json", base, entry->d_name) < 0 ||
		    access(path, F_OK))
			continue;
		name = SP_ARRAY_PUSH(ret_places->names, ret_places->count);
		if (name)
			*name = strdup(entry->d_name);
		r = name && *name ? 0 : -ENOMEM;
	}
	if (dir)
		closedir(dir);
	if (ret_places->count)
		qsort(ret_places->names, ret_places->count, sizeof(*ret_places->names),
		      compare_names);
	return r;
}

static bool has_places(const char *base)
{
	__sp_cleanup(places_done) struct places places = { 0 };

	return base && list_places(base, &places) == 0 && places.count > 0;
}

bool sp_profile_exists(void)
{
	uid_t uid;
	__sp_free char *base = default_base(), *of_invoker = invoker_base(&uid);

	return has_places(of_invoker) || has_places(base);
}

/* The default portal, or the only one. With several and no default, the caller has to name one. */
static int choose_place(const struct sp_profile *profile, const struct places *places,
			const char **ret_place)
{
	__sp_free char *path = NULL, *name = NULL;
	__sp_buf struct sp_buf list = SP_BUF_INIT;
	size_t len;

	*ret_place = NULL;
	if (places->count == 1) {
		*ret_place = places->names[0];
		return SP_EXIT_OK;
	}
	if (sp_str_format(&path, "%s/default", profile->base) < 0)
		return fail_memory();
	if (sp_file_read(path, PLACE_MAX + 1, &name, &len) == 0) {
		name[strcspn(name, "\n")] = 0;
		for (size_t i = 0; i < places->count; i++)
			if (!strcmp(name, places->names[i]))
				*ret_place = places->names[i];
	}
	if (*ret_place) {
		sp_cli_fail(0, "of %zu portals, the one used last: %s", places->count, *ret_place);
		return SP_EXIT_OK;
	}
	for (size_t i = 0; i < places->count; i++)
		sp_buf_printf(&list, " %s", places->names[i]);
	return sp_cli_fail(SP_EXIT_USAGE, "which portal? name one of:%s", sp_buf_get(&list));
}

/* Returns SP_EXIT_OK also if nothing is kept here: `profile->place` is NULL then. */
static int find_below(struct sp_profile *profile, const char *wanted)
{
	__sp_cleanup(places_done) struct places places = { 0 };
	const char *place = NULL;
	int r;

	if (list_places(profile->base, &places) < 0)
		return fail_memory();
	for (size_t i = 0; wanted && i < places.count; i++)
		if (!strcmp(wanted, places.names[i]))
			place = wanted;
	r = wanted || !places.count ? SP_EXIT_OK : choose_place(profile, &places, &place);
	return r == SP_EXIT_OK && place ? set_place(profile, place) : r;
}

int sp_profile_find_only(const char *state_dir, char **ret_url)
{
	__sp_cleanup(places_done) struct places places = { 0 };
	__sp_free char *base = state_dir ? strdup(state_dir) : default_base();

	if (!base || list_places(base, &places) < 0)
		return fail_memory();
	if (!places.count)
		return sp_cli_fail(
			SP_EXIT_USAGE,
			"login needs the portal's address: sallyport login https://HOST");
	if (places.count == 1)
		return sp_str_format(ret_url, "https://%s", places.names[0]) < 0 ? fail_memory()
										 : SP_EXIT_OK;
	sp_cli_fail(0, "%zu portals are known here; say which:", places.count);
	for (size_t i = 0; i < places.count; i++)
		sp_cli_say("  sallyport login https://%s\n", places.names[i]);
	return SP_EXIT_USAGE;
}

int sp_profile_begin(const char *state_dir, const char *url, struct sp_profile *ret_profile)
{
	__sp_profile struct sp_profile profile = { .owner = geteuid() };
	__sp_free char *place = NULL;
	int r;

	r = parse_url(url, &place);
	if (r != SP_EXIT_OK)
		return r;
	profile.base = state_dir ? strdup(state_dir) : default_base();
	if (!profile.base)
		return fail_memory();
	r = set_place(&profile, place);
	if (r == SP_EXIT_OK)
		r = profile_load(&profile);
	if (r != SP_EXIT_OK)
		return r;
	*ret_profile = profile;
	profile = (struct sp_profile){ 0 };
	return SP_EXIT_OK;
}

int sp_profile_open(const char *state_dir, const char *url, bool of_invoker,
		    struct sp_profile *ret_profile)
{
	__sp_profile struct sp_profile profile = { .owner = geteuid() };
	__sp_free char *place = NULL;
	struct stat state;
	int r = url ? parse_url(url, &place) : SP_EXIT_OK;

	if (r != SP_EXIT_OK)
		return r;
	profile.base = state_dir    ? strdup(state_dir)
		       : of_invoker ? invoker_base(&profile.owner)
				    : NULL;
	if (state_dir && of_invoker && stat(state_dir, &state) == 0)
		profile.owner = state.st_uid; /* named, so meant */
	if (profile.base)
		r = find_below(&profile, place);
	if (r == SP_EXIT_OK && !profile.place && !state_dir) {
		free(profile.base);
		profile.base = default_base();
		profile.owner = geteuid();
		r = profile.base ? find_below(&profile, place) : fail_memory();
	}
	if (r == SP_EXIT_OK && !profile.place)
		return sp_cli_fail(
			SP_EXIT_FAILED,
			"nobody has signed in%s%s on this machine yet: sallyport login %s",
			url ? " at " : "", url ? url : "", url ? url : "URL");
	if (r == SP_EXIT_OK)
		r = profile_load(&profile);
	if (r != SP_EXIT_OK)
		return r;
	*ret_profile = profile;
	profile = (struct sp_profile){ 0 };
	return SP_EXIT_OK;
}
