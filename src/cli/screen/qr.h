/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A text as a QR code for a terminal: two modules a character, in UTF-8 half blocks. */
#ifndef SALLYPORT_CLI_QR_H
#define SALLYPORT_CLI_QR_H

#include <stdbool.h>

/* @color  light modules white on black, whatever the terminal's colours are; else in the terminal's
 *         own, drawn for a dark one.
 * *@ret_drawing is malloc'ed lines. Returns 0; -ERANGE too long for a code; -ENOMEM. */
int sp_qr_draw(const char *text, bool color, char **ret_drawing);

#endif
