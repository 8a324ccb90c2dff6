/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_LONG_TABLES_H
#define SEGUE_LONG_TABLES_H

#include "common/loader.h"
#include "common/long_entry.h"

/*
 * Adds a segment of RAM below 4 GiB that the target's memory map calls reserved: a GDT with its TSS, and page tables of four
 * levels that map the first 4 GiB, and count ranges above them, to themselves, writable, in pages of 2 MiB. The ranges are
 * disjoint, and in the order of their addresses; none on i386. With stay it may be the workspace, outside of the target's RAM,
 * if that has no room. Sets the fields of *entry that follow from it: CR0, CR3, CR4, EFER, PAT, GDT and selectors.
 * Call it before segue_target_map().
 */
int segue_add_long_tables(struct job *job, const struct range *high, size_t count, bool stay, struct long_entry *entry);

#endif
