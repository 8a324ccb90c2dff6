/* SPDX-License-Identifier: MIT */
/* Where a part of a Linux goes above 4 GiB. Not on i386. */
#include "common/bytes.h"
#include "common/placement.h"
#include "linux_high.h"

#if ADDRESS_MAX > UINT32_MAX
/* From the lowest start to the highest end of what meets [start, end) of the parts' extents and of the segments; or empty. */
static struct range taken_in(const struct job *job, addr_t start, addr_t end)
{
	const struct segment *claim = segue_claim_that_meets(job, start, end);
	struct range taken = {end, start};

	if (claim)
		taken = (struct range){claim->dest, claim->dest + claim->size};
	for (size_t i = 0; i < job->part_count; i++) {
		const struct segue_part *part = &job->parts[i];
		const struct segue_extent here = {.addr = (uintptr_t)part->data, .size = part->size};
		const struct segue_extent *extents = part->extents ? part->extents : &here;

		for (size_t k = 0; k < (part->extents ? part->extent_count : 1); k++) {
			if (extents[k].size == 0 || extents[k].addr >= end || extents[k].addr + extents[k].size <= start)
				continue;
			if (extents[k].addr < taken.start)
				taken.start = extents[k].addr;
			if (extents[k].addr + extents[k].size > taken.end)
				taken.end = extents[k].addr + extents[k].size;
		}
	}
	return taken;
}

static bool find_in(const struct job *job, addr_t start, addr_t end, addr_t size, const struct place *place, addr_t *at)
{
	addr_t mask = ~((addr_t)(place->align < PAGE ? PAGE : place->align) - 1);

	while (start < end && end - start >= size) {
		struct range taken;

		*at = place->from_top ? (end - size) & mask : (start + ~mask) & mask;
		if (*at < start || *at > end - size)
			return false;
		taken = taken_in(job, *at, *at + size);
		if (taken.start >= taken.end)
			return true;
		if (place->from_top)
			end = taken.start;
		else
			start = taken.end;
	}
	return false;
}

bool segue_linux_find_high(const struct job *job, addr_t size, const struct place *place, addr_t *at)
{
	for (size_t i = 0; i < job->ram_count; i++) {
		const struct range *ram = &job->ram[place->from_top ? job->ram_count - 1 - i : i];

		if (is_high(ram->start) && find_in(job, ram->start, ram->end < place->max ? ram->end : place->max, size, place, at))
			return true;
	}
	return false;
}
#endif
