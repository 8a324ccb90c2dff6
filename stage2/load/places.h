/* SPDX-License-Identifier: MIT */
/*
 * Checks the physical addresses that the host gives against its memory map, its translate(), and the page tables in force
 * (walk.h). segue.h, "How addresses are checked", is the contract.
 */
#ifndef SEGUE_PLACES_H
#define SEGUE_PLACES_H

#include "common/loader.h"

/* Checks the workspace without writing to it. Sets job->tables. */
int segue_check_workspace_place(struct job *job);

/* Warns of values in machine that show that it was not set to zeros first. Sets rsdp_is_wrong. */
void segue_check_machine(struct job *job);

/* Makes the extents of a part that has none, by translate(). */
int segue_make_extents(struct job *job, struct segue_part *part, const char *name, uint32_t number);

/* Checks the extents of all parts, after segue_index_extents(). Refuses what is impossible, warns of what is likely wrong. */
int segue_check_part_places(const struct job *job);

/*
 * Searches for the page tables if they were not found before, and checks workspace and parts by them. The last check,
 * because it takes long. Logs whether the workspace could be verified.
 */
int segue_check_by_search(struct job *job);

#endif
