/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>

#include "plane/ebpf/plane.h"

static void nft_freep(struct nft_ctx **nft)
{
	if (*nft)
		nft_ctx_free(*nft);
}

static int fail_as(const char *table, const char *text, struct sp_plane_error *error)
{
	bool is_lacking = strstr(text, "No such file") || strstr(text, "not supported");
	int r = is_lacking ? -EOPNOTSUPP : strstr(text, "not permitted") ? -EPERM : -EIO;

	return sp_ebpf_fail(error, r, "nftables refuses the table %s: %.*s%s", table,
			    (int)strcspn(text, "\n"), text,
			    is_lacking ? " (the kernel needs nf_tables with the family inet, "
					 "counters, meta and bitwise expressions)"
				       : "");
}

static struct nft_ctx *open_nft(void)
{
	__sp_cleanup(nft_freep) struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);

	if (!nft || nft_ctx_buffer_error(nft) != 0 || nft_ctx_buffer_output(nft) != 0)
		return NULL;
	return SP_TAKE_PTR(nft);
}

int sp_ebpf_nft_try(const char *table, const char *commands, struct sp_plane_error *error)
{
	__sp_cleanup(nft_freep) struct nft_ctx *nft = open_nft();

	if (!nft)
		return -ENOMEM;
	nft_ctx_set_dry_run(nft, true);
	if (nft_run_cmd_from_buffer(nft, commands) != 0)
		return fail_as(table, nft_ctx_get_error_buffer(nft), error);
	return 0;
}

int sp_ebpf_nft_run(const char *table, const char *commands, unsigned flags, char **ret_output,
		    struct sp_plane_error *error)
{
	__sp_cleanup(nft_freep) struct nft_ctx *nft = open_nft();

	if (!nft)
		return -ENOMEM;
	nft_ctx_output_set_flags(nft, flags);
	if (nft_run_cmd_from_buffer(nft, commands) != 0)
		return fail_as(table, nft_ctx_get_error_buffer(nft), error);
	if (!ret_output)
		return 0;
	*ret_output = strdup(nft_ctx_get_output_buffer(nft));
	return *ret_output ? 0 : -ENOMEM;
}
