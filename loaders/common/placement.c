/* SPDX-License-Identifier: MIT */
/* The list of the target's segments, and the placement of those that float. */
#include "common/placement.h"
#include "common/memory_functions.h"
#include "common/memory_map.h"

/* The index holds one offset for this many extents. */
#define INDEXED_EXTENTS 16u

static addr_t end_of(const struct segment *s)
{
	return s->dest + s->size;
}

/* Claim number index, in address order; NULL past the last. */
static const struct segment *claim_at(const struct job *job, size_t index)
{
	return index < job->segment_count ? &job->segments[job->claims[index]] : NULL;
}

/* The first claim that ends after start, by binary search: claims are disjoint. */
static size_t first_claim_after(const struct job *job, addr_t start)
{
	size_t low = 0, high = job->segment_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (end_of(&job->segments[job->claims[middle]]) <= start)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct segment *segue_claim_that_meets(const struct job *job, addr_t start, addr_t end)
{
	const struct segment *s = claim_at(job, first_claim_after(job, start));

	return s && s->dest < end ? s : NULL;
}

bool segue_is_ram(const struct job *job, addr_t start, addr_t end)
{
	for (size_t i = 0; i < job->ram_count; i++)
		if (job->ram[i].start <= start && end <= job->ram[i].end)
			return true;
	return false;
}

bool segue_is_free(const struct job *job, addr_t start, addr_t end)
{
	return start >= FIRMWARE_DATA_END && segue_is_ram(job, start, end) && !segue_claim_that_meets(job, start, end);
}

/* Doubles the room. The abandoned arrays take up at most as much again. */
static int grow(struct job *job)
{
	size_t count = job->segment_count, limit = count ? count * 2 : 32;
	size_t size = limit * (sizeof *job->segments + sizeof *job->claims);
	struct segment *segments = segue_arena_take(&job->arena, size, sizeof(uint64_t));
	uint32_t *claims;

	if (!segments)
		return SEGUE_E_WORKSPACE_SMALL;
	claims = (uint32_t *)(segments + limit);
	if (count > 0) {
		memcpy(segments, job->segments, count * sizeof *segments);
		memcpy(claims, job->claims, count * sizeof *claims);
	}
	job->segments = segments;
	job->claims = claims;
	job->segment_limit = limit;
	return SEGUE_OK;
}

/* An empty segment claims nothing and would break the binary search, so it is skipped. */
int segue_add_known(struct job *job, const struct segment *segment)
{
	size_t count = job->segment_count, index;
	int error;

	if (segment->size == 0)
		return SEGUE_OK;
	if (count == job->segment_limit && (error = grow(job)) != SEGUE_OK)
		return error;
	job->segments[count] = *segment;
	index = first_claim_after(job, segment->dest);
	job->segment_count++;
	for (size_t i = count; i > index; i--)
		job->claims[i] = job->claims[i - 1];
	job->claims[index] = (uint32_t)count;
	return SEGUE_OK;
}

static int refuse(const struct job *job, int code, const struct segment *s, const char *what, uint64_t start, uint64_t end)
{
	return segue_refuse(&job->log, code, "%s %u at %x to %x; %s %X to %X", s->name, s->number == NO_NUMBER ? 0u : s->number,
			    s->dest, end_of(s), what, start, end);
}

static IN_LINE int check_fixed(const struct job *job, const struct segment *s)
{
	const struct segue_load_args *args = job->args;
	addr_t end;
	const struct segment *other;
	const char *what = "RAM is";
	int code = SEGUE_E_SEGMENT_NOT_RAM;
	size_t near = 0;

	if (!add_addr(s->dest, s->size, &end) || (end > ADDRESS_LIMIT && !is_high(s->dest)))
		return refuse(job, SEGUE_E_SEGMENT_NOT_RAM, s, "usable is", 0, ADDRESS_LIMIT);
	for (size_t i = 0; i < args->keep_count; i++) {
		const struct segue_range *keep = &args->keep[i];

		if (s->dest < keep->end && keep->start < end && keep->start < keep->end)
			return refuse(job, SEGUE_E_SEGMENT_KEPT, s, "kept is", keep->start, keep->end);
	}
	if (!segue_is_ram(job, s->dest, end)) {
		/* Report the nearest RAM that starts at or below the segment. */
		while (near + 1 < job->ram_count && job->ram[near + 1].start <= s->dest)
			near++;
		if (args->target_memory_count > 0 &&
		    segue_run_end(args->target_memory, args->target_memory_count, s->dest, 0) < end) {
			code = SEGUE_E_SEGMENT_OUTSIDE;
			what = "target_memory is";
		}
		return refuse(job, code, s, what, job->ram[near].start, job->ram[near].end);
	}
	other = segue_claim_that_meets(job, s->dest, end);
	if (other)
		return refuse(job, SEGUE_E_SEGMENT_OVERLAP, s, other->name, other->dest, end_of(other));
	/* Targets that start in real mode have no segment there. So this target does not need the BIOS. */
	if (s->dest < FIRMWARE_DATA_END)
		segue_say(&job->log, SEGUE_LOG_WARNING, "%s at %x to %x takes the BIOS's vectors and data, below %x", s->name, s->dest,
			  end, (addr_t)FIRMWARE_DATA_END);
	return SEGUE_OK;
}

int segue_add_segment(struct job *job, const char *name, uint32_t number, addr_t dest,
		      const struct bytes *source, addr_t zero_size, addr_t size)
{
	struct segment s = {
		.name = name, .number = number, .dest = dest, .size = size, .source = *source, .zero_size = zero_size,
	};
	int error;

	if (size == 0)
		return SEGUE_OK;
	error = check_fixed(job, &s);
	return error != SEGUE_OK ? error : segue_add_known(job, &s);
}

/* Finds the lowest fit, or the highest, in the gap [start, end). */
static bool fit(addr_t start, addr_t end, addr_t size, const struct place *place, addr_t *found)
{
	addr_t low;

	if (start < place->min)
		start = place->min;
	if (start < FIRMWARE_DATA_END)
		start = FIRMWARE_DATA_END;
	if (end > place->max)
		end = place->max;
	if (start >= end || end - start < size)
		return false;
	if (place->from_top)
		low = (end - size) & ~((addr_t)place->align - 1);
	else if (!align_up(start, place->align, &low))
		return false;
	if (low < start || low > end - size)
		return false;
	*found = low;
	return true;
}

bool segue_find_free(const struct job *job, addr_t size, const struct place *place, addr_t *start)
{
	bool found = false;

	for (size_t i = 0; i < job->ram_count; i++) {
		addr_t from = job->ram[i].start, end = job->ram[i].end;
		size_t claim = first_claim_after(job, from);

		while (from < end) {
			const struct segment *s = claim_at(job, claim++);
			bool last = !s || s->dest >= end;

			if (fit(from, last ? end : s->dest, size, place, start)) {
				found = true;
				if (!place->from_top)
					return true;
			}
			from = last ? end : end_of(s);
		}
	}
	return found;
}

/* Is the source one physical run at an address that satisfies place? */
static bool lies_well(const struct job *job, const struct bytes *source, addr_t size, const struct place *place,
		      addr_t *at)
{
	addr_t run, end;

	if (place->not_in_place || source->size == 0)
		return false;
	segue_physical(job, source, at, &run);
	return run == source->size && (*at & (place->align - 1)) == 0 && add_addr(*at, size, &end) && *at >= place->min &&
	       end <= place->max && segue_is_free(job, *at, end);
}

int segue_add_floating(struct job *job, const char *name, uint32_t number, const struct bytes *source,
		       addr_t size, const struct place *place, addr_t *dest)
{
	struct segment s = {.name = name, .number = number, .size = size, .source = *source};

	if (!lies_well(job, source, size, place, &s.dest) && !segue_find_free(job, size, place, &s.dest))
		return segue_refuse(&job->log, place->error, "%s %u: %z bytes, aligned to %x, between %x and %x", name,
				    number == NO_NUMBER ? 0u : number, size, (addr_t)place->align, place->min, place->max);
	if (dest)
		*dest = s.dest;
	return segue_add_known(job, &s);
}

int segue_add_table(struct job *job, const char *name, size_t size, const struct place *place,
		    uint8_t **table, addr_t *dest)
{
	struct bytes source = {.size = size, .part = PART_WORKSPACE};

	/* Aligned as its destination must be, so that it can stay in place. */
	*table = segue_arena_take(&job->arena, size, place->align < 16 ? 16 : place->align);
	if (!*table)
		return SEGUE_E_WORKSPACE_SMALL;
	source.data = *table;
	return segue_add_floating(job, name, NO_NUMBER, &source, size, place, dest);
}

int segue_index_extents(struct job *job)
{
	size_t size = (job->part_count + 1) * sizeof *job->extent_ends;

	job->extent_ends = segue_arena_take(&job->arena, size, sizeof(uint64_t));
	if (!job->extent_ends)
		return SEGUE_E_WORKSPACE_SMALL;
	for (size_t i = 0; i < job->part_count; i++) {
		const struct segue_part *part = &job->parts[i];
		addr_t end = 0, *ends;

		if (!part->extents)
			continue;
		size = part->extent_count / INDEXED_EXTENTS * sizeof *ends;
		ends = segue_arena_take(&job->arena, size, sizeof(uint64_t));
		if (!ends)
			return SEGUE_E_WORKSPACE_SMALL;
		job->extent_ends[i] = ends;
		for (size_t k = 0; k < part->extent_count; k++) {
			end += (addr_t)part->extents[k].size;
			if (k % INDEXED_EXTENTS == INDEXED_EXTENTS - 1)
				*ends++ = end;
		}
	}
	return SEGUE_OK;
}

const struct segue_extent *segue_extent_of(const struct job *job, const struct bytes *bytes, addr_t *into)
{
	const struct segue_part *part = &job->parts[bytes->part];
	const struct segue_extent *extent = part->extents;
	const addr_t *ends = job->extent_ends[bytes->part];
	addr_t offset = (addr_t)(bytes->data - (const uint8_t *)part->data);
	size_t low = 0, high = part->extent_count / INDEXED_EXTENTS;

	if (!extent)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ends[middle] <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low > 0)
		offset -= ends[low - 1];
	/* Take the first extent that ends after offset; this skips empty extents. */
	for (extent += low * INDEXED_EXTENTS; extent->size <= offset; extent++)
		offset -= (addr_t)extent->size;
	*into = offset;
	return extent;
}

void segue_physical(const struct job *job, const struct bytes *bytes, addr_t *start, addr_t *run)
{
	const struct segue_extent *extent;
	addr_t into;

	*run = bytes->size;
	if (bytes->part == PART_WORKSPACE) {
		*start = job->workspace_phys + (addr_t)(bytes->data - job->workspace);
		return;
	}
	*start = (uintptr_t)bytes->data;
	extent = segue_extent_of(job, bytes, &into);
	if (!extent)
		return;
	*start = (addr_t)extent->addr + into;
	*run = (addr_t)extent->size - into;
	/* Extents that touch form one run; empty extents between them do not matter. */
	while (*run < bytes->size && ((++extent)->size == 0 || extent->addr == *start + *run))
		*run += (addr_t)extent->size;
	if (*run > bytes->size)
		*run = bytes->size;
}
