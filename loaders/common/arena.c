/* SPDX-License-Identifier: MIT */
/* The only allocator: it moves a pointer through the caller's workspace. */
#include "common/arena.h"
#include "common/bytes.h"
#include "common/memory_functions.h"

void *segue_arena_refuse(const struct arena *arena, size_t size)
{
	(void)segue_refuse(arena->log, SEGUE_E_WORKSPACE_SMALL, "%z bytes, of which %z are left; %z more are needed", (addr_t)arena->size,
			   (addr_t)(arena->end - arena->next), (addr_t)size);
	return NULL;
}

void *segue_arena_take(struct arena *arena, size_t size, size_t align)
{
	size_t padding = (size_t)(-(uintptr_t)arena->next & (align - 1));
	size_t left = (size_t)(arena->end - arena->next);
	uint8_t *taken = arena->next + padding;

	if (padding > left || size > left - padding)
		return segue_arena_refuse(arena, size);
	arena->next = taken + size;
	return memset(taken, 0, size);
}
