/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The peers file has the text of a set=1 request. A request is made of the differences and carried
 * out by api.c. */
#include "vpnd/api/peers_load.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/array.h"
#include "base/err.h"
#include "base/units.h"
#include "io/loop/clock.h"
#include "vpnd/api/api_request.h"

#define REMOVED_MAX 65536

/* One peer of the file as last read. */
struct known {
	struct sp_wg_key public_key;
	int64_t expires_s; /* 0: never */
	bool is_over;      /* its deadline removed it; named again, it counts as new */
};

/* Peers that the socket removed, so that a file written before does not bring them back. */
struct removed {
	struct sp_wg_key public_key;
	int64_t when_ns; /* CLOCK_REALTIME */
};

struct sp_vpnd_peers {
	/* without `removed`: what this module removes is not to be remembered */
	struct sp_api_device device;
	char *path;
	const char *name; /* its last part */
	int epoll_fd, watch_fd, timer_fd;
	struct known *known; /* by key */
	size_t known_count;
	struct known **due; /* peers with a deadline, the earliest first */
	size_t due_count, due_next;

	pthread_mutex_t lock; /* of the following */
	struct removed *removed;
	size_t removed_count;
	int64_t forgot_ns; /* there were too many to remember: every peer counts as removed then */
};

/* ---- what the socket removed ---- */

void sp_vpnd_peers_removed(struct sp_vpnd_peers *peers, const uint8_t public_key[SP_WG_KEY_LEN])
{
	struct removed *removed = NULL;
	const int64_t now_ns = sp_clock_realtime_ns();

	pthread_mutex_lock(&peers->lock);
	if (peers->removed_count < REMOVED_MAX)
		removed = SP_ARRAY_PUSH(peers->removed, peers->removed_count);
	if (removed) {
		memcpy(removed->public_key.bytes, public_key, SP_WG_KEY_LEN);
		removed->when_ns = now_ns;
	} else {
		peers->forgot_ns = now_ns;
	}
	pthread_mutex_unlock(&peers->lock);
}

static int compare_removed(const void *a, const void *b)
{
	return memcmp(a, b, SP_WG_KEY_LEN);
}

/* Keep the peers removed after the file was written, by key. Every later file is written later. */
static void forget_removed(struct sp_vpnd_peers *peers, int64_t written_ns)
{
	struct removed *kept = NULL, *added;
	size_t count = 0;

	for (size_t i = 0; i < peers->removed_count; i++) {
		if (peers->removed[i].when_ns < written_ns)
			continue;
		added = SP_ARRAY_PUSH(kept, count);
		if (!added) {
			peers->forgot_ns = sp_clock_realtime_ns();
			break;
		}
		*added = peers->removed[i];
	}
	if (count)
		qsort(kept, count, sizeof(*kept), compare_removed);
	free(peers->removed);
	peers->removed = kept;
	peers->removed_count = count;
}

static bool was_removed(const struct sp_vpnd_peers *peers, const struct sp_wg_key *key,
			int64_t written_ns)
{
	if (peers->forgot_ns && peers->forgot_ns >= written_ns)
		return true;
	return peers->removed_count && bsearch(key, peers->removed, peers->removed_count,
					       sizeof(*peers->removed), compare_removed);
}

/* ---- the file against what was known ---- */

static int compare_known(const void *a, const void *b)
{
	const struct known *left = a, *right = b;

	return memcmp(left->public_key.bytes, right->public_key.bytes, SP_WG_KEY_LEN);
}

static struct known *find_known(struct known *known, size_t count, const struct sp_wg_key *key)
{
	struct known wanted = { .public_key = *key };

	return count ? bsearch(&wanted, known, count, sizeof(*known), compare_known) : NULL;
}

static int compare_due(const void *a, const void *b)
{
	const struct known *left = *(struct known *const *)a, *right = *(struct known *const *)b;

	return (left->expires_s > right->expires_s) - (left->expires_s < right->expires_s);
}

/* The state after the file is taken. */
struct next {
	struct known *known, **due;
	size_t known_count, due_count;
};

static void next_done(struct next *next)
{
	free(next->known);
	free(next->due);
}

static int list_next(const struct sp_peers *file, struct next *next)
{
	next->known = calloc(file->count + 1, sizeof(*next->known));
	next->due = calloc(file->count + 1, sizeof(*next->due));
	if (!next->known || !next->due)
		return -ENOMEM;
	for (size_t i = 0; i < file->count; i++)
		next->known[next->known_count++] = (struct known){
			.public_key = file->entries[i].peer.public_key,
			.expires_s = file->entries[i].expires_s,
		};
	qsort(next->known, next->known_count, sizeof(*next->known), compare_known);
	for (size_t i = 0; i < next->known_count; i++)
		if (next->known[i].expires_s)
			next->due[next->due_count++] = &next->known[i];
	qsort(next->due, next->due_count, sizeof(struct known *), compare_due);
	return 0;
}

