/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts to JSON values and back. */
#ifndef SALLYPORT_JSON_TEXT_H
#define SALLYPORT_JSON_TEXT_H

#include "json/own.h"

/* A text of any bytes as a JSON value: what is not UTF-8 becomes `?`; null for NULL. Never fails:
 * without memory it is null too. The caller drops the reference. */
json_t *sp_json_of_text(const char *text);

/* The text of @key in @object, borrowed; "" when it is absent, null or no text. */
const char *sp_json_text(json_t *object, const char *key);

#endif
