/* SPDX-License-Identifier: MIT */
/* The only allocator: a pointer that moves through the caller's workspace. */
#include "common/loader.h"
#include "common/memory_functions.h"

void *segue_arena_take(struct arena *arena, size_t size, size_t align)
{
	size_t padding = (size_t)(-(uintptr_t)arena->next & (align - 1));
	size_t left = (size_t)(arena->end - arena->next);
	uint8_t *taken = arena->next + padding;

	if (padding > left || size > left - padding)
		return NULL;
	arena->next = taken + size;
	return memset(taken, 0, size);
}

int segue_arena_refuse(const struct job *job, size_t size)
{
	return segue_refuse(job, SEGUE_E_WORKSPACE_SMALL, "%z bytes, of which %z are left; %z more are needed",
			    (addr_t)job->args->workspace_size, (addr_t)(job->arena.end - job->arena.next), (addr_t)size);
}
