/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_ARENA_H
#define SEGUE_ARENA_H

#include <stddef.h>
#include <stdint.h>
#include "common/log.h"

/* A bump allocator for the unused rest of the workspace. */
struct arena {
	uint8_t *next, *end;
	size_t size;                  /* of the whole workspace; a refusal names it */
	const struct log *log;
};

/*
 * Returns size zeroed bytes. align is a power of two. When the workspace is used up, refuses with
 * SEGUE_E_WORKSPACE_SMALL, says how many more bytes are needed, and returns NULL.
 */
void *segue_arena_take(struct arena *arena, size_t size, size_t align);
/* Refuses as segue_arena_take() does. Always returns NULL. */
void *segue_arena_refuse(const struct arena *arena, size_t size);

#endif