static void write_removals(struct sp_vpnd_peers *peers, const struct next *next,
			   struct sp_uapi_set *set)
{
	for (size_t i = 0; i < peers->known_count; i++) {
		const struct sp_wg_peer gone = { .public_key = peers->known[i].public_key };

		if (!find_known(next->known, next->known_count, &gone.public_key))
			sp_uapi_set_peer(set, &gone, SP_WG_REMOVE);
	}
}

/* The endpoint of a peer in the engine is where it was last heard. The file's endpoint is used only
 * for a new peer. */
static void write_entry(struct sp_vpnd_peers *peers, const struct sp_peers_entry *entry,
			int64_t written_ns, int64_t now_s, struct sp_uapi_set *set)
{
	const struct known *was =
		find_known(peers->known, peers->known_count, &entry->peer.public_key);
	struct sp_wg_peer peer = entry->peer; /* borrows */

	if (sp_peers_entry_is_expired(entry, now_s)) {
		sp_uapi_set_peer(set, &peer, SP_WG_REMOVE);
	} else if (was && !was->is_over) {
		peer.has_endpoint = false;
		sp_uapi_set_peer(set, &peer, SP_WG_UPDATE);
	} else if (!was_removed(peers, &peer.public_key, written_ns)) {
		sp_uapi_set_peer(set, &peer, SP_WG_PUT);
	}
	sp_wg_key_wipe(&peer.preshared_key);
}

static int carry_out(struct sp_vpnd_peers *peers, struct sp_uapi_set *set)
{
	__sp_secret_buf struct sp_secret_buf reply = { 0 };
	int r = sp_uapi_set_finish(set);

	if (r == 0)
		r = sp_api_answer(&peers->device, set->text.data, set->text.len, &reply);
	return r < 0 ? r : sp_uapi_parse_set(reply.data, reply.len);
}

/* Set the port first: it is the only step that can be refused. */
static int take_port(struct sp_vpnd_peers *peers, const struct sp_peers *file)
{
	const struct sp_api_device *device = &peers->device;

	if (!file->listen_port || file->listen_port == device->get_listen_port(device->arg))
		return 0;
	return device->set_listen_port(device->arg, file->listen_port);
}

static void peers_adopt(struct sp_vpnd_peers *peers, struct next *next, int64_t now_s)
{
	free(peers->known);
	free(peers->due);
	peers->known = SP_TAKE_PTR(next->known);
	peers->due = SP_TAKE_PTR(next->due);
	peers->known_count = next->known_count;
	peers->due_count = next->due_count;
	peers->due_next = 0;
	while (peers->due_next < peers->due_count &&
	       peers->due[peers->due_next]->expires_s <= now_s)
		peers->due[peers->due_next++]->is_over = true;
}

static int file_take(struct sp_vpnd_peers *peers, const struct sp_peers *file, int64_t written_ns,
		     int64_t now_s)
{
	__sp_cleanup(next_done) struct next next = { 0 };
	__sp_uapi_set struct sp_uapi_set set;
	int r = list_next(file, &next);

	sp_uapi_set_init(&set);
	if (r == 0)
		r = take_port(peers, file);
	if (r < 0)
		return r;
	if (file->has_private_key)
		sp_uapi_set_private_key(&set, &file->private_key);
	write_removals(peers, &next, &set);
	pthread_mutex_lock(&peers->lock);
	forget_removed(peers, written_ns);
	for (size_t i = 0; i < file->count; i++)
		write_entry(peers, &file->entries[i], written_ns, now_s, &set);
	pthread_mutex_unlock(&peers->lock);
	r = carry_out(peers, &set);
	if (r == 0)
		peers_adopt(peers, &next, now_s);
	return r;
}

/* ---- deadlines ---- */

