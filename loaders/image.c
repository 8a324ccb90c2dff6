/* SPDX-License-Identifier: MIT */
/* The target's segments: which there are, and where those go that may float. */
#include "memory_functions.h"
#include "bytes.h"
#include "image.h"
#include "memory_map.h"

#define FOUR_GIB 0x100000000u
#define NUMBER(s) ((s)->number == NO_NUMBER ? 0u : (s)->number)

/* The first claim that ends after start, by binary search: claims are sorted and disjoint. */
static size_t first_claim_after(const struct job *job, uint64_t start)
{
	size_t low = 0, high = job->segment_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct segment *s = &job->segments[job->claims[middle]];

		if (s->dest + s->size <= start)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct segment *claim_that_meets(const struct job *job, uint64_t start, uint64_t end)
{
	size_t i = first_claim_after(job, start);

	if (i < job->segment_count && job->segments[job->claims[i]].dest < end)
		return &job->segments[job->claims[i]];
	return NULL;
}

static bool is_ram(const struct job *job, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < job->ram_count; i++)
		if (job->ram[i].start <= start && end <= job->ram[i].end)
			return true;
	return false;
}

bool segue_is_free(const struct job *job, uint64_t start, uint64_t end)
{
	return is_ram(job, start, end) && !claim_that_meets(job, start, end);
}

/* Twice the room when it is used up: what was abandoned is at most as much again. */
static int grow(struct job *job)
{
	size_t limit = job->segment_limit ? job->segment_limit * 2 : 32;
	size_t size = limit * (sizeof *job->segments + sizeof *job->claims);
	struct segment *segments = segue_arena_take(&job->arena, size, sizeof(uint64_t));
	uint32_t *claims;

	if (!segments)
		return segue_arena_refuse(job, size);
	claims = (uint32_t *)(segments + limit);
	if (job->segment_count > 0) {
		memcpy(segments, job->segments, job->segment_count * sizeof *segments);
		memcpy(claims, job->claims, job->segment_count * sizeof *claims);
	}
	job->segments = segments;
	job->claims = claims;
	job->segment_limit = limit;
	return SEGUE_OK;
}

/* Adds a segment whose place has been checked. */
static int add(struct job *job, const struct segment *segment)
{
	size_t at;
	int error;

	if (job->segment_count == job->segment_limit && (error = grow(job)) != SEGUE_OK)
		return error;
	/* A segment without bytes claims nothing, and would break the search. */
	if (segment->size == 0)
		return SEGUE_OK;
	at = first_claim_after(job, segment->dest);
	memmove(&job->claims[at + 1], &job->claims[at], (job->segment_count - at) * sizeof *job->claims);
	job->claims[at] = (uint32_t)job->segment_count;
	job->segments[job->segment_count++] = *segment;
	return SEGUE_OK;
}

static int check_fixed(const struct job *job, const struct segment *s)
{
	uint64_t end;
	const struct segment *other;

	if (!add_u64(s->dest, s->size, &end) || end > FOUR_GIB)
		return segue_refuse(job, SEGUE_E_SEGMENT_NOT_RAM, "%s %u is to lie at %x with %z bytes: that ends above 4 GiB",
				    s->name, NUMBER(s), s->dest, s->size);
	if (s->dest < FIRMWARE_DATA_END)
		return segue_refuse(job, SEGUE_E_SEGMENT_FIRMWARE,
				    "%s %u is to lie at %x to %x: over the firmware's vectors and data below %x",
				    s->name, NUMBER(s), s->dest, end, (uint64_t)FIRMWARE_DATA_END);
	for (size_t i = 0; i < job->args->keep_count; i++) {
		const struct segue_range *keep = &job->args->keep[i];

		if (s->dest < keep->end && keep->start < end)
			return segue_refuse(job, SEGUE_E_SEGMENT_KEPT, "%s %u is to lie at %x to %x, where the host keeps %x to %x",
					    s->name, NUMBER(s), s->dest, end, keep->start, keep->end);
	}
	if (!is_ram(job, s->dest, end))
		return segue_refuse(job, SEGUE_E_SEGMENT_NOT_RAM,
				    "%s %u is to lie at %x to %x, which the memory map does not call RAM throughout",
				    s->name, NUMBER(s), s->dest, end);
	other = claim_that_meets(job, s->dest, end);
	if (other)
		return segue_refuse(job, SEGUE_E_SEGMENT_OVERLAP, "%s %u at %x to %x overlaps %s %u at %x to %x",
				    s->name, NUMBER(s), s->dest, end, other->name, NUMBER(other), other->dest,
				    other->dest + other->size);
	return SEGUE_OK;
}

