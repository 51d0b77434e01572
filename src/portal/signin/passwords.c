/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/signin/passwords.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "identity/accounts/password.h"
#include "portal/signin/checks.h"

#define THREADS_MAX 4u

struct sp_passwords {
	struct sp_loop *loop;
	struct sp_source source; /* the event descriptor */
	pthread_t threads[THREADS_MAX];
	size_t thread_count;
	pthread_mutex_t lock;
	pthread_cond_t may_go_on;
	/* under the lock */
	struct sp_checks checks;
	struct sp_password_check *finished;
	bool is_stopping;
};

static struct sp_password_check *wait_for_one(struct sp_passwords *passwords)
{
	struct sp_password_check *check = NULL;

	pthread_mutex_lock(&passwords->lock);
	while (!passwords->is_stopping && !(check = sp_checks_take(&passwords->checks)))
		pthread_cond_wait(&passwords->may_go_on, &passwords->lock);
	pthread_mutex_unlock(&passwords->lock);
	return check;
}

static void *work(void *arg)
{
	struct sp_passwords *passwords = arg;
	struct sp_password_check *check;

	while ((check = wait_for_one(passwords))) {
		check->is_right =
			sp_password_is_right(check->hash, check->password, strlen(check->password));
		pthread_mutex_lock(&passwords->lock);
		sp_checks_finish(&passwords->checks, check);
		check->next = passwords->finished;
		passwords->finished = check;
		pthread_cond_broadcast(&passwords->may_go_on); /* its memory is free */
		pthread_mutex_unlock(&passwords->lock);
		(void)eventfd_write(passwords->source.fd, 1);
	}
	return NULL;
}

static void hand_back(void *arg, uint32_t events)
{
	struct sp_passwords *passwords = arg;
	struct sp_password_check *finished;
	eventfd_t ignored;

	(void)events;
	(void)eventfd_read(passwords->source.fd, &ignored);
	pthread_mutex_lock(&passwords->lock);
	finished = SP_TAKE_PTR(passwords->finished);
	pthread_mutex_unlock(&passwords->lock);
	while (finished) {
		struct sp_password_check *check = finished;

		finished = check->next;
		if (check->done)
			check->done(check->arg, check->is_right);
		sp_password_check_free(check);
	}
}

int sp_passwords_check(struct sp_passwords *passwords, struct sp_password_check *check)
{
	int r;

	pthread_mutex_lock(&passwords->lock);
	r = sp_checks_put(&passwords->checks, check);
	if (r == 0)
		pthread_cond_signal(&passwords->may_go_on);
	pthread_mutex_unlock(&passwords->lock);
	return r;
}

/* As many threads as this process may use cores, within bounds. */
static size_t count_threads(void)
{
	cpu_set_t cores;
	size_t count = 1;

	if (sched_getaffinity(0, sizeof(cores), &cores) == 0)
		count = (size_t)CPU_COUNT(&cores);
	return count < 1 ? 1 : count < THREADS_MAX ? count : THREADS_MAX;
}

/* One thread is enough; more threads compare more passwords at once. */
static int start_threads(struct sp_passwords *passwords)
{
	const size_t wanted = count_threads();
	int r = 0;

	while (r == 0 && passwords->thread_count < wanted) {
		r = -pthread_create(&passwords->threads[passwords->thread_count], NULL, work,
				    passwords);
		passwords->thread_count += r == 0;
	}
	return passwords->thread_count ? 0 : r;
}

int sp_passwords_new(struct sp_loop *loop, struct sp_passwords **ret_passwords)
{
	struct sp_passwords *passwords = calloc(1, sizeof(*passwords));
	int r;

	if (!passwords)
		return -ENOMEM;
	passwords->loop = loop;
	passwords->source = (struct sp_source){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
						.ready = hand_back,
						.arg = passwords };
	pthread_mutex_init(&passwords->lock, NULL);
	pthread_cond_init(&passwords->may_go_on, NULL);
	r = passwords->source.fd < 0 ? sp_errno() : sp_checks_init(&passwords->checks);
	if (r == 0)
		r = sp_loop_watch(loop, &passwords->source, EPOLLIN);
	if (r == 0)
		r = start_threads(passwords);
	if (r < 0) {
		sp_passwords_free(passwords);
		return r;
	}
	*ret_passwords = passwords;
	return 0;
}

void sp_passwords_free(struct sp_passwords *passwords)
{
	if (!passwords)
		return;
	pthread_mutex_lock(&passwords->lock);
	passwords->is_stopping = true;
	pthread_cond_broadcast(&passwords->may_go_on);
	pthread_mutex_unlock(&passwords->lock);
	for (size_t i = 0; i < passwords->thread_count; i++)
		pthread_join(passwords->threads[i], NULL);
	while (passwords->finished) {
		struct sp_password_check *check = passwords->finished;

		passwords->finished = check->next;
		sp_password_check_free(check);
	}
	sp_checks_done(&passwords->checks);
	sp_loop_forget(passwords->loop, &passwords->source);
	sp_closep(&passwords->source.fd);
	pthread_mutex_destroy(&passwords->lock);
	pthread_cond_destroy(&passwords->may_go_on);
	free(passwords);
}
