/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The error page for a person's browser. */
#ifndef SALLYPORT_PORTAL_PAGE_H
#define SALLYPORT_PORTAL_PAGE_H

/* HTML that shows @message as text, whatever @message contains. Malloc'ed; NULL: out of memory. */
char *sp_page_error(const char *message);

#endif
