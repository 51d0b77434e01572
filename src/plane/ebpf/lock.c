/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The second lock: what no program judged goes nowhere. One table of our own, one transaction. */
#include <ctype.h>
#include <nftables/libnftables.h>
#include <string.h>

#include "base/str.h"
#include "plane/ebpf/plane.h"

/* Added first, so that removing what is not there is no error. */
#define REMOVE "add table inet sallyport\ndelete table inet sallyport\n"

static void nft_freep(struct nft_ctx **nft)
{
	if (*nft)
		nft_ctx_free(*nft);
}

int sp_ebpf_lock_read(char **ret_text)
{
	__sp_cleanup(nft_freep) struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	char *text;

	if (!nft)
		return -ENOMEM;
	nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_STATELESS);
	if (nft_ctx_buffer_error(nft) != 0 || nft_ctx_buffer_output(nft) != 0)
		return -ENOMEM;
	if (nft_run_cmd_from_buffer(nft, "list table inet sallyport\n") != 0)
		return strstr(nft_ctx_get_error_buffer(nft), "No such file") ? -ENOENT : -EIO;
	text = strdup(nft_ctx_get_output_buffer(nft));
	if (!text)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}

static int run(const char *commands, struct sp_ebpf_error *error)
{
	__sp_cleanup(nft_freep) struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	const char *text;

	if (!nft)
		return -ENOMEM;
	if (nft_ctx_buffer_error(nft) != 0 || nft_ctx_buffer_output(nft) != 0)
		return -ENOMEM;
	if (nft_run_cmd_from_buffer(nft, commands) == 0)
		return 0;
	text = nft_ctx_get_error_buffer(nft);
	return sp_ebpf_fail(error, strstr(text, "not permitted") ? -EPERM : -EIO,
			    "nftables refuses the table inet sallyport: %.*s",
			    (int)strcspn(text, "\n"), text);
}

static bool is_governed(const struct sp_ebpf_interface *interface)
{
	return interface->zone == SP_ZONE_TUNNEL || interface->zone == SP_ZONE_INSIDE;
}

/* An interface may be named almost anything; nft would read a star or a quote. */
static bool is_plain(const char *name)
{
	for (; *name; name++)
		if (!isgraph((unsigned char)*name) || strchr("\"\\*", *name))
			return false;
	return true;
}

static int put_judged_only(struct sp_buf *out, const char *chain, const char *governed)
{
	return sp_buf_printf(out,
			     "add rule inet sallyport %s iifname { %s } "
			     "meta mark & 0x%08x != 0x%08x counter name unjudged drop\n",
			     chain, governed, SP_MARK_PASSED_MASK, SP_MARK_REPLY);
}

static int put_lock(const struct sp_ebpf_interface *interfaces, size_t interface_count,
		    bool is_open, bool is_anew, struct sp_ebpf_error *error)
{
	__sp_buf struct sp_buf out = SP_BUF_INIT;
	__sp_buf struct sp_buf governed = SP_BUF_INIT;

	sp_ebpf_begin(error);
	for (size_t i = 0; i < interface_count; i++) {
		if (!is_governed(&interfaces[i]))
			continue;
		if (!is_plain(interfaces[i].name))
			return sp_ebpf_fail(error, -EINVAL, "interface %s: nftables cannot name it",
					    interfaces[i].name);
		sp_buf_printf(&governed, "%s\"%s\"", governed.len ? ", " : "", interfaces[i].name);
	}
	if (is_anew)
		sp_buf_put(&out, REMOVE);
	sp_buf_put(&out, "add table inet sallyport\n"
			 "add counter inet sallyport unjudged\n"
			 "add counter inet sallyport closed\n"
			 "add chain inet sallyport forward "
			 "{ type filter hook forward priority filter - 10; policy accept; }\n"
			 "add chain inet sallyport input "
			 "{ type filter hook input priority filter - 10; policy accept; }\n"
			 "flush table inet sallyport\n");
	if (!is_open)
		sp_buf_put(&out, "add rule inet sallyport forward counter name closed drop\n");
	if (governed.len) {
		put_judged_only(&out, "forward", sp_buf_get(&governed));
		put_judged_only(&out, "input", sp_buf_get(&governed));
	}
	if (out.error || governed.error)
		return sp_ebpf_end(error, -ENOMEM);
	return sp_ebpf_end(error, run(sp_buf_get(&out), error));
}

int sp_ebpf_lock(const struct sp_ebpf_interface *interfaces, size_t interface_count, bool is_open,
		 struct sp_ebpf_error *error)
{
	return put_lock(interfaces, interface_count, is_open, false, error);
}

int sp_ebpf_lock_anew(const struct sp_ebpf_interface *interfaces, size_t interface_count,
		      bool is_open, struct sp_ebpf_error *error)
{
	return put_lock(interfaces, interface_count, is_open, true, error);
}

int sp_ebpf_unlock(struct sp_ebpf_error *error)
{
	return run(REMOVE, error);
}
