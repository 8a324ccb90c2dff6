/* SPDX-License-Identifier: MIT */
/* Sorts by address in linear time: a stable pass for each group of bits. Low bits that are the same in all keys are skipped. */
#include "plan/plan_sort.h"

#define GROUP_BITS 7u
#define GROUPS (1u << GROUP_BITS)

void segue_plan_sort(struct sort_entry *entries, struct sort_entry *spare, uint32_t count, sort_key *key, const void *context)
{
	struct sort_entry *from = entries, *to = spare, *swap;
	uint32_t place[GROUPS], left = 0;
	unsigned shift = 0;
	addr_t differ = 0;

	for (uint32_t i = 0; i < count; i++) {
		entries[i].index = i;
		differ |= key(context, i) ^ key(context, 0);
	}
	while (differ != 0 && (differ & 1) == 0) {
		differ >>= 1;
		shift++;
	}
	for (; differ != 0; differ >>= GROUP_BITS, left -= GROUP_BITS) {
		uint32_t sum = 0;

		if (left < GROUP_BITS) {
			left = 28;
			for (uint32_t i = 0; i < count; i++)
				from[i].key = (uint32_t)(key(context, from[i].index) >> shift);
			shift += left;
		}
		for (unsigned group = 0; group < GROUPS; group++)
			place[group] = 0;
		for (uint32_t i = 0; i < count; i++)
			place[from[i].key % GROUPS]++;
		for (unsigned group = 0; group < GROUPS; group++) {
			uint32_t here = place[group];

			place[group] = sum;
			sum += here;
		}
		for (uint32_t i = 0; i < count; i++) {
			swap = &to[place[from[i].key % GROUPS]++];
			swap->key = from[i].key >> GROUP_BITS;
			swap->index = from[i].index;
		}
		swap = from;
		from = to;
		to = swap;
	}
	if (from != entries)
		for (uint32_t i = 0; i < count; i++)
			entries[i] = from[i];
}
