/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_RUNS_H
#define SEGUE_RUNS_H

#include "common/loader.h"
#include "plan/plan.h"

/*
 * The planner's input, made from the segments: one copy for each physical run of a source, and the zeros, both in the order
 * of their destinations. A scattered blob has so many copies that they are not stored, but listed again for each use.
 */
struct runs {
	struct plan_range *zeros;
	uint32_t copy_count, zero_count;
	bool high;                    /* purgatory reads or writes above 4 GiB: never on i386 */
};

/* Fills in runs, with the zeros in the arena. Refuses with SEGUE_E_WORKSPACE_SMALL. */
int segue_find_runs(struct job *job, struct runs *runs);

/* Calls take() for each copy. */
typedef void take_copy(void *context, const struct plan_copy *copy);
void segue_each_copy(const struct job *job, take_copy *take, void *context);

/* Writes all copies to an array. */
void segue_list_copies(const struct job *job, struct plan_copy *copies);

#endif
