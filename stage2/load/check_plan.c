/* SPDX-License-Identifier: MIT */
/* The replay checks the plan independently of the planner: every segment must get its bytes. */
#include "load/arrangement.h"
#include "plan/replay.h"

struct verification {
	const struct job *job;
	struct replay replay;
	uint32_t count;               /* copies checked so far */
};

size_t segue_replay_plan_memory(const struct arrangement *a)
{
	return segue_list_size(a) +
	       segue_replay_memory((uint32_t)(a->job->segment_count + a->job->save_count) + SCRATCH_LIMIT, a->list.count);
}

/* A plan may write to destinations, the needed part of staging, and scratch. */
static void allow_writes(const struct arrangement *a, struct verification *v)
{
	const struct job *job = a->job;

	for (size_t i = 0; i < job->segment_count; i++) {
		const struct segment *s = &job->segments[i];

		segue_replay_allow(&v->replay, s->dest, s->dest + s->source.size + s->zero_size);
	}
	for (size_t i = 0; i < job->save_count; i++)
		segue_replay_allow(&v->replay, job->saves[i].dest, job->saves[i].dest + job->saves[i].size);
	for (uint32_t i = 0; i < a->scratch.count; i++)
		segue_replay_allow(&v->replay, a->scratch.ranges[i].start, a->scratch.ranges[i].end);
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
	if (r->status == REPLAY_MEMORY)
		return segue_refuse_space(a, segue_replay_plan_memory(a));
	return segue_refuse(&job->log, SEGUE_E_PLAN_REPLAY, "replay, %u, move %u, %x to %x", (uint32_t)r->status, r->index,
			    (addr_t)r->at.start, (addr_t)r->at.end);
}
