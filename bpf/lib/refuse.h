/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef SALLYPORT_BPF_REFUSE_H
#define SALLYPORT_BPF_REFUSE_H

#include "lib/tc.h"

SP_INLINE int sp_refuse_or_drop(struct __sk_buff *skb, struct sp_work *work)
{
	(void)skb;
	(void)work;
	return TC_ACT_SHOT;
}

#endif
