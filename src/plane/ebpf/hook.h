/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One hook on one interface: an XDP link (native, else generic), a tcx link, or where the kernel
 * has no tcx a clsact filter. Links are pinned; a filter lives by itself, and its program is
 * pinned in the link's place so that it can be found again (by the name of its interface: a
 * filter on a device that is renamed is lost to us, and refuses the next attach there). */
#ifndef SALLYPORT_PLANE_EBPF_HOOK_H
#define SALLYPORT_PLANE_EBPF_HOOK_H

#include "plane/ebpf/pin.h"

enum sp_ebpf_hook_kind { SP_EBPF_XDP, SP_EBPF_TCX, SP_EBPF_CLSACT };

struct sp_ebpf_hook {
	struct sp_ebpf_pin pin;
	enum sp_ebpf_hook_kind kind;
	int fd;           /* of the link; of the pinned program for clsact */
	uint32_t ifindex; /* 0: the device is gone */
	uint32_t prog_id; /* what runs; 0: nothing */
};

/* Look at what is pinned. */
int sp_ebpf_hook_open(const char *pin_dir, const struct sp_ebpf_pin *pin,
		      struct sp_ebpf_hook *ret_hook);
void sp_ebpf_hook_done(struct sp_ebpf_hook *hook);

/* Attach @program and pin it under the name @pin. @avoid: SP_EBPF_AVOID_…
 * -EBUSY: another program is there; -ENODEV: no such device. */
int sp_ebpf_hook_attach(const char *pin_dir, const struct sp_ebpf_pin *pin, uint32_t ifindex,
			int program, uint32_t avoid, struct sp_ebpf_hook *ret_hook,
			struct sp_plane_error *error);

/* Compare-and-swap. -EBUSY: it does not run @old_program; -ENOLINK: its device is gone.
 * @old_program -1: whatever it runs. */
int sp_ebpf_hook_replace(const char *pin_dir, struct sp_ebpf_hook *hook, int old_program,
			 int program, struct sp_plane_error *error);

/* Change the name of its pin: new- to link-, or another interface name. */
int sp_ebpf_hook_rename(const char *pin_dir, struct sp_ebpf_hook *hook,
			const struct sp_ebpf_pin *pin);

/* Detach and unpin. */
int sp_ebpf_hook_remove(const char *pin_dir, struct sp_ebpf_hook *hook);

/* Where a tcx link of this hook goes. */
enum bpf_attach_type sp_ebpf_hook_attach_type(enum sp_hook hook);

/* native, generic, tcx, clsact */
const char *sp_ebpf_hook_mode(const struct sp_ebpf_hook *hook);

#endif
