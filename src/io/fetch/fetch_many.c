/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests beside an event loop: libcurl's sockets in one epoll, whose descriptor the loop polls.
 * Source: libcurl-multi(3), curl_multi_socket_action(3). */
#include "io/fetch/fetch.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>

#include "base/array.h"
#include "base/err.h"
#include "base/units.h"
#include "io/fetch/fetch_transfer.h"
#include "io/loop/clock.h"

#define UNDER_WAY_MAX 64

struct under_way {
	uint64_t id;
	struct sp_http_request request;
	struct sp_transfer transfer;
	sp_fetched_fn done;
	void *arg;
	bool is_unusable; /* not given to libcurl: the next run reports why */
};

struct sp_fetcher {
	CURLM *multi;
	int epoll_fd;
	uint64_t due_ns; /* CLOCK_BOOTTIME at which libcurl wants to be called; UINT64_MAX: never */
	uint64_t last_id;
	struct under_way *slots[UNDER_WAY_MAX];
};

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct sp_fetcher *fetcher = (struct sp_fetcher *)arg;
	struct epoll_event event = { .data.fd = fd };

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(fetcher->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	if (epoll_ctl(fetcher->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0)
		return -1; /* libcurl then fails the transfer */
	curl_multi_assign(fetcher->multi, fd, fetcher);
	return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct sp_fetcher *fetcher = (struct sp_fetcher *)arg;

	(void)multi;
	fetcher->due_ns = timeout_ms < 0
				  ? UINT64_MAX
				  : sp_clock_boottime_ns() + (uint64_t)timeout_ms * SP_NS_PER_MS;
	return 0;
}

static void free_slot(struct sp_fetcher *fetcher, size_t slot)
{
	struct under_way *one = SP_TAKE_PTR(fetcher->slots[slot]);

	curl_multi_remove_handle(fetcher->multi, one->transfer.easy);
	sp_transfer_done(&one->transfer);
	sp_http_request_done(&one->request);
	free(one);
}

int sp_fetcher_new(struct sp_fetcher **ret_fetcher)
{
	struct sp_fetcher *fetcher = calloc(1, sizeof(*fetcher));
	int r;

	if (!fetcher)
		return -ENOMEM;
	fetcher->due_ns = UINT64_MAX;
	fetcher->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (fetcher->epoll_fd < 0) {
		r = sp_errno();
		free(fetcher);
		return r;
	}
	fetcher->multi = sp_fetch_start() == 0 ? curl_multi_init() : NULL;
	if (!fetcher->multi ||
	    curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, watch_socket) != CURLM_OK ||
	    curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher) != CURLM_OK ||
	    curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, set_timer) != CURLM_OK ||
	    curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERDATA, fetcher) != CURLM_OK) {
		sp_fetcher_free(fetcher);
		return -ENOMEM;
	}
	*ret_fetcher = fetcher;
	return 0;
}

void sp_fetcher_free(struct sp_fetcher *fetcher)
{
	if (!fetcher)
		return;
	for (size_t slot = 0; slot < UNDER_WAY_MAX; slot++)
		if (fetcher->slots[slot])
			free_slot(fetcher, slot);
	curl_multi_cleanup(fetcher->multi); /* may still call watch_socket */
	close(fetcher->epoll_fd);
	free(fetcher);
}

