/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The compiled BPF objects, embedded by the skeleton headers. */
#include <errno.h>

#include "plane/ebpf/plane.h"

#include "edge_in.skel.h"
#include "edge_out.skel.h"
#include "edge_tc.skel.h"
#include "inside_in.skel.h"
#include "janitor.skel.h"
#include "mover.skel.h"
#include "vpn_in.skel.h"
#include "vpn_out.skel.h"

int sp_ebpf_image(enum sp_hook hook, const void **ret_bytes, size_t *ret_len)
{
	switch (hook) {
	case SP_HOOK_EDGE_IN:
		*ret_bytes = edge_in_bpf__elf_bytes(ret_len);
		return 0;
	case SP_HOOK_EDGE_TC:
		*ret_bytes = edge_tc_bpf__elf_bytes(ret_len);
		return 0;
	case SP_HOOK_EDGE_OUT:
	case SP_HOOK_INSIDE_OUT:
		*ret_bytes = edge_out_bpf__elf_bytes(ret_len);
		return 0;
	case SP_HOOK_VPN_IN:
		*ret_bytes = vpn_in_bpf__elf_bytes(ret_len);
		return 0;
	case SP_HOOK_VPN_OUT:
		*ret_bytes = vpn_out_bpf__elf_bytes(ret_len);
		return 0;
	case SP_HOOK_INSIDE_IN:
		*ret_bytes = inside_in_bpf__elf_bytes(ret_len);
		return 0;
	default:
		return -ENOENT;
	}
}

int sp_ebpf_image_janitor(const void **ret_bytes, size_t *ret_len)
{
	*ret_bytes = janitor_bpf__elf_bytes(ret_len);
	return 0;
}

int sp_ebpf_image_mover(const void **ret_bytes, size_t *ret_len)
{
	*ret_bytes = mover_bpf__elf_bytes(ret_len);
	return 0;
}
