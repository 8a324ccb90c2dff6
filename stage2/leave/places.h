/* SPDX-License-Identifier: MIT */
/*
 * Checks the physical addresses that the host gives against its memory map, its translate(), and the page tables in force
 * (walk.h). segue.h, "How addresses are checked", is the contract.
 */
#ifndef SEGUE_PLACES_H
#define SEGUE_PLACES_H

#include "common/loader.h"

struct loaded;

/* Checks of the host's addresses: segue_load() calls the steps in this order. */
enum check_step {
	/* Checks the workspace without writing to it. Sets job->tables. */
	CHECK_WORKSPACE,
	/*
	 * Checks the extents of all parts, after segue_index_extents(). Refuses what is impossible, warns of what is likely
	 * wrong. Warns also of values in machine that show that it was not set to zeros first; sets rsdp_is_wrong.
	 */
	CHECK_PARTS,
	/*
	 * Searches for the page tables if they were not found before, and checks workspace and parts by them. The last check,
	 * because it takes long. Logs whether the workspace could be verified.
	 */
	CHECK_LAST,
	CHECK_STEPS
};
struct segue_check {
	int (*steps[CHECK_STEPS])(struct job *job);
	/* For segue_ready(): is the workspace still mapped to the same memory? true if that is unknown. */
	bool (*is_there)(const struct loaded *loaded);
};

extern const struct segue_check *const segue_checks[] SEGUE_HIDDEN;

#endif
