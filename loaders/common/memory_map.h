/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_MEMORY_MAP_H
#define SEGUE_MEMORY_MAP_H

#include "common/loader.h"

/*
 * Real-mode interrupt vectors (0 to 0x400) and BIOS data area (to 0x500). They stay, unless the target itself claims
 * them: Xen, ACPI's search for the RSDP and every 16-bit target read them.
 */
#define FIRMWARE_DATA_END 0x500u

/* Refuses with SEGUE_E_MEMORY_MAP when a range ends before it starts; what: which list. */
int segue_check_ranges(const struct job *job, const struct segue_range *ranges, size_t count, const char *what);

/* Fills job->ram from the host's map and keep list. Refuses with SEGUE_E_NO_RAM. */
int segue_find_ram(struct job *job);

#endif
