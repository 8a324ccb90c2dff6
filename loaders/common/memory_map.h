/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_MEMORY_MAP_H
#define SEGUE_MEMORY_MAP_H

#include "common/loader.h"

/*
 * End of the real-mode interrupt vectors (0 to 0x400) and the BIOS data area (to 0x500). Both are kept unless the
 * target itself claims them: Xen, ACPI's search for the RSDP, and every 16-bit target read them.
 */
#define FIRMWARE_DATA_END 0x500u

/* Refuses with code if a range ends before it starts. format names the list, and the range by %z. */
int segue_check_ranges(const struct job *job, const struct segue_range *ranges, size_t count, int code, const char *format);

/*
 * Fills job->ram from the host's map, keep list and target memory. Refuses with SEGUE_E_NO_RAM or SEGUE_E_TARGET_MEMORY if there is
 * none; if there is some above 4 GiB, job->no_low_ram is that code, for the loaders that cannot use it.
 */
int segue_find_ram(struct job *job);
#define NO_LOW_RAM(code) ((code) == SEGUE_E_NO_RAM ? NULL : "no RAM below 4 GiB") /* the sentence */

#endif
