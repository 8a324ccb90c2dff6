/* SPDX-License-Identifier: MIT */
/*
 * Does the memory lie where the host says? By its memory map, by its translate(), and by the page tables in force
 * (walk.h), as far as each of them tells.
 */
#ifndef SEGUE_PLACES_H
#define SEGUE_PLACES_H

#include "common/loader.h"
#include "load/loaded.h"

/* What load.c asks at each step, and ready.c. */
struct segue_check {
	/* The workspace. Writes nothing to it. Finds job->tables. */
	int (*workspace)(struct job *job);
	/*
	 * All parts' extents, which are indexed by now. Refuses what cannot be, and warns of what is likely to be wrong. Warns
	 * of what machine says too, as far as it can be seen to be wrong: a structure that was not cleared; sets rsdp_is_wrong.
	 */
	int (*parts)(struct job *job);
	/*
	 * Where the page tables were not found so far: looks for them longer, and checks workspace and parts by them. Last of
	 * all, as it takes long. Says whether the workspace could be verified.
	 */
	int (*last)(struct job *job);
	/* For segue_ready(): is the workspace still where it was? true where nothing tells. */
	bool (*is_there)(const struct loaded *loaded);
};

extern const struct segue_check *const segue_checks[] SEGUE_HIDDEN;

/* Gives a part that has no extents those that translate() tells. */
int segue_make_extents(struct job *job, struct segue_part *part, uint32_t index);

#endif
