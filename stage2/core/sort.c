/* SPDX-License-Identifier: MIT */
/* A heap sort: core.h. */
#include "core/core.h"

/* Lets the key at root sink in the heap of the first count keys. */
static void sink(struct core_key *keys, uint32_t root, uint32_t count)
{
	struct core_key key = keys[root];
	uint32_t child;

	for (; (child = root * 2 + 1) < count; root = child) {
		if (child + 1 < count && keys[child + 1].at > keys[child].at)
			child++;
		if (keys[child].at <= key.at)
			break;
		keys[root] = keys[child];
	}
	keys[root] = key;
}

void segue_core_sort(struct core_key *keys, uint32_t count)
{
	for (uint32_t root = count / 2; root > 0; root--)
		sink(keys, root - 1, count);
	for (uint32_t last = count; last > 1; last--) {
		struct core_key highest = keys[0];

		keys[0] = keys[last - 1];
		keys[last - 1] = highest;
		sink(keys, 0, last - 1);
	}
}
