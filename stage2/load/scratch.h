/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_SCRATCH_H
#define SEGUE_SCRATCH_H

#include "common/loader.h"
#include "plan/plan.h"
#include "load/runs.h"

/* RAM that is neither source nor destination nor workspace, and job->spare. Only the largest ranges are stored. */
#define SCRATCH_LIMIT 128u
struct scratch {
	uint32_t count;
	struct plan_range ranges[SCRATCH_LIMIT]; /* disjoint; sorted, but job->spare is the last */
};

/* Uses the arena temporarily. Refuses with SEGUE_E_WORKSPACE_SMALL. */
int segue_find_scratch(struct job *job, const struct runs *runs, struct scratch *scratch);

/* Takes count contiguous pages on a page boundary. False: there are none. */
bool segue_take_pages(struct scratch *scratch, uint32_t count, addr_t *start);

#endif
