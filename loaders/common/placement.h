/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_IMAGE_H
#define SEGUE_IMAGE_H

#include "common/loader.h"

/* Once the parts are checked: makes segue_extent_of() fast, of however many extents. */
int segue_index_extents(struct job *job);

/*
 * The extent that the first of these bytes, which are not the workspace's, lies in, and how far in.
 * NULL: the part has none, and is at the address in data.
 */
const struct segue_extent *segue_extent_of(const struct job *job, const struct bytes *bytes, addr_t *into);

/*
 * Where bytes lie physically: *start is the address of the first, *run how many of them follow
 * there without a break (at most bytes.size, which is not 0). The extents have been checked.
 */
void segue_physical(const struct job *job, struct bytes bytes, addr_t *start, addr_t *run);

/* Is [start, end) in one range of job->ram? */
bool segue_is_ram(const struct job *job, addr_t start, addr_t end);

#endif
