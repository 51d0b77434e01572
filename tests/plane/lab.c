/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lab.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "net/addr.h"
#include "net/packet.h"
#include "tables/tables.h"

#define TCX_INGRESS 46 /* linux/bpf.h of Debian 12 is older than tcx */
#define UNPIN_LOOKS 6000
#define UNPIN_LOOK_US 10000

static const char policy_text[] =
	"sallyport: 1\n"
	"roles: { engineer: { match: [ {idp: corp, group: eng} ] } }\n"
	"networks: { office: [10.20.0.0/16, \"2001:db8:20::/64\"] }\n"
	"edge: { expose: [ {name: echo, to: self, service: udp/9000} ] }\n"
	"protect: [ {name: admin, from: 10.20.0.2, to: self, service: tcp/22} ]\n"
	"rules:\n"
	"  - { name: eng-any, allow: {from: engineer, to: any, services: [udp/9000]} }\n"
	"  - { name: office-any, allow: {from: office, to: any, services: [udp/9000]} }\n"
	"fixtures:\n"
	"  self: [198.51.100.1, 10.20.0.1, 100.64.0.1, \"2001:db8:51::1\", \"2001:db8:20::1\", "
	"\"fd00:64::1\"]\n"
	"  sessions: [ {user: ana, idp: corp, groups: [eng], address: 100.64.0.7} ]\n";

/* ---- commands ---- */

static int run_text(const char *prefix, const char *format, va_list args)
{
	char command[1024];
	size_t used = snprintf(command, sizeof(command), "%s", prefix);

	vsnprintf(command + used, sizeof(command) - used, format, args);
	return system(command);
}

void lab_run(const char *format, ...)
{
	va_list args;
	int status;

	va_start(args, format);
	status = run_text("", format, args);
	va_end(args);
	if (status != 0)
		fail_msg("exit %d: %s", status, format);
}

void lab_run_far(const struct lab *lab, const char *format, ...)
{
	char prefix[64];
	va_list args;
	int status;

	snprintf(prefix, sizeof(prefix), "nsenter --net=/proc/%d/ns/net ", lab->far_pid);
	va_start(args, format);
	status = run_text(prefix, format, args);
	va_end(args);
	if (status != 0)
		fail_msg("exit %d: %s", status, format);
}

int lab_try(const char *format, ...)
{
	va_list args;
	int status;

	va_start(args, format);
	status = run_text("", format, args);
	va_end(args);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- the gateway ---- */

static pid_t hold_namespace(int *ret_ns)
{
	char path[64], byte;
	int ready[2];
	pid_t pid;

	if (pipe(ready) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(ready[0], &byte, 1) != 1)
		return -1;
	close(ready[0]);
	close(ready[1]);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	*ret_ns = open(path, O_RDONLY | O_CLOEXEC);
	return pid;
}

static int make_tun(void)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	strcpy(request.ifr_name, "vpn0");
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
		fail_msg("vpn0: %s", strerror(errno));
	lab_run("ip addr add 100.64.0.1/16 dev vpn0 && ip addr add fd00:64::1/64 dev vpn0 nodad");
	lab_run("ip link set vpn0 up");
	return fd;
}

static void make_links(const struct lab *lab)
{
	lab_run("ip link set lo up");
	lab_run("ip link add wan0 type veth peer name wan1 netns %d", lab->far_pid);
	lab_run("ip link add lan0 type veth peer name lan1 netns %d", lab->far_pid);
	lab_run("ip addr add 198.51.100.1/24 dev wan0 && ip link set wan0 up");
	lab_run("ip addr add 10.20.0.1/16 dev lan0 && ip link set lan0 up");
	lab_run("ip addr add 2001:db8:51::1/64 dev wan0 nodad && ip addr add 2001:db8:20::1/64 dev "
		"lan0 nodad");
	lab_run_far(lab, "ip addr add 198.51.100.2/24 dev wan1");
	lab_run_far(lab, "ip link set wan1 up");
	lab_run_far(lab, "ip addr add 10.20.0.2/16 dev lan1");
	lab_run_far(lab, "ip link set lan1 up");
	lab_run_far(lab, "ip addr add 2001:db8:51::2/64 dev wan1 nodad");
	lab_run_far(lab, "ip addr add 2001:db8:20::2/64 dev lan1 nodad");
	lab_run_far(lab, "ip route add 100.64.0.0/16 via 10.20.0.1");
	lab_run_far(lab, "ip route add fd00:64::/64 via 2001:db8:20::1");
	lab_run("sysctl -qw net.ipv6.conf.all.forwarding=1");
	lab_run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0");
}

