/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What to do about a failure of the system. Messages end in the system's words, "cannot write
 * /etc/x: Permission denied". The words alone tell what a person can try, so all remedies stand
 * here, and the functions that show a message add the remedy. A message that goes on behind the
 * words says itself what to do, and gets no remedy. */
#ifndef SALLYPORT_BASE_REMEDY_H
#define SALLYPORT_BASE_REMEDY_H

/* Returns the remedy for the words at the end of @message, a constant text; NULL: @message does not
 * end in the words of an error. */
const char *sp_remedy_of(const char *message);

#endif
