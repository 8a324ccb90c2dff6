/* SPDX-License-Identifier: MIT */
#include "bios_services.h"
#include "standalone.h"

static bios_call_entry *enter;

void bios_open(uint32_t page)
{
	uint8_t *image = physical(page);

	enter = (bios_call_entry *)(uintptr_t)(image + segue_bios_call_put(image, page));
}

void bios_call(uint8_t vector, struct segue_bios_registers *registers)
{
	enter(vector, registers, 0);
}
