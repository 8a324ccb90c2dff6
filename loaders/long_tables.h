/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_LONG_TABLES_H
#define SEGUE_LONG_TABLES_H

#include "common/loader.h"
#include "common/long_entry.h"

/*
 * Adds a segment of RAM below 4 GiB that the target's memory map calls reserved: a GDT with its TSS, and page tables of four
 * levels that map the first 4 GiB, and [start, end) above them, to themselves, writable, in pages of 2 MiB. start and end are 0
 * if there is no such range. Sets the fields of *entry that follow from it: CR0, CR3, CR4, EFER, PAT, GDT and selectors.
 * Call it before segue_target_map().
 */
int segue_add_long_tables(struct job *job, addr_t start, addr_t end, struct long_entry *entry);

#endif
