/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What to do about a failure of the system. Messages end in its own words, "cannot write /etc/x:
 * Permission denied"; those words tell what a person can try, whatever was being done, so all of it
 * stands in one place and whoever shows a message adds it. A message that says itself what to do
 * goes on behind the words, and gets nothing. */
#ifndef SALLYPORT_BASE_REMEDY_H
#define SALLYPORT_BASE_REMEDY_H

/* What to do about what @message ends in; NULL: it does not end in an error's words. Static. */
const char *sp_remedy_of(const char *message);

#endif
