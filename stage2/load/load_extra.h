/* SPDX-License-Identifier: MIT */
/* What segue_load() can do without: segue.h, segue_load_extras. */
#ifndef SEGUE_LOAD_EXTRA_H
#define SEGUE_LOAD_EXTRA_H

#include "common/loader.h"
#include "plan/plan.h"

struct arrangement;

/* Each has some of these. */
struct segue_load_extra {
	/* extents.c: makes the extents of a part that has none, by the host's translate(). They are in the arena. */
	int (*make_extents)(struct job *job, struct segue_part *part, uint32_t index);
	/* exchange.c: only together with the replay */
	plan_exchange *exchange;
	/* check_plan.c: does the list do what was asked? Refuses. Bytes of memory for the list and the replay. */
	int (*replay)(struct arrangement *a);
	size_t (*replay_memory)(const struct arrangement *a);
};
extern const struct segue_load_extra *const segue_load_extras[] SEGUE_HIDDEN;

#endif
