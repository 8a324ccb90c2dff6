/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_ARRANGE_H
#define SEGUE_ARRANGE_H

#include "common/loader.h"

/*
 * Takes placed segments: plans and replays the moves, finds memory for purgatory and its list, and writes to the workspace
 * what segue_exec() needs.
 */
int segue_arrange(struct job *job);

#endif
