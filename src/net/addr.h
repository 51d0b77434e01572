/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses and prefixes as text and as 16 bytes (IPv4 as ::ffff:a.b.c.d).
 * The reader is strict: only canonical text is taken (RFC 5952 for IPv6 lower/upper case and
 * zero compression are free, IPv4 is four decimals without leading zeros). */
#ifndef SALLYPORT_NET_ADDR_H
#define SALLYPORT_NET_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/abi/tables.h>

#define SP_ADDR_TEXT_MAX 48 /* with the terminating zero */
#define SP_PREFIX_TEXT_MAX 52

/* Is it ::ffff:a.b.c.d? */
bool sp_addr_is_v4(const struct sp_addr *addr);
/* Below, equal or above 0, as memcmp of the 16 bytes: every IPv4 address lies between IPv6 ones. */
int sp_addr_compare(const struct sp_addr *a, const struct sp_addr *b);
/* @bytes: a.b.c.d, in network order. */
struct sp_addr sp_addr_from_v4(const uint8_t bytes[4]);

/* Read one address. Returns 0; -EINVAL not an address. */
int sp_addr_parse(const char *text, struct sp_addr *ret_addr);
/* Write an address, IPv4 dotted, IPv6 as RFC 5952. Returns @buf. */
char *sp_addr_format(const struct sp_addr *addr, char buf[SP_ADDR_TEXT_MAX]);

/* Read `address` or `address/length`; the length is of the text's own family, the result's is of
 * the 16 bytes. Returns 0; -EINVAL not a prefix; -ERANGE length too large; -EBADMSG host bits are
 * set (@ret_prefix then holds the prefix meant). */
int sp_prefix_parse(const char *text, struct sp_prefix *ret_prefix);
/* Write `address/length`, the length of the text's own family. Returns @buf. */
char *sp_prefix_format(const struct sp_prefix *prefix, char buf[SP_PREFIX_TEXT_MAX]);
/* 0.0.0.0/0 is ::ffff:0:0/96; a shorter prefix that happens to cover it is IPv6's. */
bool sp_prefix_is_v4(const struct sp_prefix *prefix);
/* Is @addr in the prefix? Does every address of @inner lie in @outer? Both are of the 16-byte
 * form. */
bool sp_prefix_contains(const struct sp_prefix *outer, const struct sp_addr *addr);
bool sp_prefix_covers(const struct sp_prefix *outer, const struct sp_prefix *inner);
/* by address, then length */
int sp_prefix_compare(const struct sp_prefix *a, const struct sp_prefix *b);
void sp_prefix_mask(struct sp_prefix *prefix); /* clear host bits */
/* The bits of @prefix, and behind them those of @addr. */
struct sp_addr sp_prefix_join(const struct sp_prefix *prefix, const struct sp_addr *addr);

#endif
