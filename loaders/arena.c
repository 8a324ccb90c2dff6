/* SPDX-License-Identifier: MIT */
/* The only allocator: a pointer that moves through the caller's workspace. */
#include "memory_functions.h"
#include "bytes.h"
#include "loader.h"

void *segue_arena_take(struct arena *arena, size_t size, size_t align)
{
	uintptr_t here = (uintptr_t)arena->next;
	size_t padding = (size_t)(-here & (align - 1));
	size_t left = (size_t)(arena->end - arena->next);
	uint8_t *taken;

	if (padding > left || size > left - padding)
		return NULL;
	taken = arena->next + padding;
	arena->next = taken + size;
	memset(taken, 0, size);
	return taken;
}

int segue_arena_refuse(const struct job *job, size_t size)
{
	return segue_refuse(job, SEGUE_E_WORKSPACE_SMALL,
			    "the workspace of %z bytes is too small: %z bytes are left where %z are needed",
			    (uint64_t)job->args->workspace_size,
			    (uint64_t)(size_t)(job->arena.end - job->arena.next), (uint64_t)size);
}

struct bytes segue_bytes_at(struct bytes bytes, size_t offset, size_t size)
{
	bytes.data += offset;
	bytes.size = size;
	return bytes;
}
