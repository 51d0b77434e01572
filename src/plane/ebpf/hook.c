/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plane/ebpf/hook.h"

#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

/* Newer than the kernel headers some systems build with; bpf(2) numbers never change. */
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS 47
#define LINK_TYPE_TCX 11
#define PLACE_BEFORE (1U << 3)

/* Our place among clsact filters: asked first, with a handle that no other program is likely to
 * choose. */
#define FILTER_PRIORITY 1
#define FILTER_HANDLE 0x5359

static bool is_egress(enum sp_hook hook)
{
	return hook == SP_HOOK_EDGE_OUT || hook == SP_HOOK_VPN_OUT || hook == SP_HOOK_INSIDE_OUT;
}

/* ---- clsact ---- */

static struct bpf_tc_hook filter_place(enum sp_hook hook, uint32_t ifindex)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook),
		.ifindex = ifindex,
		.attach_point = is_egress(hook) ? BPF_TC_EGRESS : BPF_TC_INGRESS,
	};
}

/* The id of the program that runs as our filter; 0: none does. */
static uint32_t filter_program(enum sp_hook hook, uint32_t ifindex)
{
	struct bpf_tc_hook place = filter_place(hook, ifindex);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);

	if (ifindex == 0 || bpf_tc_query(&place, &options) < 0)
		return 0;
	return options.prog_id;
}

static int filter_set(enum sp_hook hook, uint32_t ifindex, int program)
{
	struct bpf_tc_hook place = filter_place(hook, ifindex);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY,
		    .prog_fd = program, .flags = BPF_TC_F_REPLACE);
	int r = bpf_tc_hook_create(&place);

	if (r < 0 && r != -EEXIST)
		return r;
	return bpf_tc_attach(&place, &options);
}

static int filter_remove(enum sp_hook hook, uint32_t ifindex)
{
	struct bpf_tc_hook place = filter_place(hook, ifindex);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);

	if (filter_program(hook, ifindex) == 0)
		return 0;
	return bpf_tc_detach(&place, &options);
}

/* Replace the pin of this name in one step. */
static int pin_over(const char *pin_dir, const char *path, int fd)
{
	char next[SP_EBPF_PIN_PATH_MAX];

	snprintf(next, sizeof(next), "%s/next", pin_dir);
	unlink(next);
	if (bpf_obj_pin(fd, next) < 0 || rename(next, path) < 0)
		return sp_errno();
	return 0;
}

/* ---- looking ---- */

/* Fill kind, ifindex and prog_id from what the pin holds. */
static int inspect(struct sp_ebpf_hook *hook)
{
	struct bpf_link_info link = { 0 };
	struct bpf_prog_info program = { 0 };
	__u32 len = sizeof(link);

	if (hook->kind != SP_EBPF_CLSACT) {
		if (bpf_link_get_info_by_fd(hook->fd, &link, &len) < 0)
			return sp_errno();
		hook->ifindex = link.xdp.ifindex; /* tcx stores the interface at the same place */
		hook->prog_id = hook->ifindex ? link.prog_id : 0;
		return 0;
	}
	len = sizeof(program);
	if (bpf_prog_get_info_by_fd(hook->fd, &program, &len) < 0)
		return sp_errno();
	hook->ifindex = if_nametoindex(hook->pin.interface);
	hook->prog_id = filter_program(hook->pin.hook, hook->ifindex);
	return 0;
}

