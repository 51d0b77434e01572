/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON from outside, read without leniency: one object, no key twice, UTF-8, no NUL in a text,
 * bounded depth (jansson recurses as deep as it is told to). */
#ifndef SALLYPORT_JSON_STRICT_H
#define SALLYPORT_JSON_STRICT_H

#include <stddef.h>

#include "json/own.h"

#define SP_STRICT_JSON_DEPTH 32

/* @text need not be NUL-terminated. @why, at least 80 bytes, says what is wrong with it.
 * Returns 0 with a reference the caller drops; -EBADMSG. */
int sp_strict_json_load(const char *text, size_t len, json_t **ret_object, char why[80]);

/* The text @key has in @object, borrowed; NULL when it is missing or no text. */
const char *sp_strict_json_text(const json_t *object, const char *key);

/* The value of @key; NULL: it is absent, and null is absent. */
const json_t *sp_strict_json_value(const json_t *object, const char *key);

/* Write @value for a message: as compact JSON, cut to @size (at least 1) bytes; "missing" for NULL.
 * Unprintable characters stay: the function that shows the message escapes them. Returns @buf. */
const char *sp_strict_json_show(const json_t *value, char *buf, size_t size);

#endif
