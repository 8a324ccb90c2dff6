/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_SAVES_H
#define SEGUE_SAVES_H

#include "common/loader.h"

/* Checks flags, target_memory, unused and staging. Refuses with SEGUE_E_RETURN, SEGUE_E_STAGING. */
int segue_check_return(struct job *job);
/*
 * Fills in job->saves, in the order of target_memory: all of its RAM but what the host does not use. Refuses with
 * SEGUE_E_STAGING.
 */
int segue_find_saves(struct job *job);
/* Sorts job->saves by dest, for the planner. */
int segue_sort_saves(struct job *job);

/*
 * Calls take() for each range of target memory, less what the host does not use; with whole, for all of it. In the order of
 * addresses. Ends with the first result that is not SEGUE_OK, and returns it. Takes memory of the arena first.
 */
int segue_each_saved(struct job *job, bool whole, int (*take)(void *context, addr_t start, addr_t end), void *context);

#endif
