/* SPDX-License-Identifier: MIT */
/* Segments to copies and zeros. A segment of a scattered blob becomes one copy for each extent. */
#include "common/placement.h"
#include "load/runs.h"

static void each_scattered(const struct job *job, const struct segment *s, take_copy *take, void *context)
{
	addr_t into;
	const struct segue_extent *extent = segue_extent_of(job, &s->source, &into);

	for (addr_t done = 0; done < s->source.size; extent++) {
		struct plan_copy copy = {s->dest + done, (addr_t)extent->addr + into, (addr_t)extent->size - into};

		if (copy.size > s->source.size - done)
			copy.size = s->source.size - done;
		if (copy.size > 0)
			take(context, &copy);
		done += copy.size;
		into = 0;
	}
}

/* Puts the saves among the segments' copies, in the order of their destinations. */
struct merge {
	const struct job *job;
	size_t saves;                 /* taken so far */
	take_copy *take;
	void *context;
};

static void take_saves(struct merge *merge, addr_t limit)
{
	for (; merge->saves < merge->job->save_count; merge->saves++) {
		const struct save *save = &merge->job->saves[merge->saves];
		struct plan_copy copy = {save->dest, save->source, save->size};

		if (save->dest >= limit)
			return;
		merge->take(merge->context, &copy);
	}
}

static void take_in_order(void *context, const struct plan_copy *copy)
{
	struct merge *merge = context;

	take_saves(merge, copy->dst);
	merge->take(merge->context, copy);
}

void segue_each_copy(const struct job *job, take_copy *take, void *context)
{
	struct merge merge = {job, 0, take, context};

	if (job->save_count > 0) {
		take = take_in_order;
		context = &merge;
	}
	for (size_t i = 0; i < job->segment_count; i++) {
		const struct segment *s = &job->segments[job->claims[i]];
		struct plan_copy copy = {s->dest, (uintptr_t)s->source.data, s->source.size};

		if (copy.size == 0)
			continue;
		if (s->source.part == PART_WORKSPACE)
			copy.src = job->workspace_phys + (addr_t)(s->source.data - job->workspace);
		else if (job->parts[s->source.part].extents) {
			each_scattered(job, s, take, context);
			continue;
		}
		take(context, &copy);
	}
	take_saves(&merge, ADDRESS_MAX);
}

static void count_copy(void *context, const struct plan_copy *copy)
{
	struct runs *runs = context;

	runs->copy_count++;
	if (copy->src != copy->dst && (uint64_t)(copy->src | copy->dst) >> 32 != 0)
		runs->high = true;
}

int segue_find_runs(struct job *job, struct runs *runs)
{
	size_t size = job->segment_count * sizeof *runs->zeros;

	*runs = (struct runs){.zeros = segue_arena_take(&job->arena, size, sizeof(uint64_t))};
	if (!runs->zeros)
		return SEGUE_E_WORKSPACE_SMALL;
	for (size_t i = 0; i < job->segment_count; i++) {
		const struct segment *s = &job->segments[job->claims[i]];
		addr_t start = s->dest + s->source.size;

		if (s->zero_size > 0)
			runs->zeros[runs->zero_count++] = (struct plan_range){start, start + s->zero_size};
		/* What lies there already is not moved, but a digest reads it. */
		if (is_high(s->dest) && (s->zero_size > 0 || (s->in_digest && job->bundle.digest)))
			runs->high = true;
	}
	segue_each_copy(job, count_copy, runs);
	return SEGUE_OK;
}

static void list_copy(void *context, const struct plan_copy *copy)
{
	struct plan_copy **next = context;

	*(*next)++ = *copy;
}

void segue_list_copies(const struct job *job, struct plan_copy *copies)
{
	segue_each_copy(job, list_copy, &copies);
}
