/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Taking the gateway out of the way of packets on purpose: the way back from everything an apply
 * does. */
#ifndef SALLYPORT_DAEMON_DETACH_H
#define SALLYPORT_DAEMON_DETACH_H

#include "io/files/sysctl.h"

struct sp_applies;
struct sp_paths;
struct sp_plane_error;

/* The process's exit code when it stopped because of that: its unit does not start it again. */
#define SP_DAEMON_DETACHED 4

/* What a detach does with the forwarding of one family. */
enum sp_detach_forwarding {
	SP_DETACH_WAS_OFF,  /* before us: it is switched off */
	SP_DETACH_STAYS_ON, /* it was on before us: it goes on, unjudged */
	SP_DETACH_UNKNOWN,  /* how it was is not known: it goes on, unjudged */
	SP_DETACH_IS_OFF,   /* it is off now */
};

struct sp_detach_plan {
	enum sp_detach_forwarding ipv4, ipv6;
};
/* "off", "on", "unknown", "is-off" */
const char *sp_detach_word(enum sp_detach_forwarding forwarding);

/* What a detach would do with forwarding now. Reads the kernel and what sallyportd found at its
 * first start. A family that cannot be read counts as on. */
void sp_detach_plan(const struct sp_paths *paths, struct sp_detach_plan *ret_plan);

/* Detach: set forwarding as sallyportd found it, remove every hook and pin, the second lock and the
 * tunnel interface, and record it with @by and @why (may be NULL). Returns 0, and the daemon stops:
 * @error says what is left of the tunnel, "" if nothing is; -errno with @error, and the daemon goes
 * on: its watch restores what is already removed. */
int sp_detach(struct sp_applies *applies, const char *by, const char *why,
	      struct sp_plane_error *error);

/* The same while no sallyportd runs, over pins of any version; @applies has what is lent before an
 * unload; the caller holds root and namespace. And what it would do, in the log. */
int sp_unload(const struct sp_applies *applies, struct sp_plane_error *error);
/* Say in the log what sp_unload would take away. Changes nothing. */
void sp_unload_say(const struct sp_applies *applies);

#endif