static void make_tables(struct lab *lab)
{
	struct sp_diagnostics diagnostics = { 0 };
	const uint32_t roles[] = { 0 };
	struct sp_identity identity = {
		.user = "ana", .roles = roles, .role_count = 1, .has_address = { true, true }
	};
	const struct sp_facts facts = { 0 };
	uint32_t class_id[2], netset[2];
	int r = sp_policy_load("policy.yaml", policy_text, strlen(policy_text), &lab->policy,
			       &diagnostics);

	if (r < 0)
		fail_msg("the lab's policy: %s",
			 diagnostics.count ? diagnostics.items[0].message : "?");
	sp_diagnostics_done(&diagnostics);
	assert_int_equal(sp_policy_number_rules(lab->policy, NULL, NULL), 0);
	assert_int_equal(sp_tables_compile(lab->policy, &lab->policy->fixtures.gateway, &facts,
					   &lab->tables),
			 0);
	identity.addresses[0] = sp_addr_from_v4((const uint8_t[]){ 100, 64, 0, 7 });
	assert_int_equal(sp_addr_parse("fd00:64::7", &identity.addresses[1]), 0);
	assert_int_equal(sp_tables_add_identity(lab->tables, &identity, class_id, netset, NULL), 0);
	lab->ana.epoch = 41;
	for (int slot = 0; slot < 2; slot++) {
		memcpy(lab->ana.class_id[slot], class_id, sizeof(class_id));
		memcpy(lab->ana.netset[slot], netset, sizeof(netset));
	}
}

int lab_setup(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	if (!lab || unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return -1;
	*state = lab;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    !test_folder_make(lab->folder) || mount("bpf", lab->folder, "bpf", 0, NULL) < 0)
		return -1;
	snprintf(lab->pin_dir, sizeof(lab->pin_dir), "%s/sallyport/v1", lab->folder);
	lab->near_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	lab->far_pid = hold_namespace(&lab->far_ns);
	if (lab->far_pid < 0)
		return -1;
	make_links(lab);
	lab->tun = make_tun();
	make_tables(lab);
	return 0;
}

int lab_teardown(void **state)
{
	struct lab *lab = *state;

	kill(lab->far_pid, SIGKILL);
	waitpid(lab->far_pid, NULL, 0);
	close(lab->near_ns);
	close(lab->far_ns);
	close(lab->tun);
	umount2(lab->folder, MNT_DETACH);
	rmdir(lab->folder);
	sp_tables_free(lab->tables);
	sp_policy_free(lab->policy);
	free(lab);
	return 0;
}

int lab_clean(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = lab_open(lab, 0);
	int r = sp_ebpf_detach(plane, &error);

	sp_ebpf_close(plane);
	lab_ok(r, &error);
	return 0;
}

void lab_change(const struct lab *lab, const char *pin, const char *program, uint64_t revision)
{
	LIBBPF_OPTS(bpf_link_update_opts, options);
	char path[512];
	__sp_close int link = -1, fd = -1;

	snprintf(path, sizeof(path), "%s/%s", lab->pin_dir, pin);
	link = bpf_obj_get(path);
	snprintf(path, sizeof(path), "%s/revision-%lu/%s", lab->pin_dir, (unsigned long)revision,
		 program);
	fd = bpf_obj_get(path);
	assert_true(link >= 0 && fd >= 0);
	assert_int_equal(bpf_link_update(link, fd, &options), 0);
}

