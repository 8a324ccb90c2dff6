/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_IMAGE_H
#define SEGUE_IMAGE_H

#include "common/loader.h"

/* Builds the index that makes segue_extent_of() fast for any number of extents. Call after the parts are checked. */
int segue_index_extents(struct job *job);

/*
 * The extent that contains the first of these bytes; *into receives the offset in it. Returns NULL if the part has no
 * extents: then its data pointer is the physical address. The bytes must not be in the workspace.
 */
const struct segue_extent *segue_extent_of(const struct job *job, const struct bytes *bytes, addr_t *into);

/*
 * The physical address of bytes: *start receives that of the first byte, *run how many bytes are contiguous from there,
 * at most bytes->size. bytes->size is not 0. The extents have been checked.
 */
void segue_physical(const struct job *job, const struct bytes *bytes, addr_t *start, addr_t *run);

/* Adds a segment at an address that no other one claims and that needs no check. Refuses with SEGUE_E_WORKSPACE_SMALL. */
int segue_add_known(struct job *job, const struct segment *segment);

/* The segment with the lowest address of those that have bytes in [start, end); NULL: none. */
const struct segment *segue_claim_that_meets(const struct job *job, addr_t start, addr_t end);

/* Is [start, end) in one range of job->ram? */
bool segue_is_ram(const struct job *job, addr_t start, addr_t end);

#endif
