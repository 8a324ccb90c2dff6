/* SPDX-License-Identifier: MIT */
/*
 * Does the memory lie where the host says? By its memory map, by its translate(), and by the page tables in force
 * (walk.h), as far as each of them tells.
 */
#ifndef SEGUE_PLACES_H
#define SEGUE_PLACES_H

#include "common/loader.h"

/* The workspace. Writes nothing to it. Finds job->tables. */
int segue_check_workspace_place(struct job *job);

/* What machine says, as far as it can be seen to be wrong: a structure that was not cleared. Warns; sets rsdp_is_wrong. */
void segue_check_machine(struct job *job);

/* Gives a part that has no extents those that translate() tells. */
int segue_make_extents(struct job *job, struct segue_part *part, const char *name, uint32_t number);

/* All parts' extents, which are indexed by now. Refuses what cannot be, and warns of what is likely to be wrong. */
int segue_check_part_places(const struct job *job);

/*
 * Where the page tables were not found so far: looks for them longer, and checks workspace and parts by them. Last of all,
 * as it takes long. Says whether the workspace could be verified.
 */
int segue_check_by_search(struct job *job);

#endif
