/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/passwords.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "identity/password.h"

struct sp_passwords {
	struct sp_loop *loop;
	struct sp_source source; /* the event descriptor */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t there_is_one;
	/* under the lock */
	struct sp_check *first, **last, *finished;
	size_t count; /* in the queue, in hand, finished */
	bool is_stopping;
};

static struct sp_check *wait_for_one(struct sp_passwords *passwords)
{
	struct sp_check *check;

	pthread_mutex_lock(&passwords->lock);
	while (!passwords->first && !passwords->is_stopping)
		pthread_cond_wait(&passwords->there_is_one, &passwords->lock);
	check = passwords->is_stopping ? NULL : passwords->first;
	if (check) {
		passwords->first = check->next;
		if (!passwords->first)
			passwords->last = &passwords->first;
	}
	pthread_mutex_unlock(&passwords->lock);
	return check;
}

static void *work(void *arg)
{
	struct sp_passwords *passwords = arg;
	struct sp_check *check;

	while ((check = wait_for_one(passwords))) {
		check->is_right = sp_password_is_right(check->hash, check->password, strlen(check->password));
		pthread_mutex_lock(&passwords->lock);
		check->next = passwords->finished;
		passwords->finished = check;
		pthread_mutex_unlock(&passwords->lock);
		(void)eventfd_write(passwords->source.fd, 1);
	}
	return NULL;
}

static void hand_back(void *arg, uint32_t events)
{
	struct sp_passwords *passwords = arg;
	struct sp_check *finished;
	eventfd_t ignored;

	(void)events;
	(void)eventfd_read(passwords->source.fd, &ignored);
	pthread_mutex_lock(&passwords->lock);
	finished = SP_TAKE_PTR(passwords->finished);
	pthread_mutex_unlock(&passwords->lock);
	while (finished) {
		struct sp_check *check = finished;

		finished = check->next;
		if (check->done)
			check->done(check->arg, check->is_right);
		sp_check_free(check);
		pthread_mutex_lock(&passwords->lock);
		passwords->count--;
		pthread_mutex_unlock(&passwords->lock);
	}
}

int sp_passwords_check(struct sp_passwords *passwords, struct sp_check *check)
{
	bool has_room;

	pthread_mutex_lock(&passwords->lock);
	has_room = passwords->count < SP_CHECKS_MAX;
	if (has_room) {
		check->next = NULL;
		*passwords->last = check;
		passwords->last = &check->next;
		passwords->count++;
		pthread_cond_signal(&passwords->there_is_one);
	}
	pthread_mutex_unlock(&passwords->lock);
	return has_room ? 0 : -EBUSY;
}

int sp_passwords_new(struct sp_loop *loop, struct sp_passwords **ret_passwords)
{
	struct sp_passwords *passwords = calloc(1, sizeof(*passwords));
	int r;

	if (!passwords)
		return -ENOMEM;
	passwords->loop = loop;
	passwords->last = &passwords->first;
	passwords->source = (struct sp_source){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
						.ready = hand_back,
						.arg = passwords };
	pthread_mutex_init(&passwords->lock, NULL);
	pthread_cond_init(&passwords->there_is_one, NULL);
	r = passwords->source.fd < 0 ? sp_errno() : sp_loop_watch(loop, &passwords->source, EPOLLIN);
	if (r == 0)
		r = -pthread_create(&passwords->thread, NULL, work, passwords);
	if (r < 0) {
		sp_loop_forget(loop, &passwords->source);
		sp_closep(&passwords->source.fd);
		free(passwords);
		return r;
	}
	*ret_passwords = passwords;
	return 0;
}

void sp_passwords_free(struct sp_passwords *passwords)
{
	struct sp_check *check;

	if (!passwords)
		return;
	pthread_mutex_lock(&passwords->lock);
	passwords->is_stopping = true;
	pthread_cond_signal(&passwords->there_is_one);
	pthread_mutex_unlock(&passwords->lock);
	pthread_join(passwords->thread, NULL);
	*passwords->last = passwords->finished;
	while ((check = passwords->first)) {
		passwords->first = check->next;
		sp_check_free(check);
	}
	sp_loop_forget(passwords->loop, &passwords->source);
	close(passwords->source.fd);
	pthread_mutex_destroy(&passwords->lock);
	pthread_cond_destroy(&passwords->there_is_one);
	free(passwords);
}
