/* SPDX-License-Identifier: MIT */
/* Where the target's memory lies between two calls: target_memory.h. */
#include "core/target_memory.h"
#include "common/placement.h"
#include "leave/list.h"
#include "return/return_page.h"

/* A run of target memory in the making. */
struct run {
	struct segue_target_extent extent;
	take_target_extent *take;
	void *context;
};

static void add(struct run *run, uint64_t target, uint64_t addr, uint64_t size)
{
	struct segue_target_extent *last = &run->extent;

	if (last->target + last->size == target && last->addr + last->size == addr) {
		last->size += size;
		return;
	}
	if (last->size > 0)
		run->take(run->context, last);
	*last = (struct segue_target_extent){target, addr, size};
}

const struct return_page *segue_target_page(const struct loaded *loaded)
{
	return (const void *)((const uint8_t *)loaded - LOADED_AT + (loaded->job.return_page - loaded->job.workspace_phys));
}

void segue_each_target_extent(const struct loaded *loaded, take_target_extent *take, void *context)
{
	const struct job *job = &loaded->job;
	const uint8_t *workspace = (const uint8_t *)loaded - LOADED_AT;
	/* The pages of the list follow each other (return/prepare.c), in the order of the target's addresses. */
	const struct list_page *list = (const void *)(workspace + (segue_target_page(loaded)->exchanges - job->workspace_phys));
	struct run run = {.take = take, .context = context};
	size_t next = 0;

	for (size_t i = 0; i < job->ram_count; i++) {
		addr_t at = job->ram[i].start, end = job->ram[i].end;

		while (at < end) {
			const struct segue_move *move = next < job->save_count ? &list[next / LIST_MOVES].moves[next % LIST_MOVES] : NULL;
			addr_t until = move && move->dst < end ? (addr_t)move->dst : end;

			/* What the host does not use is not exchanged. */
			if (at < until) {
				add(&run, at, at, until - at);
				at = until;
				continue;
			}
			add(&run, at, move->src, move->size);
			at += move->size;
			next++;
		}
	}
	if (run.extent.size > 0)
		take(context, &run.extent);
}

int segue_find_target(const void *workspace, const struct loaded **loaded)
{
	*loaded = segue_loaded(workspace);
	if (!*loaded)
		return SEGUE_E_NOT_LOADED;
	if (!(*loaded)->job.return_page)
		return SEGUE_E_CALL_RETURN;
	return segue_target_page(*loaded)->result == SEGUE_RESTORED ? SEGUE_E_CALL_OVER : SEGUE_OK;
}

struct array {
	struct segue_target_extent *extents;
	size_t limit, count;
};

static void put(void *context, const struct segue_target_extent *extent)
{
	struct array *array = context;

	if (array->count < array->limit)
		array->extents[array->count] = *extent;
	array->count++;
}

int segue_target_extents(const void *workspace, struct segue_target_extent *extents, size_t limit, size_t *count)
{
	struct array array = {.extents = extents, .limit = limit};
	const struct loaded *loaded;
	int error;

	if (!workspace || !count || (!extents && limit > 0))
		return SEGUE_E_ARGUMENT;
	*count = 0;
	if ((error = segue_find_target(workspace, &loaded)) != SEGUE_OK)
		return error;
	segue_each_target_extent(loaded, put, &array);
	*count = array.count;
	return array.count > limit ? SEGUE_E_RANGE_LIMIT : SEGUE_OK;
}
