/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines `key=value` of the userspace API and the values in them: what the readers of an engine's
 * reply (uapi_text.c) and of the peers file (peers_file.c) share. Nothing is copied, nothing ends
 * in NUL.
 */
#ifndef SALLYPORT_IO_UAPI_LINE_H
#define SALLYPORT_IO_UAPI_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/uapi/uapi.h"

struct sp_uapi_lines {
	const char *next;
	size_t left;
	size_t number; /* of the line read last, from 1 */
};

struct sp_uapi_line {
	const char *text; /* the whole line */
	size_t len;
	size_t key_len; /* up to the first '='; equal to len: there is none */
	const char *value;
	size_t value_len;
};

/* The next line that ends in a newline. Returns false when there is none. */
bool sp_uapi_next_line(struct sp_uapi_lines *lines, struct sp_uapi_line *ret_line);

/* How many peers the text names: room for them is made at once, because an array that grew would
 * leave pre-shared keys behind in the memory it gave up.
 */
size_t sp_uapi_count_peers(const char *text, size_t len);

/* Both compare with a whole text. sp_uapi_key_is is false for a line without `=`. */
bool sp_uapi_key_is(const struct sp_uapi_line *line, const char *key);
bool sp_uapi_value_is(const struct sp_uapi_line *line, const char *value);

/* Values. Each returns 0 or -EBADMSG, its output untouched then; decimals have no sign and no
 * leading zero. */
int sp_uapi_read_number(const struct sp_uapi_line *line, uint64_t max, uint64_t *ret_number);
int sp_uapi_read_port(const struct sp_uapi_line *line, uint16_t *ret_port);
int sp_uapi_read_key(const struct sp_uapi_line *line, struct sp_wg_key *ret_key);
/* `address/length`. -ERANGE: host bits are set; @ret_prefix is then the prefix meant. */
int sp_uapi_read_prefix(const struct sp_uapi_line *line, struct sp_prefix *ret_prefix);
int sp_uapi_read_endpoint(const struct sp_uapi_line *line, struct sp_wg_peer *peer);
int sp_uapi_read_allowed_ip(const struct sp_uapi_line *line,
			    struct sp_wg_peer *peer); /* or -ENOMEM */

#endif
