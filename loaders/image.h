/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_IMAGE_H
#define SEGUE_IMAGE_H

#include "loader.h"

/*
 * Where bytes lie physically: *start is the address of the first, *run how many of them follow
 * there without a break (at most bytes.size, which is not 0). The extents have been checked.
 */
void segue_physical(const struct job *job, struct bytes bytes, addr_t *start, addr_t *run);

/* Is [start, end) in one range of job->ram? */
bool segue_is_ram(const struct job *job, addr_t start, addr_t end);

#endif
