/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `doctor` asks of this kernel and machine: each thing by trying it, never by a version
 * number. Nothing is left behind: programs and maps are loaded and closed, no link is made, no
 * interface touched.
 */
#ifndef SALLYPORT_IO_PROBE_H
#define SALLYPORT_IO_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/abi/names.h>

#include "io/files/paths.h"

enum sp_probe_result {
	SP_PROBE_OK,
	SP_PROBE_MISSING, /* not there, or in the way: `disables` says what does not work */
	SP_PROBE_UNKNOWN, /* could not be asked (rights, mostly): `detail` says why */
};
const char *sp_probe_result_name(enum sp_probe_result result); /* "ok", "missing", "unknown" */

struct sp_probe {
	char name[48]; /* "btf", "xdp-native wan0" */
	enum sp_probe_result result;
	char detail[224];     /* what was seen, in words */
	const char *disables; /* what does not work without it */
	const char *remedy;   /* what to do about it; "" if nothing can be */
};

struct sp_probe_interface {
	const char *name;
	enum sp_zone zone;
};

struct sp_probe_context {
	const struct sp_paths *paths;
	const struct sp_probe_interface *interfaces; /* of sallyport.yaml; may be none */
	size_t interface_count;
	const uint32_t *own_prog_ids; /* of our links: not someone else's programs */
	size_t own_prog_count;
	bool may_use_kernel_engine, must_use_kernel_engine; /* vpn.engine: auto or kernel; kernel */
	uint32_t tunnel_mtu;                                /* vpn.mtu; 0: not known */
	bool is_daemon_there, is_daemon_memory_locked;      /* what a running sallyportd says */
	bool is_portal_there, is_portal_memory_locked;      /* and of a running portal */
	char homes_warning[256]; /* and of what its spoof check cannot tell; "": nothing */
};

/* Ask everything. Returns 0 with a malloc'ed array, whatever was found; -ENOMEM. Takes well under a
 * second. */
int sp_probe_run(const struct sp_probe_context *context, struct sp_probe **ret_probes,
		 size_t *ret_count);

#endif
