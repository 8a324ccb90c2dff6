/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include "memory.h"

SEGUE_WEAK void *memmove(void *to, const void *from, size_t size)
{
	if ((uintptr_t)to - (uintptr_t)from >= size)
		copy_ascending(to, from, size);
	else
		copy_descending(to, from, size);
	return to;
}
