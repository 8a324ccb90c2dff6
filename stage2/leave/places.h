/* SPDX-License-Identifier: MIT */
/*
 * Checks the physical addresses that the host gives against its memory map, its translate(), and the page tables in force
 * (walk.h). segue.h, "How addresses are checked", is the contract.
 */
#ifndef SEGUE_PLACES_H
#define SEGUE_PLACES_H

#include "common/loader.h"

struct loaded;

/* Checks of the host's addresses: segue_load() calls them in this order, and segue_ready() the last one. */
struct segue_check {
	/* Checks the workspace without writing to it. Sets job->tables. */
	int (*workspace)(struct job *job);
	/*
	 * Checks the extents of all parts, after segue_index_extents(). Refuses what is impossible, warns of what is likely
	 * wrong. Warns also of values in machine that show that it was not set to zeros first; sets rsdp_is_wrong.
	 */
	int (*parts)(struct job *job);
	/*
	 * Searches for the page tables if they were not found before, and checks workspace and parts by them. The last check,
	 * because it takes long. Logs whether the workspace could be verified.
	 */
	int (*last)(struct job *job);
	/* Is the workspace still mapped to the same memory? true if that is unknown. */
	bool (*is_there)(const struct loaded *loaded);
};

extern const struct segue_check *const segue_checks[] SEGUE_HIDDEN;

#endif