int sp_fetcher_begin(struct sp_fetcher *fetcher, struct sp_http_request *request,
		     const struct sp_fetch_trust *trust, sp_fetched_fn done, void *arg,
		     uint64_t *ret_id)
{
	struct under_way *one;
	size_t slot = 0;
	int r;

	while (slot < UNDER_WAY_MAX && fetcher->slots[slot])
		slot++;
	if (slot == UNDER_WAY_MAX)
		return -EBUSY;
	one = calloc(1, sizeof(*one));
	if (!one)
		return -ENOMEM;
	r = sp_transfer_init(&one->transfer, request, trust);
	if (r == -EINVAL) {
		one->is_unusable = true;
		fetcher->due_ns = 0;
	} else if (r == 0 &&
		   curl_multi_add_handle(fetcher->multi, one->transfer.easy) != CURLM_OK) {
		r = -ENOMEM;
	}
	if (r < 0 && !one->is_unusable) {
		sp_transfer_done(&one->transfer);
		free(one);
		return r;
	}
	one->id = ++fetcher->last_id;
	one->done = done;
	one->arg = arg;
	one->request = *request;
	*request = (struct sp_http_request){ 0 };
	fetcher->slots[slot] = one;
	*ret_id = one->id;
	return 0;
}

void sp_fetcher_cancel(struct sp_fetcher *fetcher, uint64_t id)
{
	for (size_t slot = 0; slot < UNDER_WAY_MAX; slot++)
		if (fetcher->slots[slot] && fetcher->slots[slot]->id == id)
			free_slot(fetcher, slot);
}

int sp_fetcher_fd(const struct sp_fetcher *fetcher)
{
	return fetcher->epoll_fd;
}

int sp_fetcher_timeout_ms(struct sp_fetcher *fetcher)
{
	const uint64_t now_ns = sp_clock_boottime_ns();
	uint64_t left_ms;

	if (fetcher->due_ns == UINT64_MAX)
		return -1;
	if (fetcher->due_ns <= now_ns)
		return 0;
	left_ms = (fetcher->due_ns - now_ns + SP_NS_PER_MS - 1) / SP_NS_PER_MS;
	return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

/* Report a transfer that has ended. Its slot is free and libcurl has forgotten it before @done
 * runs, so that @done may begin and cancel other transfers. */
static void fetch_finish(struct sp_fetcher *fetcher, size_t slot, CURLcode code)
{
	struct under_way *one = SP_TAKE_PTR(fetcher->slots[slot]);
	struct sp_http_reply reply;

	curl_multi_remove_handle(fetcher->multi, one->transfer.easy);
	sp_transfer_reply(&one->transfer, code, &reply);
	one->done(one->arg, &reply);
	sp_transfer_done(&one->transfer);
	sp_http_request_done(&one->request);
	free(one);
}

static void finish_ended(struct sp_fetcher *fetcher)
{
	const struct CURLMsg *message;
	int left;

	for (size_t slot = 0; slot < UNDER_WAY_MAX; slot++)
		if (fetcher->slots[slot] && fetcher->slots[slot]->is_unusable)
			fetch_finish(fetcher, slot, CURLE_URL_MALFORMAT);
	while ((message = curl_multi_info_read(fetcher->multi, &left))) {
		size_t slot = 0;

		while (slot < UNDER_WAY_MAX &&
		       !(fetcher->slots[slot] &&
			 fetcher->slots[slot]->transfer.easy == message->easy_handle))
			slot++;
		if (slot < UNDER_WAY_MAX && message->msg == CURLMSG_DONE)
			fetch_finish(fetcher, slot, message->data.result);
	}
}

void sp_fetcher_run(struct sp_fetcher *fetcher)
{
	struct epoll_event events[UNDER_WAY_MAX];
	int running, count = epoll_wait(fetcher->epoll_fd, events, UNDER_WAY_MAX, 0);

	for (int i = 0; i < count; i++) {
		int bits = events[i].events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0;

		if (events[i].events & EPOLLOUT)
			bits |= CURL_CSELECT_OUT;
		if (events[i].events & EPOLLERR)
			bits |= CURL_CSELECT_ERR;
		curl_multi_socket_action(fetcher->multi, events[i].data.fd, bits, &running);
	}
	if (fetcher->due_ns <= sp_clock_boottime_ns()) {
		fetcher->due_ns = UINT64_MAX; /* libcurl sets the next time itself */
		curl_multi_socket_action(fetcher->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	finish_ended(fetcher);
}
