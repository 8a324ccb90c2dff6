/* SPDX-License-Identifier: MIT */
#include "memory.h"

SEGUE_WEAK void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	copy_ascending(to, from, size);
	return to;
}
