/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_STAGE2_PLAN_SORT_H
#define SEGUE_STAGE2_PLAN_SORT_H

#include <stdint.h>

#include "common/bytes.h"

struct sort_entry {
	uint32_t key; /* scratch: 32 bits of the key */
	uint32_t index;
};

typedef addr_t sort_key(const void *context, uint32_t index);

/* Fills entries with the indices below count, by ascending key. spare is scratch of the same size. */
void segue_plan_sort(struct sort_entry *entries, struct sort_entry *spare, uint32_t count, sort_key *key, const void *context);

#endif
