/* SPDX-License-Identifier: MIT */
/*
 * The four functions that a freestanding compiler may call, for a host that lacks some of them. Each has its own file
 * and is weak: a host's own function wins, in an object or a library, linked before or after this one. They use string
 * instructions, so that no compiler turns a loop into a call to the same function. No file calls another, as that
 * function may be the host's.
 */
#ifndef SEGUE_MEMORY_H
#define SEGUE_MEMORY_H

#include "common/memory_functions.h"

#define SEGUE_WEAK __attribute__((weak))

/* The direction flag is clear at every call (System V ABI), and DS and ES have the same base. */
static inline void copy_ascending(void *to, const void *from, size_t size)
{
	size_t words = size / 4, bytes = size % 4;

	__asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

static inline void copy_descending(void *to, const void *from, size_t size)
{
	unsigned char *last = (unsigned char *)to + size - 1;
	const unsigned char *from_last = (const unsigned char *)from + size - 1;

	__asm__ volatile("std\n\trep movsb\n\tcld" : "+D"(last), "+S"(from_last), "+c"(size) : : "memory", "cc");
}

#endif
