/* SPDX-License-Identifier: MIT */
/* The BIOS's memory map; the caller supplies the function that calls the BIOS. Exported to segue.elf. */
#ifndef SEGUE_BIOS_MAP_H
#define SEGUE_BIOS_MAP_H

#include <stddef.h>
#include <stdint.h>
#include "segue.h"

#define BIOS_MAP_MAX 256u             /* ranges; a BIOS that tells more is broken */
#define BIOS_MAP_DATA 24u

struct bios_map {
	/* Calls INT vector. SEGUE_OK, or the reason why it could not be called; then it is not called again. */
	int (*call)(struct bios_map *map, uint32_t vector, struct segue_bios_registers *registers);
	uint8_t *data;                /* BIOS_MAP_DATA bytes, */
	uint16_t segment, offset;     /* and where real mode finds them */
	struct segue_range *ranges;
	size_t limit, count;
	int error;
};

/* Fills in ranges and count. Returns SEGUE_OK, call()'s refusal, SEGUE_E_BIOS_MAP or SEGUE_E_BIOS_MAP_LIMIT. */
int segue_bios_read_map(struct bios_map *map);

#endif
