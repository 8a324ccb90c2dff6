/* SPDX-License-Identifier: MIT */
/* BIOS services, called from flat 32-bit C through real mode. The real-mode part is stage2/bios/bios_call.asm. */
#ifndef STANDALONE_BIOS_SERVICES_H
#define STANDALONE_BIOS_SERVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bios/bios_call.h"

#define BIOS_CALL_PAGE 0x1000u        /* page of the real-mode part if stage 1 has started segue.elf (stage1.inc) */

/*
 * Copies the real-mode part to page: BIOS_CALL_SIZE bytes of RAM from a page boundary, below 0x90000. Call it before
 * bios_call(), and only if there is a BIOS: bios_is_there().
 */
void bios_open(uint32_t page);

/* True if the machine has a working BIOS: vectors of INT 10h, 13h and 15h in ROM or its own memory, a base memory size. */
bool bios_is_there(void);

/*
 * INT vector with these registers, and returns the BIOS's in them. Paging and interrupts are off before and after; A20 is
 * on again afterwards; SSE, GDT, IDT and PIC do not change. Not reentrant.
 */
void bios_call(uint8_t vector, struct segue_bios_registers *registers);

#endif
