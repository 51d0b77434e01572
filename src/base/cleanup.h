/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ownership that a reader can check without leaving the function: a local that owns something says
 * so where it is declared, and hands it over with one SP_TAKE_…
 *
 *	__sp_free char *text = NULL;		freed on every way out
 *	__sp_close int fd = -1;			closed on every way out
 *	__sp_cleanup(sp_policy_freep) struct sp_policy *policy = NULL;
 *	…
 *	*ret_policy = SP_TAKE_PTR(policy);	now it is the caller's
 *
 * An owning local is always initialised (NULL or -1). None of these functions changes errno.
 */
#ifndef SALLYPORT_BASE_CLEANUP_H
#define SALLYPORT_BASE_CLEANUP_H

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define __sp_cleanup(func) __attribute__((cleanup(func)))
#define __sp_free __sp_cleanup(sp_freep)
#define __sp_close __sp_cleanup(sp_closep)
#define __sp_fclose __sp_cleanup(sp_fclosep)

/* Hand over a pointer: its value, and the variable is NULL from here on. */
#define SP_TAKE_PTR(ptr)                                                                           \
	({                                                                                         \
		__typeof__(&(ptr)) __sp_take_from = &(ptr);                                        \
		__typeof__(ptr) __sp_taken = *__sp_take_from;                                      \
		*__sp_take_from = NULL;                                                            \
		__sp_taken;                                                                        \
	})

/* Hand over a file descriptor: its value, and the variable is -1 from here on. */
#define SP_TAKE_FD(fd)                                                                             \
	({                                                                                         \
		int *__sp_take_from = &(fd);                                                       \
		int __sp_taken = *__sp_take_from;                                                  \
		*__sp_take_from = -1;                                                              \
		__sp_taken;                                                                        \
	})

/* Defines static NAMEp() for __sp_cleanup(NAMEp): calls NAME(pointer) unless the pointer is
 * NULL. */
#define SP_DEFINE_CLEANUP(type, name)                                                              \
	static inline void name##p(type *sp_owned)                                                 \
	{                                                                                          \
		if (*sp_owned)                                                                     \
			name(*sp_owned);                                                           \
	}                                                                                          \
	struct sp_swallow_semicolon

/* @owned is the address of the pointer, whatever its type: that is what the attribute hands
 * over. */
static inline void sp_freep(void *owned)
{
	void *ptr;

	memcpy(&ptr, owned, sizeof(ptr));
	free(ptr);
}

static inline void sp_closep(int *fd)
{
	int saved_errno = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved_errno;
}

static inline void sp_fclosep(FILE **file)
{
	int saved_errno = errno;

	if (*file)
		fclose(*file);
	errno = saved_errno;
}

/* Overwrite a secret so that the compiler may not leave it out. */
static inline void sp_wipe(void *secret, size_t len)
{
	explicit_bzero(secret, len);
}

/* free, with nothing of it left to read: for what a secret was in, also as jansson's own free. */
static inline void sp_free_wiped(void *memory)
{
	if (memory)
		sp_wipe(memory, malloc_usable_size(memory));
	free(memory);
}

#endif