void lab_lock(bool is_open)
{
	struct sp_plane_guarded names[] = {
		{ "wan0", SP_PLANE_LISTED },
		{ "lan0", SP_PLANE_LISTED },
		{ "vpn0", SP_PLANE_LISTED },
	};
	const struct sp_plane_guard wanted = {
		names,
		SP_ARRAY_LEN(names),
		is_open ? SP_PLANE_GUARD_OPEN : SP_PLANE_GUARD_CLOSED,
		false,
	};
	struct sp_plane_error error = { "" };

	lab_ok(sp_ebpf_lock(&wanted, &error), &error);
}

void lab_interfaces(struct sp_plane_interface interfaces[LAB_INTERFACES])
{
	interfaces[LAB_WAN] =
		(struct sp_plane_interface){ "wan0", if_nametoindex("wan0"), SP_ZONE_EDGE };
	interfaces[LAB_LAN] =
		(struct sp_plane_interface){ "lan0", if_nametoindex("lan0"), SP_ZONE_INSIDE };
	interfaces[LAB_VPN] =
		(struct sp_plane_interface){ "vpn0", if_nametoindex("vpn0"), SP_ZONE_TUNNEL };
}

/* ---- packets ---- */

struct sockaddr_in6 lab_address(const char *text, uint16_t port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sp_addr addr;

	assert_int_equal(sp_addr_parse(text, &addr), 0);
	memcpy(&address.sin6_addr, addr.b, sizeof(addr.b)); /* IPv4 as ::ffff:a.b.c.d */
	return address;
}

int lab_udp(const struct lab *lab, bool is_far, uint16_t port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	const int room = 8 << 20; /* the programs are on trial, not how soon we get to read */
	int fd;

	if (is_far)
		assert_int_equal(setns(lab->far_ns, CLONE_NEWNET), 0);
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 0 }, sizeof(int)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	if (is_far)
		assert_int_equal(setns(lab->near_ns, CLONE_NEWNET), 0);
	return fd;
}

/* How long to wait for what should come, on a busy machine too; and for what should not. */
#define COMES_MS 10000
#define STAYS_AWAY_MS 300

static bool arrives(int receiver, const char *text, int wait_ms)
{
	struct pollfd wait = { .fd = receiver, .events = POLLIN };
	char got[256];
	ssize_t len;

	while (poll(&wait, 1, wait_ms) == 1) {
		len = recv(receiver, got, sizeof(got), 0);
		if (len == (ssize_t)strlen(text) && memcmp(got, text, len) == 0)
			return true;
	}
	return false;
}

static bool passes(int from, const char *to, uint16_t port, int receiver, int wait_ms)
{
	static unsigned serial;
	const struct sockaddr_in6 address = lab_address(to, port);
	char text[32];

	snprintf(text, sizeof(text), "packet %u", ++serial);
	if (sendto(from, text, strlen(text), 0, (const struct sockaddr *)&address,
		   sizeof(address)) < 0)
		return false;
	return arrives(receiver, text, wait_ms);
}

bool lab_passes(int from, const char *to, uint16_t port, int receiver)
{
	return passes(from, to, port, receiver, COMES_MS);
}

bool lab_stops(int from, const char *to, uint16_t port, int receiver)
{
	return !passes(from, to, port, receiver, STAYS_AWAY_MS);
}

void lab_send(int from, const char *to, uint16_t port)
{
	const struct sockaddr_in6 address = lab_address(to, port);

	assert_int_equal(
		sendto(from, "x", 1, 0, (const struct sockaddr *)&address, sizeof(address)), 1);
}

void lab_settle(void)
{
	usleep(50000); /* a veth delivers in microseconds */
}

