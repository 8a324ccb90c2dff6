/* SPDX-License-Identifier: MIT */
/* RAM for purgatory, its list, and bytes that are set aside. */
#include "common/bytes.h"
#include "plan/plan_sort.h"
#include "purgatory/purgatory.h"
#include "load/scratch.h"

static void add_range(struct scratch *scratch, addr_t start, addr_t end)
{
	uint32_t smallest = 0;

	if (start >= end)
		return;
	if (scratch->count == SCRATCH_LIMIT) {
		for (uint32_t i = 1; i < SCRATCH_LIMIT; i++)
			if (scratch->ranges[i].end - scratch->ranges[i].start <
			    scratch->ranges[smallest].end - scratch->ranges[smallest].start)
				smallest = i;
		if (end - start <= scratch->ranges[smallest].end - scratch->ranges[smallest].start)
			return;
		/* Closing the gap keeps the order. */
		for (scratch->count--; smallest < scratch->count; smallest++)
			scratch->ranges[smallest] = scratch->ranges[smallest + 1];
	}
	scratch->ranges[scratch->count].start = start;
	scratch->ranges[scratch->count].end = end;
	scratch->count++;
}

/* The memory in use: first the copies' sources, then the segments' destinations, then the workspace. */
struct busy {
	const struct job *job;
	const struct plan_copy *copies;
	uint32_t copy_count;
};

static IN_LINE struct plan_range busy_at(const struct busy *busy, uint32_t i)
{
	const struct job *job = busy->job;
	struct plan_range r;

	if (i < busy->copy_count) {
		r.start = busy->copies[i].src;
		r.end = r.start + busy->copies[i].size;
	} else if (i - busy->copy_count < job->segment_count) {
		r.start = job->segments[i - busy->copy_count].dest;
		r.end = r.start + job->segments[i - busy->copy_count].size;
	} else {
		r.start = job->workspace_phys;
		r.end = r.start + job->args->workspace_size;
	}
	return r;
}

static addr_t busy_key(const void *context, uint32_t index)
{
	return busy_at(context, index).start;
}

int segue_find_scratch(struct job *job, const struct runs *runs, struct scratch *scratch)
{
	uint32_t copy_count = runs->copy_count, count = (uint32_t)job->segment_count + copy_count + 1;
	size_t size = (size_t)count * 2 * sizeof(struct sort_entry) + copy_count * sizeof(struct plan_copy);
	uint8_t *mark = job->arena.next;
	struct plan_copy *copies = segue_arena_take(&job->arena, size, sizeof(uint64_t));
	struct busy busy = {job, copies, copy_count};
	struct sort_entry *order = (struct sort_entry *)(void *)(copies + copy_count);
	addr_t reach = 0;           /* highest end of the ranges in use so far */
	uint32_t next = 0;

	if (!copies)
		return SEGUE_E_WORKSPACE_SMALL;
	segue_list_copies(job, copies);
	segue_plan_sort(order, order + count, count, busy_key, &busy);
	scratch->count = 0;
	for (size_t i = 0; i < job->ram_count; i++) {
		addr_t start = job->ram[i].start, end = job->ram[i].end;

		/* Purgatory's code, and what it sets aside, is below 4 GiB. */
		if (is_high(start))
			break;
		/* Below 1 MiB is data that not every map lists (EBDA, data of option ROMs). */
		if (start < ONE_MIB)
			start = ONE_MIB;
		if (start < reach)
			start = reach;
		for (; next < count; next++) {
			struct plan_range r = busy_at(&busy, order[next].index);

			if (r.start >= end)
				break;
			add_range(scratch, start, r.start);
			if (r.end > reach)
				reach = r.end;
			if (start < reach)
				start = reach;
		}
		add_range(scratch, start, end);
	}
	add_range(scratch, job->spare.start, job->spare.end);
	job->arena.next = mark;
	return SEGUE_OK;
}

bool segue_take_pages(struct scratch *scratch, uint32_t count, addr_t *start)
{
	addr_t size = (addr_t)count * PURGATORY_PAGE;

	/* From the top of a range: its rest stays one range. */
	for (uint32_t i = 0; i < scratch->count; i++) {
		struct plan_range *r = &scratch->ranges[i];
		addr_t end = r->end & ~(addr_t)(PURGATORY_PAGE - 1);

		if (end < r->start || end - r->start < size)
			continue;
		*start = end - size;
		r->end = *start;
		return true;
	}
	return false;
}
