/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "io/files/files.h"
#include "io/packets/tun.h"
#include "../scratch.h"

#define ENGINE_UID 64123
#define ENGINE_GID 64124

static struct sp_netlink *netlink;

static void run(const char *command)
{
	assert_int_equal(system(command), 0);
}

/* Attach as an engine does. Returns a descriptor or -errno. */
static int attach(const char *name, short flags)
{
	struct ifreq request = { .ifr_flags = flags };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	strcpy(request.ifr_name, name);
	if (ioctl(fd, TUNSETIFF, &request) == 0)
		return fd;
	close(fd);
	return -errno;
}

#define DEVICE_IS_CLOSED 255

/* The same by @uid with no rights at all; returns 0, -errno of TUNSETIFF, or -DEVICE_IS_CLOSED. */
static int attach_as(uid_t uid, const char *name)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		int fd;

		if (setgid(64199) < 0 || setuid(uid) < 0 || access("/dev/net/tun", R_OK | W_OK) < 0)
			_exit(DEVICE_IS_CLOSED);
		fd = attach(name, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
		_exit(fd < 0 ? -fd : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static int remove_all(void **state)
{
	(void)state;
	return system("for i in vpn0 tap0 veth0; do ip link del $i 2>/dev/null; done; true");
}

static void made_device_belongs_to_the_engine_and_outlives_it(void **state)
{
	struct sp_link link;
	bool made = false;
	int fd;

	(void)state;
	assert_int_equal(sp_tun_ensure(netlink, "vpn0", ENGINE_UID, ENGINE_GID, &link, &made), 0);
	assert_true(made);
	assert_string_equal(link.kind, "tun");
	assert_true(link.tun_is_persistent && !link.tun_is_multi_queue && !link.tun_is_tap);
	assert_true(link.tun_has_owner && link.tun_owner == ENGINE_UID);
	assert_true(link.tun_has_group && link.tun_group == ENGINE_GID);
	assert_false(link.is_up);
	fd = attach("vpn0", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(sp_netlink_get_link(netlink, "vpn0", &link), 0);
}

static void engine_without_rights_attaches_to_its_own_only(void **state)
{
	struct sp_link link;
	int r;

	(void)state;
	assert_int_equal(sp_tun_ensure(netlink, "vpn0", ENGINE_UID, SP_GID_KEEP, &link, NULL), 0);
	r = attach_as(ENGINE_UID, "vpn0");
	assert_int_equal(r, 0);
	assert_int_equal(attach_as(ENGINE_UID + 1, "vpn0"), -EPERM);
}

static void device_that_is_there_is_adopted_as_it_is(void **state)
{
	struct sp_link first, second;
	bool made = true;
	int fd;

	(void)state;
	assert_int_equal(sp_tun_ensure(netlink, "vpn0", ENGINE_UID, ENGINE_GID, &first, NULL), 0);
	run("ip link set vpn0 up && ip addr add 100.64.0.1/16 dev vpn0");
	fd = attach("vpn0", IFF_TUN | IFF_NO_PI);
	assert_int_equal(sp_tun_ensure(netlink, "vpn0", ENGINE_UID, ENGINE_GID, &second, &made), 0);
	assert_false(made);
	assert_int_equal(second.ifindex, first.ifindex);
	assert_true(second.is_up);
	/* Another owner, while an engine holds it, cannot be given. */
	assert_int_equal(sp_tun_ensure(netlink, "vpn0", ENGINE_UID + 1, ENGINE_GID, &second, NULL),
			 -EBUSY);
	close(fd);
	assert_int_equal(sp_tun_ensure(netlink, "vpn0", ENGINE_UID + 1, ENGINE_GID, &second, NULL),
			 0);
	assert_int_equal(second.tun_owner, ENGINE_UID + 1);
	assert_int_equal(second.ifindex, first.ifindex);
	run("ip addr show dev vpn0 | grep -q 100.64.0.1/16");
}

static void device_of_iproute_is_adopted(void **state)
{
	struct sp_link link;
	bool made = true;

	(void)state;
	run("ip tuntap add dev vpn0 mode tun");
	assert_int_equal(sp_tun_ensure(netlink, "vpn0", SP_UID_KEEP, SP_GID_KEEP, &link, &made), 0);
	assert_false(made);
	assert_false(link.tun_has_owner);
}

static void other_devices_of_the_name_are_refused(void **state)
{
	struct sp_link link = { 0 };
	int fd;

	(void)state;
	run("ip link add veth0 type veth peer name veth1");
	assert_int_equal(sp_tun_ensure(netlink, "veth0", 0, 0, &link, NULL), -EEXIST);
	assert_int_equal(sp_tun_remove(netlink, "veth0"), -EMEDIUMTYPE);
	run("ip tuntap add dev tap0 mode tap");
	assert_int_equal(sp_tun_ensure(netlink, "tap0", 0, 0, &link, NULL), -EMEDIUMTYPE);
	assert_int_equal(sp_tun_remove(netlink, "tap0"), -EMEDIUMTYPE);
	run("ip tuntap add dev vpn0 mode tun multi_queue");
	assert_int_equal(sp_tun_ensure(netlink, "vpn0", 0, 0, &link, NULL), -EMEDIUMTYPE);
	assert_int_equal(sp_tun_remove(netlink, "vpn0"), -EMEDIUMTYPE);
	run("ip link del vpn0");
	fd = attach("vpn0", IFF_TUN | IFF_NO_PI); /* goes with its descriptor */
	assert_true(fd >= 0);
	assert_int_equal(sp_tun_ensure(netlink, "vpn0", 0, 0, &link, NULL), -EMEDIUMTYPE);
	assert_int_equal(sp_tun_remove(netlink, "vpn0"), -EMEDIUMTYPE);
	close(fd);
	assert_int_equal(link.ifindex, 0);
}

static void bad_names_are_refused(void **state)
{
	static const char *const names[] = { "", "vpn%d", "a/b", "a b", "sixteen-letters0" };
	struct sp_link link;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(sp_tun_ensure(netlink, names[i], 0, 0, &link, NULL), -EINVAL);
}

static void device_is_removed(void **state)
{
	struct sp_link link;

	(void)state;
	assert_int_equal(sp_tun_ensure(netlink, "vpn0", 0, 0, &link, NULL), 0);
	assert_int_equal(sp_tun_remove(netlink, "vpn0"), 0);
	assert_int_equal(sp_tun_remove(netlink, "vpn0"), -ENODEV);
}

#define with_cleanup(test) cmocka_unit_test_teardown(test, remove_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_cleanup(made_device_belongs_to_the_engine_and_outlives_it),
		with_cleanup(engine_without_rights_attaches_to_its_own_only),
		with_cleanup(device_that_is_there_is_adopted_as_it_is),
		with_cleanup(device_of_iproute_is_adopted),
		with_cleanup(other_devices_of_the_name_are_refused),
		with_cleanup(bad_names_are_refused),
		with_cleanup(device_is_removed),
	};
	int failed;

	scratch_namespace("io/tun");
	if (access("/dev/net/tun", F_OK) < 0) {
		printf("skip: io/tun needs /dev/net/tun\n");
		return 77;
	}
	/* Some machines keep the node to root; in this mount namespace it is open, as udev makes it. */
	if (mount("tmpfs", "/dev/net", "tmpfs", 0, "mode=0755") < 0 ||
	    mknod("/dev/net/tun", S_IFCHR, makedev(10, 200)) < 0 || chmod("/dev/net/tun", 0666) < 0)
		return 1;
	if (sp_netlink_open(&netlink) < 0)
		return 1;
	failed = cmocka_run_group_tests_name("io/tun", tests, NULL, NULL);
	sp_netlink_close(netlink);
	return failed;
}
