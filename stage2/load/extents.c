/* SPDX-License-Identifier: MIT */
/* Makes the extents of a part that has none, by the host's translate(). */
#include "load/load_extra.h"

static int make_extents(struct job *job, struct segue_part *part, uint32_t index)
{
	const struct segue_load_args *args = job->args;
	const uint8_t *data = part->data;
	struct segue_extent *made = NULL, *last = NULL;
	size_t size;

	for (size_t at = 0; at < part->size; at += size) {
		uint64_t told = args->translate(args->translate_context, data + at);
		size_t into = (size_t)(((addr_t)(uintptr_t)(data + at) + (addr_t)args->data_base) % PAGE);
		addr_t is = (addr_t)told;

		size = PAGE - into;
		if (size > part->size - at)
			size = part->size - at;
		if (told == SEGUE_NOT_MAPPED || is % PAGE != into)
			return segue_refuse(&job->log, SEGUE_E_EXTENT_PLACE, told == SEGUE_NOT_MAPPED ?
					    "by translate byte %z of %p is not mapped" :
					    "by translate byte %z of %p, at offset %u in its page, is at %X: another offset",
					    (addr_t)at, index, (uint32_t)into, told);
		if (is != told)
			return segue_refuse(&job->log, SEGUE_E_EXTENT_HIGH, "by translate byte %z of %p is at %X", (addr_t)at, index,
					    told);
		if (last && last->addr + last->size == is) {
			last->size += size;
			continue;
		}
		/* Nothing else takes memory from the arena here, so the extents form an array. */
		last = segue_arena_take(&job->arena, sizeof *last, sizeof(uint64_t));
		if (!last)
			return SEGUE_E_WORKSPACE_SMALL;
		if (!made)
			made = last;
		last->addr = is;
		last->size = size;
		part->extent_count = (size_t)(last - made) + 1;
	}
	part->extents = made;
	return SEGUE_OK;
}

const struct segue_load_extra segue_extra_translate = {.make_extents = make_extents};
