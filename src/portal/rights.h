/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the portal gives up before it hears the first stranger. */
#ifndef SALLYPORT_PORTAL_RIGHTS_H
#define SALLYPORT_PORTAL_RIGHTS_H

/* From here on only the system calls that serving takes; before the first thread. Returns 0 or
 * -errno. */
int sp_portal_restrict(void);

#endif