/* Does the pin hold a link or a program? bpf(2) answers alike for both; /proc tells them apart. */
static int kind_of(int fd, enum sp_hook hook, enum sp_ebpf_hook_kind *ret_kind)
{
	char path[64], target[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return sp_errno();
	target[len] = '\0';
	if (strstr(target, "bpf-prog") || strstr(target, "bpf_prog"))
		*ret_kind = SP_EBPF_CLSACT;
	else if (strstr(target, "bpf_link") || strstr(target, "bpf-link"))
		*ret_kind = hook == SP_HOOK_EDGE_IN ? SP_EBPF_XDP : SP_EBPF_TCX;
	else
		return -EUCLEAN;
	return 0;
}

int sp_ebpf_hook_open(const char *pin_dir, const struct sp_ebpf_pin *pin,
		      struct sp_ebpf_hook *ret_hook)
{
	__sp_cleanup(sp_ebpf_hook_done) struct sp_ebpf_hook hook = { .pin = *pin, .fd = -1 };
	char path[SP_EBPF_PIN_PATH_MAX];
	int r;

	sp_ebpf_pin_path(pin_dir, pin, path);
	hook.fd = bpf_obj_get(path);
	if (hook.fd < 0)
		return sp_errno();
	r = kind_of(hook.fd, pin->hook, &hook.kind);
	if (r == 0)
		r = inspect(&hook);
	if (r < 0)
		return r;
	*ret_hook = hook;
	hook.fd = -1;
	return 0;
}

void sp_ebpf_hook_done(struct sp_ebpf_hook *hook)
{
	sp_closep(&hook->fd);
	hook->fd = -1;
}

const char *sp_ebpf_hook_mode(const struct sp_ebpf_hook *hook)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, options);

	if (hook->kind == SP_EBPF_TCX)
		return "tcx";
	if (hook->kind == SP_EBPF_CLSACT)
		return "clsact";
	if (hook->ifindex == 0 || bpf_xdp_query(hook->ifindex, 0, &options) < 0)
		return "";
	return options.attach_mode == XDP_ATTACHED_SKB ? "generic" : "native";
}

/* ---- attaching ---- */

static int attach_xdp(uint32_t ifindex, int program, uint32_t avoid)
{
	LIBBPF_OPTS(bpf_link_create_opts, native, .flags = XDP_FLAGS_DRV_MODE);
	LIBBPF_OPTS(bpf_link_create_opts, generic, .flags = XDP_FLAGS_SKB_MODE);
	int fd = -EOPNOTSUPP;

	if (!(avoid & SP_EBPF_AVOID_NATIVE_XDP))
		fd = bpf_link_create(program, ifindex, BPF_XDP, &native);
	/* Does this error say that the driver has no XDP, or not with this MTU or these queues? A
	 * program that is attached already is not such a reason. */
	if (fd < 0 && fd != -EBUSY && fd != -EEXIST && fd != -EPERM && fd != -ENODEV)
		fd = bpf_link_create(program, ifindex, BPF_XDP, &generic);
	return fd == -EEXIST ? -EBUSY : fd;
}

enum bpf_attach_type sp_ebpf_hook_attach_type(enum sp_hook hook)
{
	return is_egress(hook) ? ATTACH_TCX_EGRESS : ATTACH_TCX_INGRESS;
}

/* Attach before all other programs: a program that answers TCX_PASS ends the list, and ours would
 * not run. */
static int attach_tcx(enum sp_hook hook, uint32_t ifindex, int program, uint32_t avoid)
{
	LIBBPF_OPTS(bpf_link_create_opts, first, .flags = PLACE_BEFORE);

	if (avoid & SP_EBPF_AVOID_TCX)
		return -EINVAL;
	return bpf_link_create(program, ifindex, sp_ebpf_hook_attach_type(hook), &first);
}

/* Pin before attaching: a filter without a pin would stay for ever, because no later run finds
 * it. */
static int attach_filter(const char *pin_dir, const char *path, uint32_t ifindex, int program,
			 struct sp_ebpf_hook *hook)
{
	int r;

	if (filter_program(hook->pin.hook, ifindex) != 0)
		return -EBUSY;
	r = pin_over(pin_dir, path, program);
	if (r == 0)
		r = filter_set(hook->pin.hook, ifindex, program);
	if (r < 0) {
		unlink(path);
		return r;
	}
	hook->fd = bpf_obj_get(path);
	return hook->fd < 0 ? sp_errno() : 0;
}

static int attach_link(const char *pin_dir, const char *path, uint32_t ifindex, int program,
		       uint32_t avoid, struct sp_ebpf_hook *hook)
{
	int fd;

	if (hook->kind == SP_EBPF_XDP)
		fd = attach_xdp(ifindex, program, avoid);
	else
		fd = attach_tcx(hook->pin.hook, ifindex, program, avoid);
	if (fd < 0)
		return fd;
	hook->fd = fd;
	return pin_over(pin_dir, path, fd);
}

int sp_ebpf_hook_attach(const char *pin_dir, const struct sp_ebpf_pin *pin, uint32_t ifindex,
			int program, uint32_t avoid, struct sp_ebpf_hook *ret_hook,
			struct sp_plane_error *error)
{
	__sp_cleanup(sp_ebpf_hook_done) struct sp_ebpf_hook hook = {
		.pin = *pin,
		.fd = -1,
		.kind = pin->hook == SP_HOOK_EDGE_IN ? SP_EBPF_XDP : SP_EBPF_TCX,
	};
	char path[SP_EBPF_PIN_PATH_MAX];
	int r;

