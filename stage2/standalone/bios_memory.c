/* SPDX-License-Identifier: MIT */
#include "bios_services.h"
#include "bios_memory.h"
#include "standalone.h"

static int call_here(struct bios_map *map, uint32_t vector, struct segue_bios_registers *registers)
{
	(void)map;
	bios_call((uint8_t)vector, registers);
	return SEGUE_OK;
}

size_t bios_memory_map(struct segue_range *ranges, uint32_t buffer)
{
	struct bios_map map = {
		.call = call_here, .data = physical(buffer), .segment = (uint16_t)(buffer / 16), .offset = buffer % 16,
		.ranges = ranges, .limit = BIOS_MAP_MAX,
	};

	return segue_bios_read_map(&map) == SEGUE_OK ? map.count : 0;
}
