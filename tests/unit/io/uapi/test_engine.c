/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A real engine (wireguard-go) on a device of ours, driven through the userspace API alone. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "io/files/files.h"
#include "io/packets/tun.h"
#include "io/uapi/uapi.h"
#include "net/addr.h"
#include "../scratch.h"

#define SOCKET "/var/run/wireguard/vpn0.sock"

static struct sp_netlink *netlink;
static pid_t engine;

static void start_engine(void)
{
	struct sp_wg_device device = { 0 };
	int r = -ENOENT;

	engine = fork();
	if (engine == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		execlp("wireguard-go", "wireguard-go", "--foreground", "vpn0", NULL);
		_exit(127);
	}
	for (int i = 0; i < 3000 && r < 0; i++) {
		usleep(20000);
		r = sp_uapi_get(SOCKET, 1000, &device);
	}
	assert_int_equal(r, 0);
	sp_wg_device_done(&device);
}

static void kill_engine(void)
{
	kill(engine, SIGKILL);
	assert_int_equal(waitpid(engine, NULL, 0), engine);
	engine = 0;
}

static int set_up(void **state)
{
	struct sp_link link;

	(void)state;
	if (sp_netlink_open(&netlink) < 0 || sp_tun_ensure(netlink, "vpn0", 0, 0, &link, NULL) < 0)
		return -1;
	start_engine();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (engine)
		kill_engine();
	sp_tun_remove(netlink, "vpn0");
	sp_netlink_close(netlink);
	return 0;
}

static struct sp_prefix prefix(const char *text)
{
	struct sp_prefix parsed;

	assert_int_equal(sp_prefix_parse(text, &parsed), 0);
	return parsed;
}

static void what_was_set_is_what_the_engine_says(void **state)
{
	__sp_wg_device struct sp_wg_device device = { 0 };
	__sp_uapi_set struct sp_uapi_set set = { 0 };
	struct sp_prefix prefixes[] = { prefix("100.64.0.7/32"), prefix("fd00:64::7/128") };
	struct sp_wg_peer peer = { .allowed_ips = prefixes,
				   .allowed_ip_count = 2,
				   .keepalive_s = 25 };
	struct sp_wg_key private_key, public_key, peer_private;
	const struct sp_wg_peer *found;

	(void)state;
	assert_int_equal(sp_wg_keypair_make(&private_key, &public_key), 0);
	assert_int_equal(sp_wg_keypair_make(&peer_private, &peer.public_key), 0);
	assert_int_equal(sp_wg_preshared_make(&peer.preshared_key), 0);
	assert_int_equal(sp_addr_parse("192.0.2.7", &peer.endpoint), 0);
	peer.has_endpoint = true;
	peer.endpoint_port = 40000;
	sp_uapi_set_init(&set);
	sp_uapi_set_private_key(&set, &private_key);
	sp_uapi_set_listen_port(&set, 51820);
	sp_uapi_set_replace_peers(&set);
	sp_uapi_set_peer(&set, &peer, SP_WG_PUT);
	assert_int_equal(sp_uapi_set_finish(&set), 0);
	assert_int_equal(sp_uapi_send(SOCKET, 1000, &set), 0);

	assert_int_equal(sp_uapi_get(SOCKET, 1000, &device), 0);
	assert_true(device.has_private_key && sp_wg_key_equal(&device.private_key, &private_key));
	assert_int_equal(device.listen_port, 51820);
	assert_int_equal(device.peer_count, 1);
	found = &device.peers[0];
	assert_true(sp_wg_key_equal(&found->public_key, &peer.public_key));
	assert_true(sp_wg_key_equal(&found->preshared_key, &peer.preshared_key));
	assert_memory_equal(&found->endpoint, &peer.endpoint, sizeof(peer.endpoint));
	assert_int_equal(found->endpoint_port, 40000);
	assert_int_equal(found->keepalive_s, 25);
	assert_int_equal(found->allowed_ip_count, 2);
	assert_true(found->last_handshake_ns == 0);
}

static void change(const struct sp_wg_peer *peer, enum sp_wg_peer_mode mode)
{
	__sp_uapi_set struct sp_uapi_set set = { 0 };

	sp_uapi_set_init(&set);
	sp_uapi_set_peer(&set, peer, mode);
	assert_int_equal(sp_uapi_set_finish(&set), 0);
	assert_int_equal(sp_uapi_send(SOCKET, 1000, &set), 0);
}

