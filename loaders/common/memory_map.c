/* SPDX-License-Identifier: MIT */
/* The memory map: finds the RAM that Segue may use, and builds the map that the target gets. */
#include "common/loader.h"
#include "common/memory_map.h"

int segue_check_ranges(const struct job *job, const struct segue_range *ranges, size_t count, const char *what)
{
	for (size_t i = 0; i < count; i++)
		if (ranges[i].end < ranges[i].start)
			return segue_refuse(&job->log, SEGUE_E_MEMORY_MAP, "%s %z", what, (addr_t)i);
	return SEGUE_OK;
}

/* Only what lies below ADDRESS_LIMIT counts: i386 then needs no 64-bit arithmetic. */
static OUT_OF_LINE addr_t clip(uint64_t address)
{
	return address < ADDRESS_LIMIT ? (addr_t)address : ADDRESS_LIMIT;
}

/* Sweep state: which kinds of ranges cover [at, next). */
struct sweep {
	addr_t at, next;
	bool ram, other;
};

static void look_at(struct sweep *sweep, const struct segue_range *r, size_t count, bool keep)
{
	for (; count > 0; count--, r++) {
		addr_t start = clip(r->start), end = clip(r->end), edge = start > sweep->at ? start : end;

		if (edge <= sweep->at)
			continue;
		if (edge < sweep->next)
			sweep->next = edge;
		if (start > sweep->at || start == end)
			continue;
		if (r->type == SEGUE_MEMORY_RAM && !keep)
			sweep->ram = true;
		else
			sweep->other = true;
	}
}

int segue_find_ram(struct job *job)
{
	const struct segue_load_args *args = job->args;
	/* Every start or end of a range can start a piece of RAM. */
	size_t size = (args->memory_map_count + args->keep_count + 1) * 2 * sizeof *job->ram;
	struct sweep sweep = {.at = 0};

	job->ram = segue_arena_take(&job->arena, size, sizeof(uint64_t));
	if (!job->ram)
		return SEGUE_E_WORKSPACE_SMALL;
	for (; sweep.at < ADDRESS_LIMIT; sweep.at = sweep.next) {
		struct range *last = &job->ram[job->ram_count];

		sweep.next = ADDRESS_LIMIT;
		sweep.ram = sweep.other = false;
		look_at(&sweep, args->memory_map, args->memory_map_count, false);
		look_at(&sweep, args->keep, args->keep_count, true);
		/* If entries that overlap disagree about an address, it is not RAM. */
		if (!sweep.ram || sweep.other)
			continue;
		if (job->ram_count > 0 && last[-1].end == sweep.at)
			last--;
		else
			job->ram_count++;
		if (last->end != sweep.at)
			last->start = sweep.at;
		last->end = sweep.next;
	}
	return job->ram_count > 0 ? SEGUE_OK : segue_refuse(&job->log, SEGUE_E_NO_RAM, NULL);
}

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

void segue_target_map(const struct job *job, struct segue_range *ranges, size_t limit, size_t *count)
{
	struct target_map map = {.ranges = ranges, .limit = limit};

	for (size_t i = 0; i < job->args->memory_map_count; i++) {
		const struct segue_range *r = &job->args->memory_map[i];
		uint64_t start = r->start;

		for (size_t j = 0; r->type == SEGUE_MEMORY_RAM && j < job->segment_count; j++) {
			const struct segment *s = &job->segments[job->claims[j]];

			/*
			 * A segment lies within one piece of job->ram, but that piece may join two adjacent entries of
			 * the map.
			 */
			if (s->target_type == 0 || s->dest + s->size <= start || s->dest >= r->end)
				continue;
			add_range(&map, start, s->dest, r->type);
			if (start < s->dest)
				start = s->dest;
			add_range(&map, start, s->dest + s->size < r->end ? s->dest + s->size : r->end, s->target_type);
			start = s->dest + s->size;
		}
		add_range(&map, start, r->end, r->type);
	}
	*count = map.count;
}

addr_t segue_ram_end(const struct segue_range *map, size_t count, addr_t start)
{
	addr_t end = start, before;
	size_t i;

	do {
		before = end;
		for (i = 0; i < count; i++)
			if (map[i].type == SEGUE_MEMORY_RAM && clip(map[i].start) <= end && end < clip(map[i].end))
				end = clip(map[i].end);
	} while (end != before);
	for (i = 0; i < count; i++)
		if (map[i].type != SEGUE_MEMORY_RAM && clip(map[i].start) < end && clip(map[i].end) > start)
			end = clip(map[i].start) > start ? clip(map[i].start) : start;
	return end;
}
