/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rights that the portal gives up before it reads the first byte of a stranger. */
#ifndef SALLYPORT_PORTAL_RIGHTS_H
#define SALLYPORT_PORTAL_RIGHTS_H

/* From here on only the system calls that serving takes; before the first thread. Returns 0 or
 * -errno. */
int sp_portal_restrict(void);

#endif
