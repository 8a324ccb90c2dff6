/* SPDX-License-Identifier: MIT */
/* Sorts by address in linear time: a stable pass for each hexadecimal digit, except for digits that never differ. */
#include "plan/plan_internal.h"

void segue_plan_sort(struct sort_entry *entries, struct sort_entry *spare, uint32_t count)
{
	struct sort_entry *from = entries, *to = spare, *swap;
	uint32_t place[16];
	addr_t differ = 0;

	for (uint32_t i = 1; i < count; i++)
		differ |= entries[i].key ^ entries[0].key;

	for (unsigned shift = 0; shift < 8 * sizeof differ; shift += 4) {
		uint32_t sum = 0;

		if ((differ >> shift & 15) == 0)
			continue;
		for (unsigned digit = 0; digit < 16; digit++)
			place[digit] = 0;
		for (uint32_t i = 0; i < count; i++)
			place[from[i].key >> shift & 15]++;
		for (unsigned digit = 0; digit < 16; digit++) {
			uint32_t here = place[digit];

			place[digit] = sum;
			sum += here;
		}
		for (uint32_t i = 0; i < count; i++)
			to[place[from[i].key >> shift & 15]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	if (from != entries)
		for (uint32_t i = 0; i < count; i++)
			entries[i] = from[i];
}