	sp_ebpf_pin_path(pin_dir, pin, path);
	r = attach_link(pin_dir, path, ifindex, program, avoid, &hook);
	if (hook.kind == SP_EBPF_TCX && hook.fd < 0 && r == -EINVAL) { /* this kernel has no tcx */
		hook.kind = SP_EBPF_CLSACT;
		r = attach_filter(pin_dir, path, ifindex, program, &hook);
	}
	if (r == 0)
		r = inspect(&hook);
	if (r < 0)
		return sp_ebpf_fail(error, r, "attaching %s to %s: %s", sp_hook_name(pin->hook),
				    pin->interface,
				    r == -EBUSY ? "another program is there" : sp_err_text(r));
	*ret_hook = hook;
	hook.fd = -1;
	return 0;
}

/* ---- changing ---- */

static int replace_filter(const char *pin_dir, struct sp_ebpf_hook *hook, int old_program,
			  int program)
{
	char path[SP_EBPF_PIN_PATH_MAX];
	int r;

	if (hook->prog_id == 0)
		return -ENOLINK;
	if (old_program >= 0 && hook->prog_id != sp_ebpf_program_id(old_program))
		return -EPERM;
	r = filter_set(hook->pin.hook, hook->ifindex, program);
	if (r < 0)
		return r;
	sp_ebpf_pin_path(pin_dir, &hook->pin, path);
	return pin_over(pin_dir, path, program);
}

int sp_ebpf_hook_replace(const char *pin_dir, struct sp_ebpf_hook *hook, int old_program,
			 int program, struct sp_plane_error *error)
{
	LIBBPF_OPTS(bpf_link_update_opts, options, .flags = old_program < 0 ? 0 : BPF_F_REPLACE,
		    .old_prog_fd = old_program < 0 ? 0 : old_program);
	int r = inspect(hook);

	if (r == 0 && hook->kind == SP_EBPF_CLSACT)
		r = replace_filter(pin_dir, hook, old_program, program);
	else if (r == 0)
		r = bpf_link_update(hook->fd, program, &options);
	if (r == -ENOLINK || r == -ENODEV)
		return -ENOLINK;
	if (r == -EPERM && hook->prog_id != sp_ebpf_program_id(old_program))
		return sp_ebpf_fail(
			error, -EBUSY,
			"%s on %s runs program %u, which is not ours: someone else changed it",
			sp_hook_name(hook->pin.hook), hook->pin.interface, hook->prog_id);
	if (r < 0)
		return sp_ebpf_fail(error, r, "switching %s on %s: %s",
				    sp_hook_name(hook->pin.hook), hook->pin.interface,
				    sp_err_text(r));
	return inspect(hook);
}

int sp_ebpf_hook_rename(const char *pin_dir, struct sp_ebpf_hook *hook,
			const struct sp_ebpf_pin *pin)
{
	char from[SP_EBPF_PIN_PATH_MAX], to[SP_EBPF_PIN_PATH_MAX];

	sp_ebpf_pin_path(pin_dir, &hook->pin, from);
	sp_ebpf_pin_path(pin_dir, pin, to);
	if (strcmp(from, to) != 0 && rename(from, to) < 0)
		return sp_errno();
	hook->pin = *pin;
	return 0;
}

int sp_ebpf_hook_remove(const char *pin_dir, struct sp_ebpf_hook *hook)
{
	char path[SP_EBPF_PIN_PATH_MAX];
	int r = 0;

	if (hook->kind == SP_EBPF_CLSACT)
		r = filter_remove(hook->pin.hook, hook->ifindex);
	else if (hook->ifindex != 0)
		/* Closing a link detaches at once; dropping the last reference may take a while. */
		r = bpf_link_detach(hook->fd);
	if (r < 0 && r != -ENOLINK && r != -ENODEV)
		return r;
	sp_ebpf_pin_path(pin_dir, &hook->pin, path);
	if (unlink(path) < 0 && errno != ENOENT)
		return sp_errno();
	sp_ebpf_hook_done(hook);
	return 0;
}
