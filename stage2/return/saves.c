/* SPDX-License-Identifier: MIT */
/* Which bytes of the host are kept where while the target runs: saves.h. */
#include "return/saves.h"
#include "common/memory_map.h"
#include "common/placement.h"
#include "leave/reach.h"
#include "plan/plan_sort.h"

/* Flags that make no sense for a host that comes back: another CPU would rest in the workspace, or there is no host left. */
#define EXCLUDED (SEGUE_LOAD_ANY_CPU | SEGUE_LOAD_DIGEST_REBOOT)
#define EXCLUDED_FROM_CRASH (SEGUE_LOAD_RETURN | SEGUE_LOAD_CLEAR | SEGUE_LOAD_KEEP_BUS_MASTERS)

static addr_t workspace_end(const struct job *job)
{
	return job->workspace_phys + (addr_t)job->args->workspace_size;
}

static bool overlaps(uint64_t start, uint64_t end, uint64_t other, uint64_t other_end)
{
	return start < other_end && other < end;
}

/* Does [start, end) have RAM by the host's map? */
static bool has_ram(const struct segue_load_args *args, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < args->memory_map_count; i++)
		if (args->memory_map[i].type == SEGUE_MEMORY_RAM &&
		    overlaps(args->memory_map[i].start, args->memory_map[i].end, start, end))
			return true;
	return false;
}

/* A kept range must not change. A range that is not RAM gives a warning, because some hosts lie in what firmware calls reserved. */
static int check_staging_place(const struct job *job, size_t index, const struct segue_extent *extent, bool *warned)
{
	const struct segue_load_args *args = job->args;
	uint64_t start = extent->addr, end = start + extent->size;

	for (size_t i = 0; i < args->keep_count; i++)
		if (overlaps(args->keep[i].start, args->keep[i].end, start, end))
			return segue_refuse(&job->log, SEGUE_E_STAGING, "extent %z overlaps range %z of keep", (addr_t)index, (addr_t)i);
	for (size_t i = 0; i < args->memory_map_count && !*warned; i++) {
		const struct segue_range *range = &args->memory_map[i];

		if (range->type == SEGUE_MEMORY_RAM || !overlaps(range->start, range->end, start, end))
			continue;
		*warned = true;
		segue_say(&job->log, SEGUE_LOG_WARNING, "staging, extent %z, is in the memory map's range %z, which is not RAM",
			  (addr_t)index, (addr_t)i);
	}
	return SEGUE_OK;
}

static int check_call(const struct job *job)
{
	const struct segue_load_args *args = job->args;
	bool is_crash = args->flags & SEGUE_LOAD_CRASH;
	uint32_t excluded = args->flags & (is_crash ? EXCLUDED_FROM_CRASH : EXCLUDED);
	int code = is_crash ? SEGUE_E_CRASH : SEGUE_E_RETURN;

	if (excluded)
		return segue_refuse(&job->log, code, "not with flags %x", (addr_t)excluded);
	if (args->target_memory_count == 0)
		return segue_refuse(&job->log, code, "there is no target_memory");
	for (size_t i = 0; i < job->ram_count; i++)
		if (overlaps(job->ram[i].start, job->ram[i].end, job->workspace_phys, workspace_end(job)))
			return segue_refuse(&job->log, code, "the workspace, %x to %x, is in target_memory, %x to %x",
					    job->workspace_phys, workspace_end(job), job->ram[i].start, job->ram[i].end);
	for (size_t i = 0; i < args->target_memory_count; i++) {
		const struct segue_range *range = &args->target_memory[i];

		/* The target would be told of RAM that is not saved. */
		if (range->end > ADDRESS_LIMIT && has_ram(args, range->start < ADDRESS_LIMIT ? ADDRESS_LIMIT : range->start, range->end))
			return segue_refuse(&job->log, code, "target_memory, range %z, has RAM above %x", (addr_t)i,
					    (addr_t)ADDRESS_LIMIT);
		for (size_t k = 0; k < args->keep_count; k++)
			if (overlaps(args->keep[k].start, args->keep[k].end, range->start, range->end))
				return segue_refuse(&job->log, code, "range %z of keep is in target_memory", (addr_t)k);
	}
	return segue_check_ranges(job, args->unused, args->unused_count, code, "range %z of unused ends before it starts");
}

