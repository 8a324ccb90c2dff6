/* SPDX-License-Identifier: MIT */
/* Describes the target that is loaded, from what segue_load() leaves in the workspace. */
#include "common/long_entry.h"
#include "leave/loaded.h"
#include "load/arrangement.h"

int segue_describe(const void *workspace, struct segue_description *d)
{
	const struct loaded *loaded;
	const struct arrangement *a;
	const struct job *job;

	if (!workspace || !d)
		return SEGUE_E_ARGUMENT;
	if (d->struct_size != sizeof *d)
		return SEGUE_E_STRUCT_SIZE;
	loaded = segue_loaded(workspace);
	if (!loaded)
		return SEGUE_E_NOT_LOADED;
	a = loaded->arrangement;
	job = &loaded->job;
	*d = (struct segue_description){
		.struct_size = sizeof *d,
		.entry = job->entry.eip,
		.protocol = job->protocol,
		.container = job->bundle.container,
		.segment_count = job->segment_count,
		.move_count = a->list.moves,
		.in_place = a->result.in_place,
		.moved = a->result.moved,
		.set_aside = a->result.aside,
		.zeroed = a->result.zeroed,
		.purgatory = (uint32_t)a->housing.home,
		.purgatory_size = a->housing.all_pages * PURGATORY_PAGE,
		.needs_memory = job->needs_memory,
		.has_digest = job->bundle.digest != NULL,
		.asks_video = job->asks_video,
		.video_width = job->video_width,
		.video_height = job->video_height,
		.video_depth = job->video_depth,
		.video_mode = job->video_mode,
		.is_64_bit = job->is_64_bit,
		.core = job->core,
		.core_size = job->core_size,
	};
	/* The planner's figures include what is saved of the host. */
	for (size_t i = 0; i < job->segment_count; i++)
		d->payload += job->segments[i].source.size;
	if (segue_is_real_mode(&job->entry)) {
		d->real_mode = 1;
		d->entry += (uint32_t)job->entry.real_code * 16;
	}
	d->long_mode = segue_is_long_mode(&job->entry);
	if (HIGH_LIMIT > ADDRESS_LIMIT && d->long_mode)
		d->entry_high = (uint32_t)(job->entry.wide->rip >> 32);
	return SEGUE_OK;
}

int segue_segment_at(const void *workspace, size_t index, struct segue_segment *segment)
{
	const struct loaded *loaded;
	const struct segment *s;

	if (!workspace || !segment)
		return SEGUE_E_ARGUMENT;
	loaded = segue_loaded(workspace);
	if (!loaded)
		return SEGUE_E_NOT_LOADED;
	if (index >= loaded->job.segment_count)
		return SEGUE_E_ARGUMENT;
	s = &loaded->job.segments[index];
	*segment = (struct segue_segment){
		.dest = s->dest,
		.size = s->size,
		.file_size = s->source.size,
		.source = s->source_at,
		.name = s->name,
		.number = s->number == NO_NUMBER ? 0 : s->number,
		.in_digest = s->in_digest,
	};
	return SEGUE_OK;
}

int segue_move_at(const void *workspace, size_t index, struct segue_move_description *description)
{
	const struct loaded *loaded;
	const struct segue_move *move;

	if (!workspace || !description)
		return SEGUE_E_ARGUMENT;
	loaded = segue_loaded(workspace);
	if (!loaded)
		return SEGUE_E_NOT_LOADED;
	if (index >= loaded->arrangement->list.moves)
		return SEGUE_E_ARGUMENT;
	move = &loaded->arrangement->list.pages[index / LIST_MOVES].moves[index % LIST_MOVES];
	description->dest = move->dst;
	description->source = move->src;
	description->size = move->size;
	description->descending = move->op == SEGUE_MOVE_COPY_DOWN || move->op == SEGUE_MOVE_SWAP_DOWN;
	description->kind = move->op == SEGUE_MOVE_ZERO                                           ? SEGUE_MOVE_KIND_ZERO
			    : move->op == SEGUE_MOVE_SWAP_UP || move->op == SEGUE_MOVE_SWAP_DOWN ? SEGUE_MOVE_KIND_SWAP
												: SEGUE_MOVE_KIND_COPY;
	return SEGUE_OK;
}
