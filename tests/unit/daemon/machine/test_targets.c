/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a target counts as silent, and when as answering again. The loop is real; the clock and what
 * becomes of a connection are the test's. */
#include "../../policy/loading.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "../../../support/folder.h"
#include "daemon/daemon.h"

#define FORWARD(targets)                                                                           \
	"sallyport: 1\nnat: [ { name: farm, forward: { to: \"192.0.2.1:tcp/80\", target: "         \
	"[" targets "], check: tcp } } ]\nfixtures: { self: [192.0.2.1] }\n"
#define ONE "\"10.30.2.1:80\""
#define TWO "\"10.30.2.1:80\", \"10.30.2.2:80\""

static uint64_t now_ns;
static int result;    /* of every connection from now on; 1: it never ends */
static int open_most; /* most connections that were under way at once */
static unsigned int attempts, recorded, changes;
static enum sp_audit_event last_event;

uint64_t __wrap_sp_clock_boottime_ns(void);
int64_t __wrap_sp_clock_realtime_ns(void);
int64_t __wrap_sp_clock_offset_ns(void);
void __wrap_sp_recorder_append(struct sp_recorder *recorder, struct sp_audit_record *record);
int __wrap_sp_tcp_connect(const struct sp_addr *addr, uint16_t port, int *ret_fd);
int __wrap_sp_tcp_result(int fd);

uint64_t __wrap_sp_clock_boottime_ns(void)
{
	return now_ns;
}

int64_t __wrap_sp_clock_realtime_ns(void)
{
	return (int64_t)now_ns;
}

int64_t __wrap_sp_clock_offset_ns(void)
{
	return 0;
}

void __wrap_sp_recorder_append(struct sp_recorder *recorder, struct sp_audit_record *record)
{
	(void)recorder;
	last_event = record->event;
	recorded++;
}

/* A full eventfd is never ready to be written to, an empty one at once. */
int __wrap_sp_tcp_connect(const struct sp_addr *addr, uint16_t port, int *ret_fd)
{
	(void)addr;
	assert_int_equal(port, 80);
	attempts++;
	*ret_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(*ret_fd >= 0);
	if (result == 1)
		assert_int_equal(eventfd_write(*ret_fd, UINT64_MAX - 1), 0);
	return 0;
}

int __wrap_sp_tcp_result(int fd)
{
	(void)fd;
	return result;
}

static void count_change(void *arg)
{
	(void)arg;
	changes++;
}

/* ---- one sallyportd ---- */

struct fixture {
	struct sp_targets targets;
	struct sp_revisions revisions;
	struct sp_revision revision;
	struct sp_warnings warnings;
	struct sp_paths paths;
	char folder[TEST_FOLDER_SIZE];
};

static void run_policy(struct fixture *fixture, const char *text)
{
	sp_policy_free(fixture->revision.policy);
	fixture->revision.policy = load_good(text);
	fixture->revision.number++;
	fixture->revisions.running = &fixture->revision;
	sp_targets_look(&fixture->targets);
}

static void start(struct fixture *fixture)
{
	fixture->targets = (struct sp_targets){ .paths = &fixture->paths,
						.revisions = &fixture->revisions,
						.warnings = &fixture->warnings,
						.changed = count_change };
	assert_int_equal(sp_loop_new(&fixture->targets.loop), 0);
	sp_targets_open(&fixture->targets);
	attempts = recorded = changes = 0;
	result = 0;
}

static void stop(struct fixture *fixture)
{
	sp_targets_close(&fixture->targets);
	sp_loop_free(fixture->targets.loop);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	assert_non_null(test_folder_make(fixture->folder));
	fixture->paths.run_dir = fixture->folder;
	now_ns = 1000 * SP_SECOND_NS;
	start(fixture);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	char path[TEST_FOLDER_SIZE + 32];

	stop(fixture);
	sp_policy_free(fixture->revision.policy);
	snprintf(path, sizeof(path), "%s/targets-down", fixture->folder);
	(void)unlink(path);
	assert_int_equal(rmdir(fixture->folder), 0);
	free(fixture);
	return 0;
}

static int under_way(const struct fixture *fixture)
{
	int count = 0;

	for (size_t i = 0; i < fixture->targets.count; i++)
		count += fixture->targets.items[i]->socket.fd >= 0;
	return count;
}

/* Let @seconds pass, a tenth at a time. */
static void pass(struct fixture *fixture, unsigned int seconds)
{
	for (unsigned int i = 0; i < seconds * 10; i++) {
		now_ns += SP_SECOND_NS / 10;
		/* a timer that is due, and then what the socket says */
		assert_int_equal(sp_loop_round(fixture->targets.loop, 0), 0);
		open_most = under_way(fixture) > open_most ? under_way(fixture) : open_most;
		assert_int_equal(sp_loop_round(fixture->targets.loop, 0), 0);
	}
}