static int check_staging(const struct job *job)
{
	const struct segue_load_args *args = job->args;
	addr_t reach = segue_reach();
	bool warned = false;
	int error;

	for (size_t i = 0; i < args->staging_count; i++) {
		const struct segue_extent *extent = &args->staging[i];
		addr_t start = (addr_t)extent->addr, end;

		if (extent->size == 0)
			continue;
		if (!segue_is_in_reach(extent, reach))
			return segue_refuse(&job->log, SEGUE_E_STAGING, "extent %z is not below %x, or is in the page at %x", (addr_t)i,
					    reach, (addr_t)ADDRESS_LIMIT);
		end = start + (addr_t)extent->size;
		if (overlaps(start, end, job->workspace_phys, workspace_end(job)))
			return segue_refuse(&job->log, SEGUE_E_STAGING, "extent %z, %x to %x, overlaps the workspace, %x to %x", (addr_t)i,
					    start, end, job->workspace_phys, workspace_end(job));
		for (size_t k = 0; k < job->ram_count; k++)
			if (overlaps(start, end, job->ram[k].start, job->ram[k].end))
				return segue_refuse(&job->log, SEGUE_E_STAGING, "extent %z, %x to %x, overlaps target_memory, %x to %x",
						    (addr_t)i, start, end, job->ram[k].start, job->ram[k].end);
		if ((error = check_staging_place(job, i, extent, &warned)) != SEGUE_OK)
			return error;
	}
	return SEGUE_OK;
}

static addr_t key_of_save(const void *context, uint32_t index)
{
	return ((const struct save *)context)[index].dest;
}

static addr_t key_of_extent(const void *context, uint32_t index)
{
	return (addr_t)((const struct segue_extent *)context)[index].addr;
}

/* Target memory has nothing above ADDRESS_LIMIT. */
static addr_t key_of_unused(const void *context, uint32_t index)
{
	uint64_t start = ((const struct segue_range *)context)[index].start;

	return start < ADDRESS_LIMIT ? (addr_t)start : ADDRESS_LIMIT;
}

/* The order by key, in the arena. NULL: no room. */
static struct sort_entry *sorted(struct job *job, uint32_t count, addr_t (*key)(const void *, uint32_t), const void *context)
{
	struct sort_entry *order = segue_arena_take(&job->arena, (size_t)count * 2 * sizeof *order, sizeof(uint64_t));

	if (order)
		segue_plan_sort(order, order + count, count, key, context);
	return order;
}

static int check_overlap(struct job *job)
{
	const struct segue_extent *extents = job->args->staging;
	uint32_t count = (uint32_t)job->args->staging_count, last = 0;
	struct sort_entry *order = sorted(job, count, key_of_extent, extents);
	addr_t reach = 0;

	if (!order)
		return SEGUE_E_WORKSPACE_SMALL;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = order[i].index;
		addr_t start = (addr_t)extents[at].addr;

		if (extents[at].size == 0)
			continue;
		if (start < reach)
			return segue_refuse(&job->log, SEGUE_E_STAGING, "extents %z and %z overlap, from %x", (addr_t)last, (addr_t)at, start);
		reach = start + (addr_t)extents[at].size;
		last = at;
	}
	return SEGUE_OK;
}

int segue_check_return(struct job *job)
{
	uint8_t *mark = job->arena.next;
	int error = check_call(job);

	if (error == SEGUE_OK)
		error = check_staging(job);
	if (error == SEGUE_OK)
		error = check_overlap(job);
	job->arena.next = mark;
	return error;
}

/*
 * The first range of unused that ends after start: sets [*from, *to), empty if there is none below end. *next is its place in
 * the order by address; no earlier one ends after start.
 */
static void next_unused(const struct job *job, const struct sort_entry *order, size_t *next, addr_t start,
			addr_t end, addr_t *from, addr_t *to)
{
	*from = *to = end;
	for (; *next < job->args->unused_count; ++*next) {
		const struct segue_range *unused = &job->args->unused[order[*next].index];

		if (unused->end <= start || unused->start == unused->end)
			continue;
		if (unused->start >= end)
			return;
		*from = unused->start > start ? (addr_t)unused->start : start;
		*to = unused->end < end ? (addr_t)unused->end : end;
		return;
	}
}

