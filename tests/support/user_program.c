/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One program, the text that the kernel gets: USER_PROGRAM is its file. */
#include "user_program.h"

#include USER_PROGRAM
