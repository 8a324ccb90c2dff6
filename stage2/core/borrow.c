/* SPDX-License-Identifier: MIT */
/* Work memory: core.h. */
#include "core/core.h"

void *segue_core_borrow(struct job *job, size_t count, size_t element)
{
	struct arena *arena = &job->arena;
	size_t left = (size_t)(arena->end - arena->next);

	if (count > left / element || count * element + sizeof(uint64_t) > left)
		return segue_arena_refuse(arena, count > SIZE_MAX / element ? SIZE_MAX : count * element + sizeof(uint64_t));
	arena->end -= count * element;
	arena->end -= (uintptr_t)arena->end % sizeof(uint64_t);
	return arena->end;
}
