/* SPDX-License-Identifier: MIT */
/* The memory map: finds the RAM that Segue may use, and builds the map that the target gets. */
#include "common/loader.h"
#include "common/memory_map.h"

int segue_check_ranges(const struct job *job, const struct segue_range *ranges, size_t count, int code, const char *format)
{
	for (size_t i = 0; i < count; i++)
		if (ranges[i].end < ranges[i].start)
			return segue_refuse(&job->log, code, format, (addr_t)i);
	return SEGUE_OK;
}

/* Sweep state: which kinds of ranges cover [at, next); what is not RAM goes on up to `other_end`. */
struct sweep {
	uint64_t at, next, other_end;
	bool ram, other;
};

/* taken: none of these ranges counts as RAM, whatever its type. */
static void look_at(struct sweep *sweep, const struct segue_range *ranges, size_t count, bool taken)
{
	for (size_t i = 0; i < count; i++) {
		const struct segue_range *r = &ranges[i];
		uint64_t edge = r->start > sweep->at ? r->start : r->end;

		if (edge <= sweep->at)
			continue;
		if (edge < sweep->next)
			sweep->next = edge;
		if (r->start > sweep->at)
			continue;
		if (r->type == SEGUE_MEMORY_RAM && !taken) {
			sweep->ram = true;
		} else {
			sweep->other = true;
			if (r->end > sweep->other_end)
				sweep->other_end = r->end;
		}
	}
}

/* Is sweep->at in target memory? Changes sweep->other, and ends the step at the next edge of target memory. */
static OUT_OF_LINE bool is_for_target(struct sweep *sweep, const struct segue_load_args *args)
{
	sweep->other = args->target_memory_count == 0;
	look_at(sweep, args->target_memory, args->target_memory_count, true);
	return sweep->other;
}

/* Adds the pieces of RAM in [from, to) to job->ram. Are there any? *code becomes SEGUE_E_TARGET_MEMORY if there is other RAM. */
static IN_LINE bool find_between(struct job *job, uint64_t from, uint64_t to, int *code)
{
	const struct segue_load_args *args = job->args;
	struct sweep sweep = {.at = from};
	struct range *last = NULL;

	for (; sweep.at < to; sweep.at = sweep.next) {
		sweep.next = to;
		sweep.ram = sweep.other = false;
		look_at(&sweep, args->memory_map, args->memory_map_count, false);
		look_at(&sweep, args->keep, args->keep_count, true);
		/* If entries that overlap disagree about an address, it is not RAM. */
		if (!sweep.ram || sweep.other)
			continue;
		*code = SEGUE_E_TARGET_MEMORY;
		if (!is_for_target(&sweep, args))
			continue;
		if (!last || last->end != sweep.at) {
			last = &job->ram[job->ram_count++];
			last->start = (addr_t)sweep.at;
		}
		last->end = (addr_t)sweep.next;
	}
	return last != NULL;
}

#if ADDRESS_MAX > UINT32_MAX
/* Only a loader that calls segue_find_high_ram() is for such RAM (recognise.c). job->ram has a range in any case. */
static bool is_all_high(struct job *job, int refusal)
{
	int ignored;

	if (job->args->flags & (SEGUE_LOAD_RETURN | SEGUE_LOAD_CRASH) || !find_between(job, HIGH_START, HIGH_LIMIT, &ignored))
		return false;
	job->ram[0] = (struct range){0, 0};
	job->ram_count = 1;
	job->no_low_ram = refusal;
	return true;
}
#else
#define is_all_high(job, refusal) false
#endif

int segue_find_ram(struct job *job)
{
	const struct segue_load_args *args = job->args;
	/* Every start or end of a range can start a piece of RAM; so can 0 and 4 GiB. */
	size_t size = (args->memory_map_count + args->keep_count + args->target_memory_count + 1) * 2 * sizeof *job->ram;
	int code = SEGUE_E_NO_RAM;

	job->ram = segue_arena_take(&job->arena, size, sizeof(uint64_t));
	if (!job->ram)
		return SEGUE_E_WORKSPACE_SMALL;
	if (find_between(job, 0, ADDRESS_LIMIT, &code))
		return SEGUE_OK;
	if (is_all_high(job, code))
		return SEGUE_OK;
	return segue_refuse(&job->log, code, NO_LOW_RAM(code));
}

#if ADDRESS_MAX > UINT32_MAX
void segue_find_high_ram(struct job *job)
{
	int code;

	find_between(job, HIGH_START, HIGH_LIMIT, &code);
}
#endif

struct target_map {
	struct segue_range *ranges;
	size_t limit, count;
};

static void add_range(struct target_map *map, uint64_t start, uint64_t end, uint32_t type)
{
	if (start >= end)
		return;
	if (map->count < map->limit) {
		struct segue_range *r = &map->ranges[map->count];

		r->start = start;
		r->end = end;
		r->type = type;
		r->reserved = 0;
	}
	map->count++;
}

/*
 * Adds an entry of RAM, split around what ranges of another type, earlier entries and segments have of it, and at the edges of
 * target memory.
 */
static void add_ram(struct target_map *map, const struct job *job, size_t entry)
{
	const struct segue_range *all = job->args->memory_map, *r = &all[entry];
	struct sweep sweep = {.at = r->start};
	uint32_t type, last = 0;
	uint64_t start = r->start;

	for (; sweep.at < r->end; sweep.at = sweep.next) {
		sweep.next = r->end;
		sweep.other_end = 0;
		sweep.other = false;
		look_at(&sweep, all, entry, true);
		look_at(&sweep, r, job->args->memory_map_count - entry, false);
		type = sweep.other ? 0 : SEGUE_MEMORY_RAM;
		/* Not edge by edge: where many entries overlap, the time would grow with the cube of their number. */
		if (sweep.other)
			sweep.next = sweep.other_end;
		else if (!is_for_target(&sweep, job->args))
			type = SEGUE_MEMORY_RESERVED;
		for (size_t i = 0; i < job->segment_count; i++) {
			const struct segment *s = &job->segments[i];
			const struct segue_range claim = {.start = s->dest, .end = s->dest + s->size};

			if (type == 0 || s->target_type == 0)
				continue;
			sweep.other = false;
			look_at(&sweep, &claim, 1, true);
			if (sweep.other)
				type = s->target_type;
		}
		if (type == last)
			continue;
		if (last != 0)
			add_range(map, start, sweep.at, last);
		start = sweep.at;
		last = type;
	}
	if (last != 0)
		add_range(map, start, r->end, last);
}

void segue_target_map(const struct job *job, struct segue_range *ranges, size_t limit, size_t *count)
{
	struct target_map map = {.ranges = ranges, .limit = limit};

	for (size_t i = 0; i < job->args->memory_map_count; i++) {
		const struct segue_range *r = &job->args->memory_map[i];

		if (r->type == SEGUE_MEMORY_RAM)
			add_ram(&map, job, i);
		else
			add_range(&map, r->start, r->end, r->type);
	}
	*count = map.count;
}

addr_t segue_run_end(const struct segue_range *map, size_t count, addr_t start, uint32_t type)
{
	addr_t end = start, before;

	do {
		before = end;
		for (size_t i = 0; i < count; i++)
			if ((type == 0 || map[i].type == type) && map[i].start <= end && end < map[i].end)
				end = map[i].end < ADDRESS_LIMIT ? (addr_t)map[i].end : ADDRESS_LIMIT;
	} while (end != before);
	return end;
}
