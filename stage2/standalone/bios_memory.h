/* SPDX-License-Identifier: MIT */
/* The BIOS's memory map. */
#ifndef STANDALONE_BIOS_MEMORY_H
#define STANDALONE_BIOS_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include "bios/bios_map.h"

/*
 * Fills in ranges (BIOS_MAP_MAX entries) and returns how many ranges there are; 0: the BIOS reports no RAM above
 * 1 MiB. buffer: physical address of 24 bytes below 1 MiB.
 */
size_t bios_memory_map(struct segue_range *ranges, uint32_t buffer);

#endif
