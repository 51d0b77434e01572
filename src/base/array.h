/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Growing arrays for the `struct x *items; size_t count;` pairs our structs are made of.
 *
 *	struct sp_rule *rule = SP_ARRAY_PUSH(policy->rules, policy->rule_count);
 *	if (!rule)
 *		return -ENOMEM;			the array is as it was
 *	rule->action = SP_ALLOW;		new elements are zeroed
 *
 * There is no capacity to store: room is always the next power of two. So an array that is pushed
 * to must have been made by pushing alone; one allocated in another way must not be.
 */
#ifndef SALLYPORT_BASE_ARRAY_H
#define SALLYPORT_BASE_ARRAY_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SP_ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* Append one zeroed element and count it. Gives its address, or NULL without memory. */
#define SP_ARRAY_PUSH(items, count)                                                                \
	((__typeof__(items))sp_array_push(&(items), &(count), sizeof(*(items))))

/* What SP_ARRAY_PUSH calls: @items is the address of the array's pointer, whatever its type. */
static inline void *sp_array_push(void *items, size_t *count, size_t size)
{
	size_t used = *count;
	char *base;
	void *element;

	memcpy(&base, items, sizeof(base));
	if ((used & (used - 1)) == 0) { /* 0, 1, 2, 4, 8 … are full */
		size_t room = used ? used * 2 : 1;
		char *grown = room < used ? NULL : reallocarray(base, room, size);

		if (!grown)
			return NULL;
		base = grown;
		memcpy(items, &base, sizeof(base));
	}
	element = base + used * size;
	memset(element, 0, size);
	*count = used + 1;
	return element;
}

#endif
