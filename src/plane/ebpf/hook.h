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

/* Open the pin and read what runs there. @ret_hook is the caller's: sp_ebpf_hook_done. Untouched on
 * error. Returns 0; -ENOENT there is no such pin; -EUCLEAN the pin is neither a link nor a program;
 * another -errno. */
int sp_ebpf_hook_open(const char *pin_dir, const struct sp_ebpf_pin *pin,
		      struct sp_ebpf_hook *ret_hook);
/* Close the descriptor; fd is -1 afterwards. The hook stays attached and pinned. */
void sp_ebpf_hook_done(struct sp_ebpf_hook *hook);

/* Attach @program (a descriptor, which stays the caller's) to the device @ifindex and pin it under
 * the name @pin. @avoid: SP_EBPF_AVOID_… @ret_hook is the caller's: sp_ebpf_hook_done.
 * Returns 0; -EBUSY another program is there; -ENODEV no such device; another -errno. */
int sp_ebpf_hook_attach(const char *pin_dir, const struct sp_ebpf_pin *pin, uint32_t ifindex,
			int program, uint32_t avoid, struct sp_ebpf_hook *ret_hook,
			struct sp_plane_error *error);

/* Let @hook run @program if it runs @old_program now. Both are descriptors and stay the caller's.
 * @old_program -1: replace whatever it runs.
 * Returns 0; -EBUSY it does not run @old_program; -ENOLINK its device is gone (@error says nothing
 * then); another -errno. */
int sp_ebpf_hook_replace(const char *pin_dir, struct sp_ebpf_hook *hook, int old_program,
			 int program, struct sp_plane_error *error);

/* Change the name of the pin of @hook to @pin: from new- to link-, or to another interface name.
 * Returns 0; -errno of rename(2). */
int sp_ebpf_hook_rename(const char *pin_dir, struct sp_ebpf_hook *hook,
			const struct sp_ebpf_pin *pin);

/* Detach the hook, remove its pin and close it. A device that is gone is no error. Returns 0;
 * -errno, and then @hook is still open. */
int sp_ebpf_hook_remove(const char *pin_dir, struct sp_ebpf_hook *hook);

/* Where a tcx link of this hook goes. */
enum bpf_attach_type sp_ebpf_hook_attach_type(enum sp_hook hook);

/* How the hook is attached, for status: "native", "generic" (both XDP), "tcx" or "clsact"; "" when
 * an XDP hook's device is gone or cannot be asked. */
const char *sp_ebpf_hook_mode(const struct sp_ebpf_hook *hook);

#endif
