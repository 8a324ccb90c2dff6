/* SPDX-License-Identifier: MIT */
#include "room.h"

#define PAGE 4096u

struct search {
	uint64_t candidate, size;
	bool clear;
};

/* If the candidate overlaps range, moves it to just below range. */
static void avoid(struct search *search, const struct segue_range *range)
{
	if (range->start >= range->end || range->end <= search->candidate ||
	    range->start >= search->candidate + search->size)
		return;
	search->clear = false;
	search->candidate = range->start < search->size ? 0 :
		(range->start - search->size) & ~(uint64_t)(PAGE - 1);
}

static void avoid_all(struct search *search, const struct room *room)
{
	struct segue_range range;

	for (size_t i = 0; boot_occupied_at(room->boot, i, &range); i++)
		avoid(search, &range);
	for (size_t i = 0; i < room->taken_count; i++)
		avoid(search, &room->taken[i]);
	/* Firmware maps may have entries that overlap: a range that one entry reserves is not free. */
	for (size_t i = 0; boot_range_at(room->boot, i, &range); i++)
		if (range.type != SEGUE_MEMORY_RAM)
			avoid(search, &range);
}

uint32_t room_find(const struct room *room, uint64_t floor, uint64_t ceiling, uint32_t size)
{
	struct segue_range range;
	uint64_t best = 0;

	for (size_t i = 0; boot_range_at(room->boot, i, &range); i++) {
		struct search search = { 0, size, false };
		uint64_t end = range.end < ceiling ? range.end : ceiling;
		uint64_t start = range.start > floor ? range.start : floor;

		if (range.type != SEGUE_MEMORY_RAM || end < start || end - start < size)
			continue;
		search.candidate = (end - size) & ~(uint64_t)(PAGE - 1);
		while (search.candidate >= start && !search.clear) {
			search.clear = true;
			avoid_all(&search, room);
		}
		if (search.clear && search.candidate >= start && search.candidate > best)
			best = search.candidate;
	}
	return (uint32_t)best;
}

uint32_t room_largest(const struct room *room, uint64_t floor, uint64_t ceiling)
{
	uint32_t largest = 0;

	for (uint32_t bit = 0x80000000u; bit >= PAGE; bit /= 2)
		if (room_find(room, floor, ceiling, largest + bit))
			largest += bit;
	return largest;
}

bool room_is_free(const struct room *room, uint64_t start, uint64_t end)
{
	struct search search = { start, end - start, true };
	struct segue_range range;
	bool inside = false;

	if (start >= end)
		return false;
	for (size_t i = 0; boot_range_at(room->boot, i, &range); i++)
		inside |= range.type == SEGUE_MEMORY_RAM && range.start <= start && end <= range.end;
	if (inside)
		avoid_all(&search, room);
	return inside && search.clear;
}

bool room_take(struct room *room, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < room->taken_count; i++) {
		struct segue_range *range = &room->taken[i];

		if (start > range->end || end < range->start)
			continue;
		range->start = start < range->start ? start : range->start;
		range->end = end > range->end ? end : range->end;
		return true;
	}
	if (room->taken_count == ROOM_TAKEN_MAX)
		return false;
	room->taken[room->taken_count++] = (struct segue_range){ start, end, 0, 0 };
	return true;
}