int segue_each_saved(struct job *job, bool whole, int (*take)(void *context, addr_t start, addr_t end), void *context)
{
	const struct sort_entry *order = sorted(job, (uint32_t)job->args->unused_count, key_of_unused, job->args->unused);
	size_t next = 0;
	int error;

	if (!order)
		return SEGUE_E_WORKSPACE_SMALL;
	for (size_t i = 0; i < job->ram_count; i++) {
		addr_t start = job->ram[i].start, end = job->ram[i].end, from = end, to = end;

		while (start < end) {
			if (!whole)
				next_unused(job, order, &next, start, end, &from, &to);
			if (start < from && (error = take(context, start, from)) != SEGUE_OK)
				return error;
			start = to;
		}
	}
	return SEGUE_OK;
}

/* Deals the pieces of target memory to the extents of staging. */
struct deal {
	struct job *job;
	size_t extent;
	addr_t used;                  /* bytes of this extent */
	addr_t lacking;               /* bytes for which there is no staging */
	/* With a core: bytes that stay free, because Linux maps whole pages of it, and the first extent that has some. */
	addr_t skipped;
	size_t skips;
};

/*
 * Goes on to the byte of staging that the byte at start gets: with a core, at the same offset in a page. False: there is none.
 */
static bool find_room(struct deal *deal, addr_t start)
{
	const struct segue_load_args *args = deal->job->args;

	for (; deal->extent < args->staging_count; deal->extent++, deal->used = 0) {
		const struct segue_extent *extent = &args->staging[deal->extent];
		addr_t left = (addr_t)extent->size - deal->used;
		addr_t skip = args->flags & (SEGUE_LOAD_CORE | SEGUE_LOAD_CRASH) ? (start - (addr_t)extent->addr - deal->used) % PAGE : 0;

		if (skip > 0 && left > 0 && deal->skipped == 0)
			deal->skips = deal->extent;
		deal->skipped += skip < left ? skip : left;
		if (skip >= left)
			continue;
		deal->used += skip;
		return true;
	}
	return false;
}

static int deal_out(void *context, addr_t start, addr_t end)
{
	struct deal *deal = context;
	struct job *job = deal->job;
	const struct segue_extent *extents = job->args->staging;

	while (start < end) {
		struct save *save;
		addr_t left;

		if (!find_room(deal, start)) {
			deal->lacking += end - start;
			return SEGUE_OK;
		}
		/* The array is at the end of the arena's used part, and grows with it. */
		save = segue_arena_take(&job->arena, sizeof *save, sizeof(addr_t));
		if (!save)
			return SEGUE_E_WORKSPACE_SMALL;
		if (job->save_count == 0)
			job->saves = save;
		left = (addr_t)extents[deal->extent].size - deal->used;
		save->source = start;
		save->dest = (addr_t)extents[deal->extent].addr + deal->used;
		save->size = end - start < left ? end - start : left;
		deal->used += save->size;
		start += save->size;
		job->save_count++;
	}
	return SEGUE_OK;
}

int segue_find_saves(struct job *job)
{
	struct deal deal = {.job = job};
	int error;

	if ((error = segue_each_saved(job, false, deal_out, &deal)) != SEGUE_OK)
		return error;
	if (deal.lacking > 0 && deal.skipped > 0)
		return segue_refuse(&job->log, SEGUE_E_STAGING,
				    "%z more bytes are needed; %z, from extent %z on, are not at the offset in a page that the core needs",
				    deal.lacking, deal.skipped, (addr_t)deal.skips);
	if (deal.lacking > 0)
		return segue_refuse(&job->log, SEGUE_E_STAGING, "%z more bytes are needed; ranges in unused need none", deal.lacking);
	return SEGUE_OK;
}

int segue_sort_saves(struct job *job)
{
	uint32_t count = (uint32_t)job->save_count;
	uint8_t *mark = job->arena.next;
	struct save *copy = segue_arena_take(&job->arena, count * sizeof *copy, sizeof(uint64_t));
	struct sort_entry *order;

	if (!copy)
		return SEGUE_E_WORKSPACE_SMALL;
	order = sorted(job, count, key_of_save, job->saves);
	if (!order)
		return SEGUE_E_WORKSPACE_SMALL;
	for (uint32_t i = 0; i < count; i++)
		copy[i] = job->saves[order[i].index];
	for (uint32_t i = 0; i < count; i++)
		job->saves[i] = copy[i];
	job->arena.next = mark;
	return SEGUE_OK;
}
