/* SPDX-License-Identifier: MIT */
/* Places the catcher (SEGUE_LOAD_CATCHER). Its code is stage2/purgatory/catcher.asm. */
#include "common/loader.h"

int segue_place_catcher(struct job *job)
{
	/* Placed from the top, because a target may treat the RAM below it (mem_upper) as all of its memory. */
	static const struct place place = {
		.min = ONE_MIB, .max = ADDRESS_LIMIT, .align = CATCHER_SIZE, .from_top = true, .not_in_place = true,
		.error = SEGUE_E_NO_PLACE,
	};
	struct bytes source = {.size = CATCHER_BYTES, .part = PART_WORKSPACE};
	int error;

	if (!(job->args->flags & SEGUE_LOAD_CATCHER))
		return SEGUE_OK;
	job->catcher = segue_arena_take(&job->arena, CATCHER_BYTES, sizeof(uint64_t));
	if (!job->catcher)
		return SEGUE_E_WORKSPACE_SMALL;
	source.data = job->catcher;
	error = segue_add_floating(job, "catcher", NO_NUMBER, &source, CATCHER_SIZE, &place, &job->catcher_dest);
	if (error == SEGUE_OK) {
		job->segments[job->segment_count - 1].zero_size = CATCHER_SIZE - CATCHER_BYTES;
		job->segments[job->segment_count - 1].target_type = SEGUE_MEMORY_RESERVED;
	}
	return error;
}
