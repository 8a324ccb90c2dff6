/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include "memory.h"

SEGUE_WEAK void *memset(void *at, int value, size_t size)
{
	void *to = at;
	size_t words = size / 4, bytes = size % 4;
	uint32_t word = (uint8_t)value * 0x01010101u;

	__asm__ volatile("rep stosl" : "+D"(to), "+c"(words) : "a"(word) : "memory");
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(word) : "memory");
	return at;
}
