/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Units of time. */
#ifndef SALLYPORT_BASE_UNITS_H
#define SALLYPORT_BASE_UNITS_H

#define SP_NS_PER_MS 1000000ll
#define SP_NS_PER_S 1000000000ll

#endif
