/* SPDX-License-Identifier: MIT */
/* Calls from flat 32-bit code to real mode: stage2/bios/bios_call.asm as bytes, for the library. Exported to segue.elf. */
#ifndef SEGUE_BIOS_CALL_H
#define SEGUE_BIOS_CALL_H

#include <stddef.h>
#include <stdint.h>
#include "segue.h"

/* Its code and the stack that it gives. */
#define BIOS_CALL_SIZE 0x2000u
_Static_assert(BIOS_CALL_SIZE == SEGUE_BIOS_DATA_AT, "the data follows it");
_Static_assert(sizeof(struct segue_bios_registers) == 36, "segue.h");

/* The entry; bios_call.asm has its contract. */
typedef void bios_call_entry(uint32_t target, struct segue_bios_registers *registers, uint32_t flat);

/*
 * Writes it to image, patched to run at page: BIOS_CALL_SIZE bytes of RAM from a page boundary, below 0x90000 for real mode.
 * Returns the offset of its entry.
 */
uint32_t segue_bios_call_put(uint8_t *image, uint32_t page);

#endif
