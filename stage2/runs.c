/* SPDX-License-Identifier: MIT */
/* Segments to copies and zeros: a blob scattered over many extents gives as many copies. */
#include "image.h"
#include "runs.h"

static void add_copy(struct runs *runs, addr_t dst, addr_t src, addr_t size)
{
	if (runs->copies) {
		struct plan_copy *copy = &runs->copies[runs->copy_count];

		copy->dst = dst;
		copy->src = src;
		copy->size = size;
	}
	if ((uint64_t)src >> 32 != 0)
		runs->high = true;
	runs->copy_count++;
}

static void add_scattered(const struct job *job, const struct segment *s, struct runs *runs)
{
	addr_t into;
	const struct segue_extent *extent = segue_extent_of(job, &s->source, &into);

	for (addr_t done = 0; done < s->source.size; extent++) {
		addr_t size = (addr_t)extent->size - into;

		if (size > s->source.size - done)
			size = s->source.size - done;
		if (size > 0)
			add_copy(runs, s->dest + done, (addr_t)extent->addr + into, size);
		done += size;
		into = 0;
	}
}

static void list_runs(const struct job *job, struct runs *runs)
{
	runs->copy_count = 0;
	runs->zero_count = 0;
	for (size_t i = 0; i < job->segment_count; i++) {
		const struct segment *s = &job->segments[i];
		const uint8_t *data = s->source.data;

		if (s->source.size > 0 && s->source.part == PART_WORKSPACE)
			add_copy(runs, s->dest, job->workspace_phys + (addr_t)(data - job->workspace), s->source.size);
		else if (s->source.size > 0 && !job->parts[s->source.part].extents)
			add_copy(runs, s->dest, (uintptr_t)data, s->source.size);
		else if (s->source.size > 0)
			add_scattered(job, s, runs);
		if (s->zero_size > 0) {
			if (runs->zeros) {
				runs->zeros[runs->zero_count].start = s->dest + s->source.size;
				runs->zeros[runs->zero_count].end = s->dest + s->source.size + s->zero_size;
			}
			runs->zero_count++;
		}
	}
}

int segue_find_runs(struct job *job, struct runs *runs)
{
	size_t size;

	/* Once to count, once to fill. */
	runs->copies = NULL;
	runs->zeros = NULL;
	list_runs(job, runs);
	size = runs->copy_count * sizeof *runs->copies;
	runs->copies = segue_arena_take(&job->arena, size, sizeof(uint64_t));
	if (!runs->copies)
		return segue_arena_refuse(job, size);
	size = runs->zero_count * sizeof *runs->zeros;
	runs->zeros = segue_arena_take(&job->arena, size, sizeof(uint64_t));
	if (!runs->zeros)
		return segue_arena_refuse(job, size);
	list_runs(job, runs);
	return SEGUE_OK;
}
