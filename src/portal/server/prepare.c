/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/server/prepare.h"

#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "io/files/files.h"
#include "io/log/log.h"

#define MACHINE_FILE_MAX (1u << 20)
#define BACKLOG 256
#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define EXIT_INVALID 3

void sp_prepared_done(struct sp_prepared *prepared)
{
	sp_closep(&prepared->listen_fd);
	sp_wipe(prepared->seal_key, sizeof(prepared->seal_key));
	sp_tls_done(&prepared->tls);
	sp_machine_free(prepared->machine);
	sp_paths_done(&prepared->paths);
}

static int read_machine(struct sp_prepared *prepared)
{
	const char *path = prepared->paths.machine_file;
	struct sp_diagnostics diagnostics = { 0 };
	__sp_free char *text = NULL;
	size_t len;
	int r = sp_file_read(path, MACHINE_FILE_MAX, &text, &len);

	if (r < 0) {
		sp_log_error("cannot read %s: %s", path, sp_err_text(r));
		return EXIT_FAILED;
	}
	r = sp_machine_load(path, text, len, &prepared->machine, &diagnostics);
	for (size_t i = 0; i < diagnostics.count; i++) {
		__sp_free char *line = sp_diagnostic_format(&diagnostics.items[i]);

		sp_log_error("%s", line ? line : "out of memory");
	}
	sp_diagnostics_done(&diagnostics);
	if (r < 0)
		return r == -EINVAL ? EXIT_INVALID : EXIT_FAILED;
	if (prepared->machine->has_portal)
		return 0;
	sp_log_error("%s has no section \"portal\": portal: { listen: \"0.0.0.0:443\", url: "
		     "\"https://gate.example.org\" }",
		     path);
	return EXIT_INVALID;
}

/* A portal started as root changes to the configured user; one started by another user keeps that
 * user. */
static int choose_user(struct sp_prepared *prepared, const char *user)
{
	const bool is_root = geteuid() == 0;

	prepared->user = (struct sp_user){ geteuid(), getegid() };
	if (!user && !is_root)
		return 0;
	if (!user)
		user = prepared->machine->portal_user;
	if (!user || sp_user_find(user, &prepared->user) < 0) {
		sp_log_error("there is no user \"%s\": give --user, or `portal: { user: … }`",
			     user ? user : "sallyport-portal");
		return EXIT_FAILED;
	}
	if (prepared->user.uid == 0) {
		sp_log_error("--user %s is root: the portal runs without rights", user);
		return EXIT_USAGE;
	}
	prepared->becomes_user = is_root;
	return 0;
}

static int make_folder(const struct sp_prepared *prepared, const char *path)
{
	const struct sp_user *user = &prepared->user;
	int r = prepared->becomes_user ? sp_dir_make_owned(path, 0700, user->uid, user->gid)
				       : sp_dir_make(path, 0700);

	if (r < 0)
		sp_log_error("cannot make %s: %s", path, sp_err_text(r));
	return r;
}

static int make_folders(const struct sp_prepared *prepared)
{
	int r = sp_dir_make(prepared->paths.state_dir, 0751);

	if (r < 0)
		sp_log_error("cannot make %s: %s", prepared->paths.state_dir, sp_err_text(r));
	if (r == 0)
		r = make_folder(prepared, prepared->paths.portal_dir);
	if (r == 0)
		r = make_folder(prepared, prepared->paths.tls_dir);
	return r;
}

static const struct sp_user *owner(const struct sp_prepared *prepared)
{
	return prepared->becomes_user ? &prepared->user : NULL;
}

