/* SPDX-License-Identifier: MIT */
/*
 * The four functions that a freestanding compiler may call, for a host that has not all of them. Each is a file of its
 * own and weak: a host's own function wins, be it in an object or in a library, before or behind this one. String
 * instructions, so that no compiler finds a loop and makes a call to the same function of it; so no file calls
 * another either, which may be the host's.
 */
#ifndef SEGUE_MEMORY_H
#define SEGUE_MEMORY_H

#include "common/memory_functions.h"

#define SEGUE_WEAK __attribute__((weak))

/* The direction flag is clear at every call (System V ABI), and DS and ES have one base. */
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
