/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The watchdog over real files and real connections to loopback; the plane is a number that says what
 * a return comes to. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "../io/scratch.h"
#include "base/cleanup.h"
#include "confirm/watched.h"
#include "io/files/files.h"
#include "watchdog/watchdog.h"

struct fixture {
	char *folder;
	struct sp_paths paths;
	struct sp_loop *loop;
	struct sp_watchdog watchdog;
	int returns; /* what return_former returns */
	unsigned int returned;
	char steps[256]; /* passed, each after a space */
};

static int return_former(void *arg, struct sp_plane_error *error)
{
	struct fixture *fixture = arg;

	error->text[0] = '\0';
	fixture->returned++;
	return fixture->returns;
}

static void passed(void *arg, const char *step)
{
	struct fixture *fixture = arg;
	const size_t len = strlen(fixture->steps);

	snprintf(fixture->steps + len, sizeof(fixture->steps) - len, " %s", step);
}

static void begin(struct fixture *fixture)
{
	fixture->watchdog = (struct sp_watchdog){
		.loop = fixture->loop,
		.paths = &fixture->paths,
		.return_former = return_former,
		.passed = passed,
		.arg = fixture,
	};
	assert_int_equal(sp_watchdog_begin(&fixture->watchdog), 0);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	void *folder;

	assert_non_null(fixture);
	assert_int_equal(scratch_make(&folder), 0);
	fixture->folder = folder;
	assert_int_equal(sp_paths_init(&fixture->paths, fixture->folder), 0);
	assert_int_equal(sp_dir_make(fixture->paths.run_dir, 0755), 0);
	assert_int_equal(sp_loop_new(&fixture->loop), 0);
	begin(fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	void *folder = fixture->folder;

	sp_watchdog_end(&fixture->watchdog);
	sp_loop_free(fixture->loop);
	sp_paths_done(&fixture->paths);
	scratch_remove(&folder);
	free(fixture);
	return 0;
}

/* An apply of now, which waits for @wait_ns. */
static struct sp_pending pending_for(uint64_t wait_ns)
{
	struct sp_pending pending = {
		.revision = 8,
		.former = 7,
		.generation = "0123456789ab",
		.former_generation = "ba9876543210",
		.begun_ns = sp_clock_boottime_ns(),
		.who = "uid 0",
	};

	pending.deadline_ns = pending.begun_ns + wait_ns;
	assert_int_equal(sp_clock_boot_id(pending.boot_id), 0);
	return pending;
}

static void write_pending(const struct fixture *fixture, const struct sp_pending *pending)
{
	assert_int_equal(sp_pending_begin(&fixture->paths, pending), 0);
}

static enum sp_pending_state state_of(const struct fixture *fixture)
{
	enum sp_pending_state state;
	struct sp_pending pending;
	char why[80];

	assert_int_equal(sp_pending_read(&fixture->paths, &state, &pending, why), 0);
	return state;
}

/* Rounds of the loop until the file is in @state. */
static void run_until(const struct fixture *fixture, enum sp_pending_state state)
{
	const uint64_t until_ns = sp_clock_boottime_ns() + 60 * SP_SECOND_NS;

	while (state_of(fixture) != state) {
		assert_true(sp_clock_boottime_ns() < until_ns);
		assert_int_equal(sp_loop_round(fixture->loop, SP_SECOND_NS), 0);
	}
}

static uint64_t watched(const struct fixture *fixture)
{
	struct sp_watched found;

	assert_int_equal(sp_watched_read(&fixture->paths, &found), 0);
	return found.revision;
}

static void what_is_not_confirmed_returns(void **state)
{
	struct fixture *fixture = *state;
	const struct sp_pending pending = pending_for(SP_SECOND_NS / 4);

	write_pending(fixture, &pending);
	sp_watchdog_look(&fixture->watchdog);
	assert_int_equal(watched(fixture), 8);
	assert_int_equal(fixture->returned, 0);
	run_until(fixture, SP_PENDING_REVERTED);
	assert_int_equal(fixture->returned, 1);
	assert_string_equal(fixture->steps, " watched claimed returned reverted");
	sp_watchdog_look(&fixture->watchdog);
	assert_int_equal(fixture->returned, 1);
	assert_int_equal(watched(fixture), 0);
}

static void what_is_confirmed_stays(void **state)
{
	struct fixture *fixture = *state;
	const struct sp_pending pending = pending_for(SP_SECOND_NS / 4);

	write_pending(fixture, &pending);
	sp_watchdog_look(&fixture->watchdog);
	assert_int_equal(sp_pending_move(&fixture->paths, SP_PENDING_OPEN, SP_PENDING_CONFIRMED),
			 0);
	while (sp_clock_boottime_ns() < pending.deadline_ns)
		assert_int_equal(sp_loop_round(fixture->loop, SP_SECOND_NS / 10), 0);
	sp_watchdog_look(&fixture->watchdog);
	assert_int_equal(fixture->returned, 0);
	assert_int_equal(state_of(fixture), SP_PENDING_CONFIRMED);
	assert_int_equal(watched(fixture), 0);
}

static void a_return_that_fails_is_tried_again(void **state)
{
	struct fixture *fixture = *state;
	const struct sp_pending pending = pending_for(0);

	write_pending(fixture, &pending);
	fixture->returns = -EIO;
	sp_watchdog_look(&fixture->watchdog);
	assert_int_equal(state_of(fixture), SP_PENDING_REVERTING);
	sp_watchdog_look(&fixture->watchdog);
	assert_int_equal(state_of(fixture), SP_PENDING_REVERTING);
	assert_int_equal(fixture->returned, 2);
	fixture->returns = 0;
	sp_watchdog_look(&fixture->watchdog);
	assert_int_equal(state_of(fixture), SP_PENDING_REVERTED);
}

/* Its sallyportd was killed before the switch. */
static void without_a_former_revision_it_is_over_too(void **state)
{
	struct fixture *fixture = *state;
	const struct sp_pending pending = pending_for(0);

	write_pending(fixture, &pending);
	fixture->returns = 1;
	sp_watchdog_look(&fixture->watchdog);
	assert_int_equal(state_of(fixture), SP_PENDING_REVERTED);
}

/* One that was killed over it leaves the file as it was. */
static void the_next_one_goes_on(void **state)
{
	struct fixture *fixture = *state;
	const struct sp_pending pending = pending_for(0);

	write_pending(fixture, &pending);
	assert_int_equal(sp_pending_move(&fixture->paths, SP_PENDING_OPEN, SP_PENDING_REVERTING),
			 0);
	sp_watchdog_end(&fixture->watchdog);
	begin(fixture);
	run_until(fixture, SP_PENDING_REVERTED);
	assert_int_equal(fixture->returned, 1);
}

static void of_another_boot_it_returns_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct sp_pending pending = pending_for(3600 * SP_SECOND_NS);

	snprintf(pending.boot_id, sizeof(pending.boot_id), "another");
	write_pending(fixture, &pending);
	sp_watchdog_look(&fixture->watchdog);
	assert_int_equal(state_of(fixture), SP_PENDING_REVERTED);
}

