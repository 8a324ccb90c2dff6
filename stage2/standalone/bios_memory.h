/* SPDX-License-Identifier: MIT */
/* The memory map as the BIOS tells it: INT 15h E820, or where that is missing E801, 88h and INT 12h. */
#ifndef STANDALONE_BIOS_MEMORY_H
#define STANDALONE_BIOS_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include "segue.h"

#define BIOS_MEMORY_MAX 256u          /* ranges; a BIOS that tells more is broken */

/*
 * Fills in map (BIOS_MEMORY_MAX entries) and returns how many ranges there are; 0: the BIOS knows of no RAM above
 * 1 MiB. buffer: physical address of 24 bytes below 1 MiB.
 */
size_t bios_memory_map(struct segue_range *map, uint32_t buffer);

#endif
