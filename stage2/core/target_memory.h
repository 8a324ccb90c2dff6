/* SPDX-License-Identifier: MIT */
/*
 * The target's memory, as the host sees it between two calls: most of it lies in staging. For segue_target_extents() and its
 * like.
 */
#ifndef SEGUE_TARGET_MEMORY_H
#define SEGUE_TARGET_MEMORY_H

#include "leave/loaded.h"

struct return_page;
const struct return_page *segue_target_page(const struct loaded *loaded);
/* Finds a target that comes back, and that a restore has not lost; else returns why there is none. */
int segue_find_target(const void *workspace, const struct loaded **loaded);
typedef void take_target_extent(void *context, const struct segue_target_extent *extent);
/* Calls take() for each run, in the order of the target's addresses. Only for a target that comes back. */
void segue_each_target_extent(const struct loaded *loaded, take_target_extent *take, void *context);

#endif
