/* SPDX-License-Identifier: MIT */
#include "memory.h"

SEGUE_WEAK int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *left = a, *right = b;

	if (size == 0)
		return 0;
	/* Stops after the first pair that differs, or after the last. */
	__asm__ volatile("repe cmpsb" : "+S"(left), "+D"(right), "+c"(size) : : "memory", "cc");
	return left[-1] - right[-1];
}
