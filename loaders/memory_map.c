/* SPDX-License-Identifier: MIT */
/* The memory map: what of it is RAM to use, and what of it the target is told. */
#include "memory_functions.h"
#include "bytes.h"
#include "memory_map.h"

#define FOUR_GIB 0x100000000u

int segue_check_ranges(const struct job *job, const char *what, const struct segue_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ranges[i].end < ranges[i].start)
			return segue_refuse(job, SEGUE_E_MEMORY_MAP, "%s %z ends at %x, before its start at %x",
					    what, (uint64_t)i, ranges[i].end, ranges[i].start);
	return SEGUE_OK;
}

/* Takes [start, end) out of a list with room for one more. */
static void subtract(struct segue_range *list, size_t *count, uint64_t start, uint64_t end)
{
	size_t i = 0;

	if (start >= end)
		return;
	while (i < *count) {
		struct segue_range *r = &list[i];

		if (r->end <= start || end <= r->start) {
			i++;
		} else if (start <= r->start && r->end <= end) {
			*r = list[--*count];
		} else if (start <= r->start) {
			r->start = end;
			i++;
		} else if (r->end <= end) {
			r->end = start;
			i++;
		} else {
			list[*count] = *r;
			list[*count].start = end;
			++*count;
			r->end = start;
			i++;
		}
	}
}

static void sort_and_merge(struct segue_range *list, size_t *count)
{
	size_t kept = 0;

	/* Insertion: maps are short and mostly sorted. */
	for (size_t i = 1; i < *count; i++) {
		struct segue_range r = list[i];
		size_t j = i;

		for (; j > 0 && list[j - 1].start > r.start; j--)
			list[j] = list[j - 1];
		list[j] = r;
	}
	for (size_t i = 0; i < *count; i++) {
		if (kept > 0 && list[i].start <= list[kept - 1].end) {
			if (list[i].end > list[kept - 1].end)
				list[kept - 1].end = list[i].end;
		} else {
			list[kept++] = list[i];
		}
	}
	*count = kept;
}

int segue_find_ram(struct job *job)
{
	const struct segue_load_args *args = job->args;
	/* Each subtraction adds at most one range. */
	size_t limit = args->memory_map_count + args->keep_count + 1;
	struct segue_range *list = segue_arena_take(&job->arena, limit * 2 * sizeof *list, sizeof(uint64_t));
	size_t count = 0;

	if (!list)
		return segue_arena_refuse(job, limit * 2 * sizeof *list);
	for (size_t i = 0; i < args->memory_map_count; i++) {
		struct segue_range r = args->memory_map[i];

		if (r.type != SEGUE_MEMORY_RAM || r.start >= FOUR_GIB || r.start == r.end)
			continue;
		if (r.end > FOUR_GIB)
			r.end = FOUR_GIB;
		list[count++] = r;
	}
	sort_and_merge(list, &count);
	/* Where firmware says two things of a byte, it is not RAM. */
	for (size_t i = 0; i < args->memory_map_count; i++)
		if (args->memory_map[i].type != SEGUE_MEMORY_RAM)
			subtract(list, &count, args->memory_map[i].start, args->memory_map[i].end);
	for (size_t i = 0; i < args->keep_count; i++)
		subtract(list, &count, args->keep[i].start, args->keep[i].end);
	/* The IVT and the BIOS data area stay: Xen, ACPI's search for the RSDP and every 16-bit target read them. */
	subtract(list, &count, 0, FIRMWARE_DATA_END);
	sort_and_merge(list, &count);
	job->ram = list;
	job->ram_count = count;
	if (count == 0)
		return segue_refuse(job, SEGUE_E_NO_RAM, "the memory map of %z ranges has no RAM below 4 GiB that may be used",
				    (uint64_t)args->memory_map_count);
	return SEGUE_OK;
}

static void add_target_range(struct segue_range *map, size_t limit, size_t *count, uint64_t start, uint64_t end,
			     uint32_t type)
{
	if (start >= end)
		return;
	if (*count < limit) {
		map[*count].start = start;
		map[*count].end = end;
		map[*count].type = type;
		map[*count].reserved = 0;
	}
	++*count;
}

/* The lowest segment with a type of its own that meets [start, end) of RAM; NULL: none. */
static const struct segment *first_typed(const struct job *job, uint64_t start, uint64_t end)
{
	const struct segment *first = NULL;

	for (size_t i = 0; i < job->segment_count; i++) {
		const struct segment *s = &job->segments[i];

		if (s->target_type != 0 && s->dest < end && start < s->dest + s->size && (!first || s->dest < first->dest))
			first = s;
	}
	return first;
}

void segue_target_map(const struct job *job, struct segue_range *map, size_t limit, size_t *count)
{
	*count = 0;
	for (size_t i = 0; i < job->args->memory_map_count; i++) {
		const struct segue_range *r = &job->args->memory_map[i];
		uint64_t start = r->start;

		while (r->type == SEGUE_MEMORY_RAM) {
			const struct segment *s = first_typed(job, start, r->end);
			uint64_t end;

			if (!s)
				break;
			end = s->dest + s->size < r->end ? s->dest + s->size : r->end;
			add_target_range(map, limit, count, start, s->dest, r->type);
			add_target_range(map, limit, count, s->dest > start ? s->dest : start, end, s->target_type);
			start = end;
		}
		add_target_range(map, limit, count, start, r->end, r->type);
	}
}
