/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a list of networks: what is taken is canonical, sorted, and none lies in another; written out and read
 * again it is the same. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/text.h"
#include "net/addr.h"
#include "policy/addresses/netset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_items(const struct sp_netset *netset)
{
	for (size_t i = 0; i < netset->count; i++) {
		struct sp_prefix masked = netset->items[i];

		sp_prefix_mask(&masked);
		check(sp_prefix_compare(&masked, &netset->items[i]) == 0);
		check(i == 0 || sp_prefix_compare(&netset->items[i - 1], &netset->items[i]) < 0);
		check(i == 0 || !sp_prefix_covers(&netset->items[i - 1], &netset->items[i]));
	}
}

static void check_faults(const struct sp_netset *netset)
{
	check(netset->fault_count <= netset->bad && netset->fault_count <= SP_NETSET_FAULTS_SHOWN);
	for (size_t i = 0; i < netset->fault_count; i++) {
		const struct sp_netset_fault *fault = &netset->faults[i];

		check(fault->line > (i ? netset->faults[i - 1].line : 0));
		check(sp_text_is_printable(fault->text, strlen(fault->text)));
	}
}

static void check_again(const struct sp_netset *netset)
{
	__sp_buf struct sp_buf out = SP_BUF_INIT;
	__sp_cleanup(sp_netset_done) struct sp_netset again = { 0 };
	char text[SP_PREFIX_TEXT_MAX];

	for (size_t i = 0; i < netset->count; i++)
		sp_buf_printf(&out, "%s\r\n", sp_prefix_format(&netset->items[i], text));
	check(sp_netset_read(out.data, out.len, &again) == 0);
	check(again.count == netset->count && again.good == netset->count && again.bad == 0);
	check(memcmp(again.items, netset->items, again.count * sizeof(*again.items)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	__sp_cleanup(sp_netset_done) struct sp_netset netset = { 0 };
	int r = sp_netset_read((const char *)data, size, &netset);

	check(r == 0 || r == -ENODATA || r == -EBADMSG);
	check((r == 0) == (netset.count > 0) && netset.count <= netset.good);
	check((r == -ENODATA) == (!netset.good && !netset.bad));
	check_faults(&netset);
	check_items(&netset);
	if (r == 0)
		check_again(&netset);
	return 0;
}