static size_t silent(const struct fixture *fixture)
{
	return sp_targets_silents(&fixture->targets).count;
}

/* ---- tests ---- */

static void three_failures_in_a_row_silence_a_target(void **state)
{
	struct fixture *fixture = *state;

	run_policy(fixture, FORWARD(ONE));
	pass(fixture, 3);
	assert_true(fixture->targets.items[0]->is_known);
	assert_true(fixture->targets.items[0]->since_ns > 0);
	assert_int_equal(changes, 0); /* it was taken to answer */
	result = -ECONNREFUSED;
	pass(fixture, 5);
	assert_int_equal(silent(fixture), 0);
	result = 0; /* two failures, and then none */
	pass(fixture, 3);
	result = -ECONNREFUSED;
	pass(fixture, 5);
	assert_int_equal(silent(fixture), 0);
	pass(fixture, 3);
	assert_int_equal(silent(fixture), 1);
	assert_int_equal(changes, 1);
	assert_int_equal(recorded, 1);
	assert_int_equal(last_event, SP_AUDIT_TARGET_DOWN);
	assert_true(sp_warnings_has(&fixture->warnings, "forward-dead"));
}

static void two_successes_in_a_row_bring_it_back(void **state)
{
	struct fixture *fixture = *state;

	result = -EHOSTUNREACH;
	run_policy(fixture, FORWARD(ONE));
	pass(fixture, 8);
	assert_int_equal(silent(fixture), 1);
	result = 0;
	pass(fixture, 2);
	result = -EHOSTUNREACH;
	pass(fixture, 2);
	result = 0;
	pass(fixture, 2);
	assert_int_equal(silent(fixture), 1);
	pass(fixture, 3);
	assert_int_equal(silent(fixture), 0);
	assert_int_equal(last_event, SP_AUDIT_TARGET_UP);
	assert_false(sp_warnings_has(&fixture->warnings, "forward-dead"));
}

static void no_answer_is_a_failure_and_one_attempt_a_target_is_under_way(void **state)
{
	struct fixture *fixture = *state;

	open_most = 0;
	result = 1;
	run_policy(fixture, FORWARD(TWO));
	pass(fixture, 14);
	assert_int_equal(silent(fixture), 2);
	assert_int_equal(fixture->targets.items[0]->fault, -ETIMEDOUT);
	assert_int_equal(open_most, 2);
	assert_in_range(attempts, 6, 8);
}

/* Without a file descriptor or a port of its own to spare, sallyportd knows nothing of the target. */
static void a_fault_of_the_gateways_own_silences_nobody(void **state)
{
	static const int faults[] = { -EMFILE, -ENFILE, -ENOMEM, -ENOBUFS, -EADDRNOTAVAIL };
	struct fixture *fixture = *state;

	run_policy(fixture, FORWARD(TWO));
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		result = faults[i];
		pass(fixture, 10);
		assert_int_equal(silent(fixture), 0);
		assert_int_equal(fixture->targets.items[0]->fault, faults[i]);
	}
	result = -ECONNREFUSED;
	pass(fixture, 8);
	assert_int_equal(silent(fixture), 2);
}

static void the_next_sallyportd_begins_with_who_is_silent(void **state)
{
	struct fixture *fixture = *state;
	int64_t since_ns;

	result = -ECONNREFUSED;
	run_policy(fixture, FORWARD(TWO));
	pass(fixture, 8);
	assert_int_equal(silent(fixture), 2);
	since_ns = fixture->targets.items[0]->since_ns;
	stop(fixture);
	start(fixture);
	assert_int_equal(silent(fixture), 2);
	assert_true(fixture->targets.items[0]->since_ns == since_ns);
	run_policy(fixture, FORWARD(ONE)); /* the other one is nobody's any more */
	assert_int_equal(silent(fixture), 1);
	stop(fixture);
	start(fixture);
	assert_int_equal(silent(fixture), 1);
}

static void a_policy_without_checks_asks_nobody(void **state)
{
	struct fixture *fixture = *state;

	run_policy(fixture, FORWARD(ONE));
	pass(fixture, 3);
	run_policy(fixture, "sallyport: 1\n");
	attempts = 0;
	pass(fixture, 5);
	assert_int_equal(attempts, 0);
	assert_int_equal(fixture->targets.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(three_failures_in_a_row_silence_a_target, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(two_successes_in_a_row_bring_it_back, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			no_answer_is_a_failure_and_one_attempt_a_target_is_under_way, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(a_fault_of_the_gateways_own_silences_nobody, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_next_sallyportd_begins_with_who_is_silent,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_policy_without_checks_asks_nobody, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