static void a_file_nobody_can_read_returns_at_once(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(sp_file_replace(fixture->paths.pending_file, "{}", 2, 0600, SP_UID_KEEP,
					 SP_GID_KEEP),
			 0);
	sp_watchdog_look(&fixture->watchdog);
	assert_int_equal(fixture->returned, 1);
	assert_int_equal(access(fixture->paths.reverted_file, F_OK), 0);
}

/* ---- targets ---- */

/* A listening socket of loopback; *@ret_target is it. */
static int listen_on(const char *address, struct sp_target *ret_target)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6 };
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int off = 0;

	assert_int_equal(inet_pton(AF_INET6, address, &at.sin6_addr), 1);
	assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	memcpy(&ret_target->addr, &at.sin6_addr, sizeof(ret_target->addr));
	ret_target->port = ntohs(at.sin6_port);
	return fd;
}

static void targets_reached_throughout_confirm_it(void **state)
{
	struct fixture *fixture = *state;
	struct sp_pending pending = pending_for(3 * SP_SECOND_NS / 2);
	__sp_close int v4 = listen_on("::ffff:127.0.0.1", &pending.targets[0]);
	__sp_close int v6 = listen_on("::1", &pending.targets[1]);

	pending.target_count = 2;
	pending.is_confirmed_by_targets = true;
	write_pending(fixture, &pending);
	run_until(fixture, SP_PENDING_CONFIRMED);
	assert_int_equal(fixture->returned, 0);
	assert_string_equal(fixture->steps, " watched confirmed");
}

static int family_missing; /* of the kernel; 0: none */
int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);

int __wrap_socket(int family, int type, int protocol)
{
	if (family == family_missing) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return __real_socket(family, type, protocol);
}

static void a_kernel_without_the_other_family_reaches_its_own(void **state)
{
	static const struct {
		const char *address;
		int missing;
	} families[] = { { "::ffff:127.0.0.1", AF_INET6 }, { "::1", AF_INET } };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < 2; i++) {
		struct sp_pending pending = pending_for(3 * SP_SECOND_NS / 2);
		__sp_close int there = listen_on(families[i].address, &pending.targets[0]);

		pending.target_count = 1;
		pending.is_confirmed_by_targets = true;
		family_missing = families[i].missing;
		write_pending(fixture, &pending);
		run_until(fixture, SP_PENDING_CONFIRMED);
		family_missing = 0;
		assert_int_equal(sp_pending_end(&fixture->paths, SP_PENDING_CONFIRMED), 0);
	}
	assert_int_equal(fixture->returned, 0);
}

static void a_target_that_is_not_reached_lets_it_return(void **state)
{
	struct fixture *fixture = *state;
	struct sp_pending pending = pending_for(SP_SECOND_NS);
	struct sp_watched found = { 0 };
	__sp_close int there = listen_on("::ffff:127.0.0.1", &pending.targets[0]);
	int gone = listen_on("::1", &pending.targets[1]);

	close(gone);
	pending.target_count = 2;
	pending.is_confirmed_by_targets = true;
	write_pending(fixture, &pending);
	while (found.target_count == 0 || !found.targets[1].failed) {
		assert_int_equal(sp_loop_round(fixture->loop, SP_SECOND_NS / 10), 0);
		assert_int_equal(sp_watched_read(&fixture->paths, &found), 0);
	}
	assert_int_equal(found.targets[1].failure, -ECONNREFUSED);
	run_until(fixture, SP_PENDING_REVERTED);
	assert_int_equal(fixture->returned, 1);
}

#define with_fixture(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_fixture(what_is_not_confirmed_returns),
		with_fixture(what_is_confirmed_stays),
		with_fixture(a_return_that_fails_is_tried_again),
		with_fixture(without_a_former_revision_it_is_over_too),
		with_fixture(the_next_one_goes_on),
		with_fixture(of_another_boot_it_returns_at_once),
		with_fixture(a_file_nobody_can_read_returns_at_once),
		with_fixture(targets_reached_throughout_confirm_it),
		with_fixture(a_kernel_without_the_other_family_reaches_its_own),
		with_fixture(a_target_that_is_not_reached_lets_it_return),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
