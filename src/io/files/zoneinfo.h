/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The system's time zones: the files below /usr/share/zoneinfo (package tzdata). */
#ifndef SALLYPORT_IO_ZONEINFO_H
#define SALLYPORT_IO_ZONEINFO_H

#include "policy/times/timezone.h"

/* A name is that of a file below the folder, and never one beside it: letters, digits, _ + - in
 * parts with / between them. UTC is known without the folder. */
extern const struct sp_timezone_source sp_zoneinfo;

#endif
