/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_RUNS_H
#define SEGUE_RUNS_H

#include "loader.h"
#include "plan.h"

/* The segments as the planner wants them: one copy for each physical run of a source, and the zeros. */
struct runs {
	struct plan_copy *copies;
	struct plan_range *zeros;
	uint32_t copy_count, zero_count;
	bool high;                    /* a source lies above 4 GiB: never on i386 */
};

/* Fills runs from the arena. Refuses with SEGUE_E_WORKSPACE_SMALL. */
int segue_find_runs(struct job *job, struct runs *runs);

#endif
