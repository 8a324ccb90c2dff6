/* SPDX-License-Identifier: MIT */
/* The replay checks the plan independently of the planner: every segment must get its bytes. */
#include "common/placement.h"
#include "load/arrangement.h"
#include "plan/replay.h"

struct verification {
	const struct job *job;
	struct replay replay;
	uint32_t count;               /* copies checked so far */
};

size_t segue_replay_plan_memory(const struct arrangement *a)
{
	return segue_list_size(a) + segue_replay_memory((a->result.exchanged ? a->runs.copy_count : 0) +
						  (uint32_t)(a->job->segment_count + a->job->args->staging_count) + SCRATCH_LIMIT,
						  a->list.count);
}

static void allow_source(void *context, const struct plan_copy *copy)
{
	struct verification *v = context;

	if (segue_is_ram(v->job, copy->src, copy->src + copy->size))
		segue_replay_allow(&v->replay, copy->src, copy->src + copy->size);
}

/*
 * A plan may write to destinations, staging and scratch; if it exchanges bytes, also to sources, but not to what the host
 * keeps, nor, if the target comes back, to memory that is not the target's.
 */
static void allow_writes(const struct arrangement *a, struct verification *v)
{
	const struct job *job = a->job;

	for (size_t i = 0; i < job->segment_count; i++) {
		const struct segment *s = &job->segments[i];

		segue_replay_allow(&v->replay, s->dest, s->dest + s->source.size + s->zero_size);
	}
	for (size_t i = 0; job->return_page && i < job->args->staging_count; i++)
		segue_replay_allow(&v->replay, (addr_t)job->args->staging[i].addr,
				   (addr_t)(job->args->staging[i].addr + job->args->staging[i].size));
	for (uint32_t i = 0; i < a->scratch.count; i++)
		segue_replay_allow(&v->replay, a->scratch.ranges[i].start, a->scratch.ranges[i].end);
	if (a->result.exchanged != 0)
		segue_each_copy(job, allow_source, v);
}

static const struct segue_move *entry_of(const void *list, uint32_t index)
{
	const struct list_page *pages = list;

	return &pages[index / LIST_MOVES].moves[index % LIST_MOVES];
}

static void check_copy(void *context, const struct plan_copy *copy)
{
	struct verification *v = context;

	segue_replay_check(&v->replay, v->count++, copy->dst, copy->size, copy->src);
}

int segue_replay_plan(struct arrangement *a)
{
	struct job *job = a->job;
	struct verification v = {.job = job};
	struct replay *r = &v.replay;

	segue_replay_begin(r, a->memory, (size_t)((uint8_t *)a->list.pages - a->memory));
	allow_writes(a, &v);
	segue_replay_moves(r, entry_of, a->list.pages, a->list.count);
	segue_each_copy(job, check_copy, &v);
	for (uint32_t i = 0; i < a->runs.zero_count; i++)
		segue_replay_check(r, v.count++, a->runs.zeros[i].start, a->runs.zeros[i].end - a->runs.zeros[i].start, REPLAY_ZEROS);
	if (r->status == REPLAY_OK)
		return SEGUE_OK;
	/* An exchange writes to its source, and this source must not be written to. */
	if (r->status == REPLAY_OUTSIDE && a->result.exchanged != 0)
		return segue_refuse(&job->log, SEGUE_E_NO_PLACE, "to set bytes aside; %x to %x must stay", (addr_t)r->at.start,
				    (addr_t)r->at.end);
	if (r->status == REPLAY_MEMORY)
		return segue_refuse_space(a, segue_replay_plan_memory(a));
	return segue_refuse(&job->log, SEGUE_E_PLAN_REPLAY, "replay, %u, move %u, %x to %x", (uint32_t)r->status, r->index,
			    (addr_t)r->at.start, (addr_t)r->at.end);
}