static size_t count_peers(void)
{
	__sp_wg_device struct sp_wg_device device = { 0 };

	assert_int_equal(sp_uapi_get(SOCKET, 1000, &device), 0);
	return device.peer_count;
}

static void peers_come_change_and_go(void **state)
{
	__sp_wg_device struct sp_wg_device device = { 0 };
	struct sp_prefix first = prefix("100.64.0.8/32"), second = prefix("100.64.0.9/32");
	struct sp_wg_peer peer = { .allowed_ips = &first, .allowed_ip_count = 1 };
	struct sp_wg_key unused;

	(void)state;
	assert_int_equal(sp_wg_keypair_make(&unused, &peer.public_key), 0);
	change(&peer, SP_WG_UPDATE); /* the engine lacks it, so nothing happens */
	assert_int_equal(count_peers(), 0);
	change(&peer, SP_WG_PUT);
	assert_int_equal(count_peers(), 1);
	peer.allowed_ips = &second;
	change(&peer, SP_WG_UPDATE);
	assert_int_equal(sp_uapi_get(SOCKET, 1000, &device), 0);
	assert_int_equal(device.peers[0].allowed_ip_count, 1);
	assert_int_equal(sp_prefix_compare(&device.peers[0].allowed_ips[0], &second), 0);
	change(&peer, SP_WG_REMOVE);
	assert_int_equal(count_peers(), 0);
	change(&peer, SP_WG_REMOVE);
}

static void engine_s_own_refusal_is_told(void **state)
{
	__sp_uapi_set struct sp_uapi_set set = { 0 };

	(void)state;
	sp_uapi_set_init(&set);
	/* A key no setter of ours would write. */
	assert_int_equal(sp_secret_buf_put(&set.text, "nonsense=1\n", 11), 0);
	assert_int_equal(sp_uapi_set_finish(&set), 0);
	assert_true(sp_uapi_send(SOCKET, 1000, &set) < 0);
	assert_int_equal(count_peers(), 0); /* and it still talks */
}

static void device_outlives_its_engine_and_takes_a_new_one(void **state)
{
	struct sp_link before, after;
	struct sp_wg_device device = { 0 };

	(void)state;
	assert_int_equal(sp_netlink_get_link(netlink, "vpn0", &before), 0);
	kill_engine();
	assert_int_equal(sp_netlink_get_link(netlink, "vpn0", &after), 0);
	assert_int_equal(after.ifindex, before.ifindex);
	assert_int_equal(sp_uapi_get(SOCKET, 200, &device), -ECONNREFUSED);
	start_engine();
	assert_int_equal(sp_netlink_get_link(netlink, "vpn0", &after), 0);
	assert_int_equal(after.ifindex, before.ifindex);
}

static void stopped_engine_costs_no_more_than_was_asked(void **state)
{
	struct sp_wg_device device = { 0 };
	struct timespec before, after;
	int status;

	(void)state;
	kill(engine, SIGSTOP);
	assert_int_equal(waitpid(engine, &status, WUNTRACED), engine);
	assert_true(WIFSTOPPED(status));
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(sp_uapi_get(SOCKET, 200, &device), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &after);
	kill(engine, SIGCONT);
	assert_in_range((after.tv_sec - before.tv_sec) * 1000 +
				(after.tv_nsec - before.tv_nsec) / 1000000,
			190, 20000); /* not for ever; a busy machine adds its own */
	assert_int_equal(sp_uapi_get(SOCKET, 1000, &device), 0);
	sp_wg_device_done(&device);
}

#define with_engine(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_engine(what_was_set_is_what_the_engine_says),
		with_engine(peers_come_change_and_go),
		with_engine(engine_s_own_refusal_is_told),
		with_engine(device_outlives_its_engine_and_takes_a_new_one),
		with_engine(stopped_engine_costs_no_more_than_was_asked),
	};

	scratch_namespace("io/engine");
	if (system("command -v wireguard-go >/dev/null") != 0 || access("/dev/net/tun", F_OK) < 0) {
		printf("skip: io/engine needs wireguard-go and /dev/net/tun\n");
		return 77;
	}
	/* The engine's socket folder is fixed: ours is laid over it, in this mount namespace alone. */
	if (sp_dir_make("/var/run/wireguard", 0755) < 0 ||
	    mount("tmpfs", "/var/run/wireguard", "tmpfs", 0, NULL) < 0)
		return 1;
	return cmocka_run_group_tests_name("io/engine", tests, NULL, NULL);
}
