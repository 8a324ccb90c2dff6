/* SPDX-License-Identifier: MIT */
/* The catcher (SEGUE_LOAD_CATCHER): purgatory/catcher.asm. */
#include "blocks/block.h"
#include "common/memory_functions.h"

static int place_catcher(struct job *job)
{
	/* Placed from the top, because a target may treat the RAM below it (mem_upper) as all of its memory. */
	static const struct place place = {
		.min = ONE_MIB, .max = ADDRESS_LIMIT, .align = CATCHER_SIZE, .from_top = true, .not_in_place = true,
		.error = SEGUE_E_NO_PLACE,
	};
	struct bytes source = {.size = CATCHER_BYTES, .part = PART_WORKSPACE};
	int error;

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

/* The loader of the target calls it (segue_place_catcher()). */
static int prepare_catcher(struct job *job)
{
	job->place_catcher = place_catcher;
	return SEGUE_OK;
}

static void write_catcher(const struct job *job, struct purgatory_params *params)
{
	if (segue_is_real_mode(&job->entry))
		segue_say(&job->log, SEGUE_LOG_WARNING, "a target in real mode gets no catcher");
	if (!job->catcher)
		return;
	params->catcher = (uint32_t)job->catcher_dest;
	/* In 64-bit mode it is another one, of block_long_mode.c, which may come first. */
	if (!segue_is_long_mode(&job->entry))
		memcpy(job->catcher, segue_purgatory_catcher.bytes, segue_purgatory_catcher.size);
}

const struct segue_block segue_block_catcher = {
	.id = BLOCK_CATCHER, .bytes = &segue_purgatory_catcher, .steps = {[BLOCK_PREPARE] = prepare_catcher}, .write = write_catcher,
};
