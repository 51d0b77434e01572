/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one page there is: an error, for a person's browser. */
#ifndef SALLYPORT_PORTAL_PAGE_H
#define SALLYPORT_PORTAL_PAGE_H

/* HTML, malloc'ed, that says @message, which may quote anything. NULL: out of memory. */
char *sp_page_error(const char *message);

#endif