int segue_add_segment(struct job *job, const char *name, uint32_t number, uint64_t dest,
		      struct bytes source, uint64_t zero_size, uint64_t size)
{
	struct segment s = {
		.name = name, .number = number, .dest = dest, .size = size, .source = source, .zero_size = zero_size,
	};
	int error;

	if (size == 0)
		return SEGUE_OK;
	error = check_fixed(job, &s);
	return error != SEGUE_OK ? error : add(job, &s);
}

/* The lowest fit in the gap [start, end), or the highest. */
static bool fit(uint64_t start, uint64_t end, uint64_t size, const struct place *place, uint64_t *found)
{
	uint64_t low;

	if (start < place->min)
		start = place->min;
	if (end > place->max)
		end = place->max;
	if (start >= end || end - start < size)
		return false;
	if (place->from_top) {
		low = (end - size) & ~((uint64_t)place->align - 1);
		if (low < start)
			return false;
	} else if (!align_up(start, place->align, &low) || low > end || end - low < size) {
		return false;
	}
	*found = low;
	return true;
}

bool segue_find_free(const struct job *job, uint64_t size, const struct place *place, uint64_t *start)
{
	bool found = false;

	for (size_t i = 0; i < job->ram_count; i++) {
		uint64_t from = job->ram[i].start, end = job->ram[i].end;
		size_t claim = first_claim_after(job, from);

		while (from < end) {
			const struct segment *s = claim < job->segment_count ? &job->segments[job->claims[claim]] : NULL;
			uint64_t gap_end = s && s->dest < end ? s->dest : end;

			if (fit(from, gap_end, size, place, start)) {
				if (!place->from_top)
					return true;
				found = true;
			}
			if (!s || s->dest >= end)
				break;
			from = s->dest + s->size;
			claim++;
		}
	}
	return found;
}

/* Does the source lie in one physical run that the place allows? */
static bool lies_well(const struct job *job, struct bytes source, uint64_t size, const struct place *place, uint64_t *at)
{
	uint64_t start, run, end;

	if (place->not_in_place || source.size == 0)
		return false;
	segue_physical(job, source, &start, &run);
	if (run < source.size || (start & ((uint64_t)place->align - 1)) != 0)
		return false;
	if (!add_u64(start, size, &end) || start < place->min || end > place->max)
		return false;
	*at = start;
	return segue_is_free(job, start, end);
}

int segue_add_floating(struct job *job, const char *name, uint32_t number, struct bytes source,
		       uint64_t size, const struct place *place, uint64_t *dest)
{
	struct segment s = {.name = name, .number = number, .size = size, .source = source};

	if (!lies_well(job, source, size, place, &s.dest) && !segue_find_free(job, size, place, &s.dest))
		return segue_refuse(job, place->error,
				    "no free RAM for %s %u: %z bytes, aligned to %x, between %x and %x",
				    name, NUMBER(&s), size, (uint64_t)place->align, place->min, place->max);
	if (dest)
		*dest = s.dest;
	return add(job, &s);
}

int segue_add_table(struct job *job, const char *name, size_t size, const struct place *place,
		    uint8_t **table, uint64_t *dest)
{
	size_t align = place->align < 16 ? 16 : place->align > 4096 ? 4096 : place->align;
	struct bytes source = {.size = size, .part = PART_WORKSPACE};

	*table = segue_arena_take(&job->arena, size, align);
	if (!*table)
		return segue_arena_refuse(job, size);
	source.data = *table;
	return segue_add_floating(job, name, NO_NUMBER, source, size, place, dest);
}

void segue_physical(const struct job *job, struct bytes bytes, uint64_t *start, uint64_t *run)
{
	const struct segue_part *part;
	uint64_t offset;

	if (bytes.part == PART_WORKSPACE) {
		*start = job->workspace_phys + (uint64_t)(bytes.data - job->workspace);
		*run = bytes.size;
		return;
	}
	part = &job->parts[bytes.part];
	offset = (uint64_t)(bytes.data - (const uint8_t *)part->data);
	if (!part->extents) {
		*start = (uintptr_t)bytes.data;
		*run = bytes.size;
		return;
	}
	for (size_t i = 0; i < part->extent_count; i++) {
		const struct segue_extent *extent = &part->extents[i];

		if (offset < extent->size) {
			*start = extent->addr + offset;
			*run = extent->size - offset;
			/* Neighbours that touch count as one run. */
			for (i++; *run < bytes.size && i < part->extent_count && part->extents[i].addr == *start + *run; i++)
				*run += part->extents[i].size;
			if (*run > bytes.size)
				*run = bytes.size;
			return;
		}
		offset -= extent->size;
	}
	*start = 0;
	*run = 0;
}