static uint32_t count_ingress(const char *hook, unsigned int ifindex)
{
	uint32_t id = 0, count = 0;

	if (!strcmp(hook, "edge-in")) {
		assert_int_equal(bpf_xdp_query_id((int)ifindex, 0, &id), 0);
		return id != 0;
	}
	assert_int_equal(bpf_prog_query((int)ifindex, TCX_INGRESS, 0, NULL, NULL, &count), 0);
	return count;
}

void lab_unpin(const struct lab *lab, const char *hook, const char *interface)
{
	const unsigned int ifindex = if_nametoindex(interface);
	const uint32_t count = count_ingress(hook, ifindex);

	assert_true(count > 0);
	lab_run("rm '%s'/link-%s-%s", lab->pin_dir, hook, interface);
	for (int i = 0; i < UNPIN_LOOKS && count_ingress(hook, ifindex) == count; i++)
		usleep(UNPIN_LOOK_US);
	assert_int_equal(count_ingress(hook, ifindex), count - 1);
}

static bool tunnel_passes(const struct lab *lab, const char *to, uint16_t port, int receiver,
			  int wait_ms)
{
	struct sp_tuple tuple = { .proto = IPPROTO_UDP,
				  .source_port = 5000,
				  .destination_port = port };
	uint8_t packet[128];
	size_t len;

	tuple.source = sp_addr_from_v4((const uint8_t[]){ 100, 64, 0, 7 });
	assert_int_equal(sp_addr_parse(to, &tuple.destination), 0);
	len = sp_packet_build(&tuple, false, packet);
	if (write(lab->tun, packet, len) != (ssize_t)len)
		return false;
	return poll(&(struct pollfd){ .fd = receiver, .events = POLLIN }, 1, wait_ms) == 1 &&
	       recv(receiver, packet, sizeof(packet), 0) > 0;
}

bool lab_tunnel_passes(const struct lab *lab, const char *to, uint16_t port, int receiver)
{
	return tunnel_passes(lab, to, port, receiver, COMES_MS);
}

bool lab_tunnel_stops(const struct lab *lab, const char *to, uint16_t port, int receiver)
{
	return !tunnel_passes(lab, to, port, receiver, STAYS_AWAY_MS);
}

/* ---- the plane ---- */

struct sp_ebpf *lab_open(const struct lab *lab, uint32_t avoid)
{
	const struct sp_ebpf_options options = { .pin_dir = lab->pin_dir, .avoid = avoid };
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = NULL;

	lab_ok(sp_ebpf_open(&options, &plane, &error), &error);
	return plane;
}

struct sp_ebpf_staged *lab_stage(const struct lab *lab, struct sp_ebpf *plane, uint64_t revision)
{
	struct sp_plane_error error = { "" };
	struct sp_ebpf_staged *staged = NULL;

	lab_ok(sp_ebpf_stage(plane, lab->tables, revision, NULL, &staged, &error), &error);
	return staged;
}

void lab_apply(const struct lab *lab, struct sp_ebpf *plane, uint64_t revision)
{
	struct sp_plane_interface interfaces[LAB_INTERFACES];
	struct sp_ebpf_staged *staged = lab_stage(lab, plane, revision);
	struct sp_plane_error error = { "" };

	lab_interfaces(interfaces);
	lab_ok(sp_ebpf_switch(plane, staged, interfaces, LAB_INTERFACES, &error), &error);
}

int lab_foreign_xdp(void)
{
	const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "foreign", "GPL", pass, SP_ARRAY_LEN(pass), NULL);

	assert_true(fd >= 0);
	return fd;
}

void lab_sign_in(const struct lab *lab, struct sp_ebpf *plane)
{
	static const char *const addresses[] = { "100.64.0.7", "fd00:64::7" };

	assert_int_equal(sp_ebpf_session_put(plane, 0, &lab->ana), 0);
	for (size_t i = 0; i < SP_ARRAY_LEN(addresses); i++) {
		struct sp_addr address;

		assert_int_equal(sp_addr_parse(addresses[i], &address), 0);
		assert_int_equal(sp_ebpf_ident_put(plane, &address, 0, lab->ana.epoch), 0);
	}
}
