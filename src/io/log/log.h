/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A process's lines on stderr: the function that handles an error writes it, once (nothing below
 * the processes calls this). One event is one line, of which what does not print is escaped
 * (base/text.h); with a priority where systemd reads along. Never a secret. */
#ifndef SALLYPORT_IO_LOG_H
#define SALLYPORT_IO_LOG_H

#include <stdbool.h>

/* @name: of the process, before each line of a terminal; borrowed for good. */
void sp_log_init(const char *name, bool is_verbose);
void sp_log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sp_log_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Only when verbose. */
void sp_log_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