/* Never replace a key that cannot be read: whatever it sealed would be lost. */
static int take_seal_key(struct sp_prepared *prepared)
{
	const char *path = prepared->paths.portal_key;
	__sp_free char *text = NULL;
	size_t len;
	int r = sp_file_read(path, SP_SEAL_KEY_LEN, &text, &len);

	if (r == 0 && len == SP_SEAL_KEY_LEN) {
		memcpy(prepared->seal_key, text, len);
		sp_wipe(text, len);
		return 0;
	}
	if (r == -ENOENT) {
		randombytes_buf(prepared->seal_key, sizeof(prepared->seal_key));
		r = sp_file_replace(path, prepared->seal_key, sizeof(prepared->seal_key), 0600,
				    owner(prepared) ? prepared->user.uid : SP_UID_KEEP,
				    owner(prepared) ? prepared->user.gid : SP_GID_KEEP);
		if (r == 0)
			return 0;
	}
	sp_log_error(
		"%s: %s", path,
		r < 0 && r != -EFBIG
			? sp_err_text(r)
			: "is not a key of 32 bytes; removing it signs everybody's programs out");
	return r < 0 ? r : -EINVAL;
}

static int resolve_path(const struct sp_prepared *prepared, const char *path, char **ret_path)
{
	return *path == '/' ? sp_str_format(ret_path, "%s", path)
			    : sp_str_format(ret_path, "%s/%s", prepared->paths.etc_dir, path);
}

int sp_prepare_tls(const struct sp_prepared *prepared, struct sp_tls *ret_tls)
{
	const struct sp_machine *machine = prepared->machine;
	const bool is_given = machine->portal_cert && machine->portal_key;
	__sp_free char *cert = NULL, *key = NULL;
	const char *failed = "out of memory";
	int r = resolve_path(prepared, is_given ? machine->portal_cert : prepared->paths.tls_cert,
			     &cert);

	if (r == 0)
		r = resolve_path(prepared, is_given ? machine->portal_key : prepared->paths.tls_key,
				 &key);
	if (r == 0 && !is_given) {
		failed = prepared->paths.tls_dir;
		r = sp_tls_make(cert, key, machine->portal_url, &machine->portal_listen,
				owner(prepared));
		if (r == 1)
			sp_log_note("made a certificate for %s: %s", machine->portal_url, cert);
	}
	if (r >= 0)
		r = sp_tls_read(cert, key, ret_tls, &failed);
	if (r < 0 && r != -EACCES)
		sp_log_error("the certificate: %s%s%s", failed, r == -EINVAL ? "" : ": ",
			     r == -EINVAL ? "" : sp_err_text(r));
	return r;
}

static int listen_at(const struct sp_addr *at, uint16_t port, int *ret_fd)
{
	const bool is_v4 = sp_addr_is_v4(at);
	__sp_close int fd =
		socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	const int on = 1, off = 0;
	struct sockaddr *address = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;

	if (fd < 0)
		return sp_errno();
	memcpy(&v4.sin_addr, at->b + 12, 4);
	memcpy(&v6.sin6_addr, at->b, 16);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!is_v4)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, address, is_v4 ? sizeof(v4) : sizeof(v6)) < 0 || listen(fd, BACKLOG) < 0)
		return sp_errno();
	*ret_fd = SP_TAKE_FD(fd);
	return 0;
}

static int open_listener(struct sp_prepared *prepared)
{
	const struct sp_machine *machine = prepared->machine;
	char text[SP_ADDR_TEXT_MAX];
	int r = listen_at(&machine->portal_listen, machine->portal_port, &prepared->listen_fd);

	if (r < 0)
		sp_log_error("cannot listen at %s port %u: %s",
			     sp_addr_format(&machine->portal_listen, text), machine->portal_port,
			     sp_err_text(r));
	return r;
}

int sp_prepare(const char *root, const char *user, struct sp_prepared *prepared)
{
	int r;

	prepared->listen_fd = -1;
	r = sp_paths_init(&prepared->paths, root);
	if (r < 0) {
		sp_log_error("--root %s: %s", root ? root : "/", sp_err_text(r));
		return EXIT_USAGE;
	}
	r = read_machine(prepared);
	if (r == 0)
		r = choose_user(prepared, user);
	if (r != 0)
		return r;
	if (make_folders(prepared) < 0 || take_seal_key(prepared) < 0)
		return EXIT_FAILED;
	r = sp_prepare_tls(prepared, &prepared->tls);
	if (r == -EACCES)
		sp_log_error("the certificate or its key may not be read by uid %u", geteuid());
	return r < 0 || open_listener(prepared) < 0 ? EXIT_FAILED : 0;
}