static void set_timer(struct sp_vpnd_peers *peers)
{
	const int64_t next_s = sp_vpnd_peers_next_deadline_s(peers);
	struct itimerspec when = { 0 };

	/* far away does as well as never, and is told of clock steps */
	when.it_value.tv_sec = next_s;
	if (timerfd_settime(peers->timer_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when,
			    NULL) < 0) {
		when.it_value.tv_sec = INT32_MAX;
		(void)timerfd_settime(peers->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
	}
}

int64_t sp_vpnd_peers_next_deadline_s(const struct sp_vpnd_peers *peers)
{
	return peers->due_next < peers->due_count ? peers->due[peers->due_next]->expires_s
						  : INT64_MAX;
}

size_t sp_vpnd_peers_expire(struct sp_vpnd_peers *peers, int64_t now_s)
{
	size_t count = 0;

	while (sp_vpnd_peers_next_deadline_s(peers) <= now_s) {
		struct known *known = peers->due[peers->due_next++];

		known->is_over = true;
		count += sp_api_remove_peer(&peers->device, known->public_key.bytes);
	}
	if (count)
		peers->device.changed(peers->device.arg);
	set_timer(peers);
	return count;
}

/* ---- the file ---- */

int sp_vpnd_peers_load(struct sp_vpnd_peers *peers, int64_t now_s, struct sp_peers_error *ret_error)
{
	__sp_peers struct sp_peers file = { 0 };
	struct stat st;
	int r;

	/* Read the file's time before its contents. If the file is replaced in between, a removed
	 * peer is compared with too early a time and stays removed. */
	if (stat(peers->path, &st) < 0)
		return sp_errno();
	r = sp_peers_file_read(peers->path, &file, ret_error);
	if (r == 0)
		r = file_take(peers, &file,
			      (int64_t)st.st_mtim.tv_sec * SP_NS_PER_S + st.st_mtim.tv_nsec, now_s);
	set_timer(peers);
	return r;
}

static int fd_watch(struct sp_vpnd_peers *peers, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(peers->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? sp_errno() : 0;
}

static int watch_folder(struct sp_vpnd_peers *peers)
{
	char *slash = strrchr(peers->path, '/');
	int r;

	peers->name = slash ? slash + 1 : peers->path;
	if (slash)
		*slash = '\0';
	r = inotify_add_watch(peers->watch_fd,
			      !slash                 ? "."
			      : slash == peers->path ? "/"
						     : peers->path,
			      IN_MOVED_TO | IN_CLOSE_WRITE);
	r = r < 0 ? sp_errno() : 0;
	if (slash)
		*slash = '/';
	return r;
}

int sp_vpnd_peers_new(const char *path, const struct sp_api_device *device,
		      struct sp_vpnd_peers **ret_peers)
{
	__sp_cleanup(sp_vpnd_peers_freep) struct sp_vpnd_peers *peers = calloc(1, sizeof(*peers));
	int r;

	if (!peers)
		return -ENOMEM;
	pthread_mutex_init(&peers->lock, NULL);
	peers->device = *device;
	peers->device.removed = NULL;
	peers->path = strdup(path);
	peers->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	peers->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	peers->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (!peers->path)
		return -ENOMEM;
	if (peers->epoll_fd < 0 || peers->watch_fd < 0 || peers->timer_fd < 0)
		return sp_errno();
	r = watch_folder(peers);
	if (r == 0)
		r = fd_watch(peers, peers->watch_fd);
	if (r == 0)
		r = fd_watch(peers, peers->timer_fd);
	if (r < 0)
		return r;
	set_timer(peers);
	*ret_peers = SP_TAKE_PTR(peers);
	return 0;
}

void sp_vpnd_peers_free(struct sp_vpnd_peers *peers)
{
	if (!peers)
		return;
	sp_closep(&peers->timer_fd);
	sp_closep(&peers->watch_fd);
	sp_closep(&peers->epoll_fd);
	pthread_mutex_destroy(&peers->lock);
	free(peers->removed);
	free(peers->known);
	free(peers->due);
	free(peers->path);
	free(peers);
}

int sp_vpnd_peers_fd(const struct sp_vpnd_peers *peers)
{
	return peers->epoll_fd;
}

/* Is the file among the changes in its folder? */
static bool was_replaced(struct sp_vpnd_peers *peers)
{
	union {
		struct inotify_event event;
		char bytes[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
	} buffer;
	bool was = false;
	ssize_t got;

	while ((got = read(peers->watch_fd, &buffer, sizeof(buffer))) > 0) {
		for (char *at = buffer.bytes; at < buffer.bytes + got;) {
			const struct inotify_event *event = (const struct inotify_event *)at;

			was = was || (event->mask & IN_Q_OVERFLOW) ||
			      (event->len && strcmp(event->name, peers->name) == 0);
			at += sizeof(*event) + event->len;
		}
	}
	return was;
}

int sp_vpnd_peers_step(struct sp_vpnd_peers *peers, struct sp_peers_error *ret_error,
		       size_t *ret_expired)
{
	const int64_t now_s = sp_clock_realtime_s();
	uint64_t fired;
	int r = 0;

	/* also -ECANCELED: the clock was set */
	(void)!read(peers->timer_fd, &fired, sizeof(fired));
	if (was_replaced(peers))
		r = sp_vpnd_peers_load(peers, now_s, ret_error);
	*ret_expired = sp_vpnd_peers_expire(peers, now_s);
	return r;
}
