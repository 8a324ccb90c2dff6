/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_ARRANGE_H
#define SEGUE_ARRANGE_H

#include "common/loader.h"

/*
 * From placed segments to what segue_exec() needs: the moves are planned and replayed, a home is found
 * for purgatory and its list, and all of it is written into the workspace.
 */
int segue_arrange(struct job *job);

#endif
