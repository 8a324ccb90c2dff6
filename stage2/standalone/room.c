/* SPDX-License-Identifier: MIT */
#include "room.h"

#define FLOOR 0x100000u               /* below lies what the firmware and the BIOS still use */
#define CEILING 0x100000000u
#define PAGE 4096u

struct search {
	uint64_t candidate, size;
	bool clear;
};

/* If the candidate meets range, it goes down to just below it. */
static void avoid(struct search *search, const struct segue_range *range)
{
	if (range->start >= range->end || range->end <= search->candidate ||
	    range->start >= search->candidate + search->size)
		return;
	search->clear = false;
	search->candidate = range->start < search->size ? 0 :
		(range->start - search->size) & ~(uint64_t)(PAGE - 1);
}

static void avoid_all(struct search *search, const struct boot_info *boot,
	const struct segue_range *taken, size_t taken_count)
{
	struct segue_range range;

	for (size_t i = 0; boot_occupied_at(boot, i, &range); i++)
		avoid(search, &range);
	for (size_t i = 0; i < taken_count; i++)
		avoid(search, &taken[i]);
	/* firmware maps may contradict themselves: what one entry reserves is not free */
	for (size_t i = 0; boot_range_at(boot, i, &range); i++)
		if (range.type != SEGUE_MEMORY_RAM)
			avoid(search, &range);
}

uint32_t room_find(const struct boot_info *boot, const struct segue_range *taken, size_t taken_count,
	uint32_t size)
{
	struct segue_range range;
	uint64_t best = 0;

	for (size_t i = 0; boot_range_at(boot, i, &range); i++) {
		struct search search = { 0, size, false };
		uint64_t end = range.end < CEILING ? range.end : CEILING;
		uint64_t start = range.start > FLOOR ? range.start : FLOOR;

		if (range.type != SEGUE_MEMORY_RAM || end < start || end - start < size)
			continue;
		search.candidate = (end - size) & ~(uint64_t)(PAGE - 1);
		while (search.candidate >= start && !search.clear) {
			search.clear = true;
			avoid_all(&search, boot, taken, taken_count);
		}
		if (search.clear && search.candidate >= start && search.candidate > best)
			best = search.candidate;
	}
	return (uint32_t)best;
}
