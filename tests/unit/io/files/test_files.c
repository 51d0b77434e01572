/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "io/files/files.h"
#include "io/files/paths.h"
#include "io/process/process.h"
#include "../scratch.h"

static void assert_content(const char *path, const char *expected)
{
	__sp_free char *data = NULL;
	size_t len;

	assert_int_equal(sp_file_read(path, 4096, &data, &len), 0);
	assert_string_equal(data, expected);
	assert_int_equal(len, strlen(expected));
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static int count_entries(const char *prefix, void **state)
{
	char command[600];
	FILE *pipe;
	int count = 0;

	snprintf(command, sizeof(command), "ls %s | grep -c '^%s'", (const char *)*state, prefix);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%d", &count), 1);
	pclose(pipe);
	return count;
}

static void replaced_file_has_new_content_and_mode(void **state)
{
	const char *path = scratch_path(state, "replaced");

	assert_int_equal(sp_file_replace(path, "one", 3, 0644, SP_UID_KEEP, SP_GID_KEEP), 0);
	assert_content(path, "one");
	assert_int_equal(mode_of(path), 0644);
	assert_int_equal(sp_file_replace(path, "", 0, 0600, SP_UID_KEEP, SP_GID_KEEP), 0);
	assert_content(path, "");
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(count_entries("replaced", state), 1);
}

static void replace_does_not_follow_a_link(void **state)
{
	const char *target = scratch_path(state, "target"), *link = scratch_path(state, "link");
	struct stat st;

	assert_int_equal(sp_file_replace(target, "old", 3, 0600, SP_UID_KEEP, SP_GID_KEEP), 0);
	assert_int_equal(symlink(target, link), 0);
	assert_int_equal(sp_file_replace(link, "new", 3, 0600, SP_UID_KEEP, SP_GID_KEEP), 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_content(target, "old");
}

static void failed_replace_leaves_the_old_file_and_no_other(void **state)
{
	const char *path = scratch_path(state, "kept");

	assert_int_equal(mkdir(path, 0700), 0); /* a folder cannot be renamed over */
	assert_int_equal(sp_file_replace(path, "x", 1, 0600, SP_UID_KEEP, SP_GID_KEEP), -EISDIR);
	assert_int_equal(count_entries("kept", state), 1);
	assert_int_equal(sp_file_replace(scratch_path(state, "no/where"), "x", 1, 0600, SP_UID_KEEP,
					 SP_GID_KEEP),
			 -ENOENT);
}

static void read_is_bounded(void **state)
{
	const char *path = scratch_path(state, "ten");
	char *data = NULL;
	size_t len;

	assert_int_equal(sp_file_replace(path, "0123456789", 10, 0600, SP_UID_KEEP, SP_GID_KEEP),
			 0);
	assert_int_equal(sp_file_read(path, 9, &data, &len), -EFBIG);
	assert_null(data);
	assert_int_equal(sp_file_read(path, 10, &data, &len), 0);
	assert_int_equal(len, 10);
	free(data);
}

static void only_regular_files_are_read(void **state)
{
	const char *fifo = scratch_path(state, "fifo");
	char *data = NULL;
	size_t len;

	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(sp_file_read(fifo, 10, &data, &len),
			 -EINVAL); /* and does not wait for a writer */
	assert_int_equal(sp_file_read("/dev/zero", 10, &data, &len), -EINVAL);
	assert_int_equal(sp_file_read((const char *)*state, 10, &data, &len), -EINVAL);
	assert_int_equal(sp_file_read(scratch_path(state, "absent"), 10, &data, &len), -ENOENT);
	assert_int_equal(sp_file_read("/proc/self/status", 65536, &data, &len),
			 0); /* says size 0 */
	assert_true(len > 100);
	free(data);
}

static void folders_are_made_with_those_above(void **state)
{
	const char *deep = scratch_path(state, "a/b/c");
	const char *file = scratch_path(state, "file");

	assert_int_equal(sp_dir_make(deep, 0750), 0);
	assert_int_equal(mode_of(deep), 0750);
	assert_int_equal(mode_of(scratch_path(state, "a/b")), 0755);
	assert_int_equal(sp_dir_make(deep, 0700), 0);
	assert_int_equal(mode_of(deep), 0750);
	assert_int_equal(sp_dir_make_parent(scratch_path(state, "p/q/file"), 0700), 0);
	assert_int_equal(mode_of(scratch_path(state, "p/q")), 0700);
	assert_int_equal(sp_file_replace(file, "", 0, 0600, SP_UID_KEEP, SP_GID_KEEP), 0);
	assert_int_equal(sp_dir_make(file, 0700), -ENOTDIR);
	assert_int_equal(sp_dir_make(scratch_path(state, "file/below"), 0700), -ENOTDIR);
}

static void second_taker_of_a_lock_learns_who_holds_it(void **state)
{
	const char *path = scratch_path(state, "lock");
	int first = -1, second = -1, to_child[2], from_child[2];
	pid_t child, holder = -1;
	char byte;

	assert_int_equal(pipe(to_child), 0);
	assert_int_equal(pipe(from_child), 0);
	child = fork();
	if (child == 0) {
		int fd = -1;
		char ok = sp_lock_take(path, &fd, NULL) == 0 ? 'y' : 'n';

		close(to_child[1]);
		if (write(from_child[1], &ok, 1) != 1 || read(to_child[0], &ok, 1) != 0)
			_exit(1);
		_exit(0); /* without unlocking: the kernel does */
	}
	close(to_child[0]);
	assert_int_equal(read(from_child[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	assert_int_equal(sp_lock_take(path, &first, &holder), -EWOULDBLOCK);
	assert_int_equal(first, -1);
	assert_int_equal(holder, child);
	assert_true(sp_lock_is_held(path));
	close(to_child[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_false(sp_lock_is_held(path));
	assert_false(sp_lock_is_held(scratch_path(state, "no-lock")));
	assert_int_equal(sp_lock_take(path, &first, &holder), 0);
	assert_int_equal(sp_lock_take(path, &second, &holder), -EWOULDBLOCK);
	assert_int_equal(holder, getpid());
	close(first);
	close(from_child[0]);
	close(from_child[1]);
}

static void corrupt_files_are_kept_under_names_of_their_own(void **state)
{
	const char *path = scratch_path(state, "db");
	__sp_free char *first = NULL, *second = NULL;

	assert_int_equal(sp_file_replace(path, "1", 1, 0600, SP_UID_KEEP, SP_GID_KEEP), 0);
	assert_int_equal(sp_file_move_aside(path, 1795230600, &first), 0);
	assert_string_equal(first, scratch_path(state, "db.corrupt-2026-11-21T03:10:00Z"));
	assert_int_equal(sp_file_replace(path, "2", 1, 0600, SP_UID_KEEP, SP_GID_KEEP), 0);
	assert_int_equal(sp_file_move_aside(path, 1795230600, &second), 0);
	assert_content(first, "1");
	assert_content(second, "2");
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(sp_file_move_aside(path, 1795230600, &second), -ENOENT);
}

static void every_path_moves_under_the_root(void **state)
{
	__sp_paths struct sp_paths paths = { 0 };
	__sp_free char *socket = NULL;

	(void)state;
	assert_int_equal(sp_paths_init(&paths, "/srv/lab//"), 0);
	assert_true(sp_paths_is_rooted(&paths));
#define X(field, below) assert_string_equal(paths.field, "/srv/lab/" below);
	SP_PATHS(X)
#undef X
	assert_int_equal(sp_paths_engine_socket(&paths, "vpn0", &socket), 0);
	assert_string_equal(socket, "/srv/lab/var/run/wireguard/vpn0.sock");
}

static void root_comes_from_the_environment_when_not_given(void **state)
{
	__sp_paths struct sp_paths rooted = { 0 }, plain = { 0 }, given = { 0 };

	(void)state;
	setenv("SALLYPORT_ROOT", "/srv/two", 1);
	assert_int_equal(sp_paths_init(&rooted, NULL), 0);
	assert_string_equal(rooted.policy_file, "/srv/two/etc/sallyport/policy.yaml");
	assert_int_equal(sp_paths_init(&given, "/srv/three"), 0);
	assert_string_equal(given.policy_file, "/srv/three/etc/sallyport/policy.yaml");
	unsetenv("SALLYPORT_ROOT");
	assert_int_equal(sp_paths_init(&plain, ""), 0);
	assert_false(sp_paths_is_rooted(&plain));
	assert_string_equal(plain.policy_file, "/etc/sallyport/policy.yaml");
	assert_string_equal(plain.pin_dir, "/sys/fs/bpf/sallyport/v1");
}

static void relative_root_is_made_absolute(void **state)
{
	__sp_paths struct sp_paths paths = { 0 };
	char expected[600];

	assert_int_equal(chdir((const char *)*state), 0);
	assert_int_equal(sp_paths_init(&paths, "lab"), 0);
	snprintf(expected, sizeof(expected), "%s/lab/run/sallyport/control.sock",
		 (const char *)*state);
	assert_string_equal(paths.control_socket, expected);
	assert_int_equal(chdir("/"), 0);
}

static void root_too_long_for_a_socket_is_refused(void **state)
{
	__sp_paths struct sp_paths paths = { 0 };
	char root[120] = "/";

	(void)state;
	memset(root + 1, 'r', sizeof(root) - 2);
	assert_int_equal(sp_paths_init(&paths, root), -ENAMETOOLONG);
	assert_null(paths.root);
}

static void engine_socket_takes_interface_names_only(void **state)
{
	static const char *const names[] = { "", "..", ".", "a/b", "../x", "sixteen-letters0" };
	__sp_paths struct sp_paths paths = { 0 };
	char *socket = NULL;

	(void)state;
	assert_int_equal(sp_paths_init(&paths, "/"), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(sp_paths_engine_socket(&paths, names[i], &socket), -EINVAL);
	assert_null(socket);
}

static void state_run_and_log_folders_are_made(void **state)
{
	__sp_paths struct sp_paths paths = { 0 };
	const char *failed = NULL;

	assert_int_equal(sp_paths_init(&paths, scratch_path(state, "root")), 0);
	assert_int_equal(sp_paths_make_dirs(&paths, &failed), 0);
	assert_int_equal(mode_of(paths.state_dir), 0751);
	assert_int_equal(mode_of(paths.run_dir), 0755);
	assert_int_equal(mode_of(paths.audit_dir), 0750);
	assert_int_equal(rmdir(paths.run_dir), 0);
	assert_int_equal(sp_file_replace(paths.run_dir, "", 0, 0600, SP_UID_KEEP, SP_GID_KEEP), 0);
	assert_int_equal(sp_paths_make_dirs(&paths, &failed), -ENOTDIR);
	assert_ptr_equal(failed, paths.run_dir);
}

/* In a child: cmocka's own output is on 1 and 2. */
static int begin_with_nothing_open(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		close(fd);
	umask(077);
	sp_process_begin();
	if (open("/dev/null", O_RDWR) <= STDERR_FILENO)
		return 1;
	if (write(STDOUT_FILENO, "x", 1) == 1 || write(STDERR_FILENO, "x", 1) == 1)
		return 2;
	return umask(0) == (geteuid() == 0 ? 022 : 077) ? 0 : 3;
}

static void closed_descriptors_are_occupied_and_root_makes_what_others_read(void **state)
{
	int status;
	const pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(begin_with_nothing_open());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaced_file_has_new_content_and_mode),
		cmocka_unit_test(replace_does_not_follow_a_link),
		cmocka_unit_test(failed_replace_leaves_the_old_file_and_no_other),
		cmocka_unit_test(read_is_bounded),
		cmocka_unit_test(only_regular_files_are_read),
		cmocka_unit_test(folders_are_made_with_those_above),
		cmocka_unit_test(second_taker_of_a_lock_learns_who_holds_it),
		cmocka_unit_test(corrupt_files_are_kept_under_names_of_their_own),
		cmocka_unit_test(every_path_moves_under_the_root),
		cmocka_unit_test(root_comes_from_the_environment_when_not_given),
		cmocka_unit_test(relative_root_is_made_absolute),
		cmocka_unit_test(root_too_long_for_a_socket_is_refused),
		cmocka_unit_test(engine_socket_takes_interface_names_only),
		cmocka_unit_test(state_run_and_log_folders_are_made),
		cmocka_unit_test(closed_descriptors_are_occupied_and_root_makes_what_others_read),
	};

	umask(022);
	return cmocka_run_group_tests_name("io/files", tests, scratch_make, scratch_remove);
}
