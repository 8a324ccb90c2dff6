/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_ARENA_H
#define SEGUE_ARENA_H

#include <stddef.h>
#include <stdint.h>
#include "common/log.h"

/* A bump allocator over what is left of the workspace. */
struct arena {
	uint8_t *next, *end;
	size_t size;                  /* of the whole workspace, for the sentence of a refusal */
	const struct log *log;
};

/*
 * Takes size bytes, zeroed. When the workspace is used up it refuses with SEGUE_E_WORKSPACE_SMALL, whose sentence says how
 * much more is needed, and returns NULL. align is a power of two.
 */
void *segue_arena_take(struct arena *arena, size_t size, size_t align);
/* That refusal alone; returns NULL. */
void *segue_arena_refuse(const struct arena *arena, size_t size);

#endif
