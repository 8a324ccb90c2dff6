/* SPDX-License-Identifier: MIT */
#include "bios_services.h"
#include "common/bytes.h"
#include "numbers/hardware.h"
#include "standalone.h"

#define PARAGRAPH 16u                 /* bytes a real-mode segment's unit */
#define EMPTY_ROM 0xffu

static void (*enter)(uint32_t vector, struct segue_bios_registers *registers);

void bios_open(uint32_t page)
{
	uint8_t *image = physical(page);

	enter = (void (*)(uint32_t, struct segue_bios_registers *))(uintptr_t)(image + segue_bios_call_put(image, page));
}

void bios_call(uint8_t vector, struct segue_bios_registers *registers)
{
	enter(vector, registers);
}

/* A service is in ROM, or in memory that a disk controller's ROM has reserved at the end of base memory. */
static bool is_service(uint32_t vector, uint32_t memory_end)
{
	const uint8_t *entry = physical(4 * vector);
	uint32_t addr = le16(entry + 2) * PARAGRAPH + le16(entry);
	uint8_t first;

	if (addr < memory_end || addr >= ROM_END)
		return false;
	first = *(const uint8_t *)physical(addr);
	return first != 0 && first != EMPTY_ROM;
}

/*
 * UEFI leaves zeros or its own data here. Some versions install an INT 10h for old Windows, so that vector alone does not
 * show that there is a BIOS.
 */
bool bios_is_there(void)
{
	uint32_t memory = le16(physical(BASE_MEMORY));

	return memory >= BASE_MEMORY_LEAST && memory <= BASE_MEMORY_MOST && is_service(VECTOR_VIDEO, memory * 1024) &&
		is_service(VECTOR_DISK, memory * 1024) && is_service(VECTOR_SYSTEM, memory * 1024);
}
