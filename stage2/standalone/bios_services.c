/* SPDX-License-Identifier: MIT */
#include "bios_services.h"
#include "standalone.h"

static void (*enter)(uint32_t target, struct segue_bios_registers *registers, uint32_t flat);

void bios_open(uint32_t page)
{
	uint8_t *image = physical(page);

	enter = (void (*)(uint32_t, struct segue_bios_registers *, uint32_t))(uintptr_t)(image + segue_bios_call_put(image, page));
}

void bios_call(uint8_t vector, struct segue_bios_registers *registers)
{
	enter(vector, registers, 0);
}
