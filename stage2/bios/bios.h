/* SPDX-License-Identifier: MIT */
/*
 * segue_bios() and segue_physical_call(): the way to real mode or flat 32-bit mode and back. The workspace:
 *   page 0      struct bios_crossing, then the ground
 *   page 1      the leave page (leave.h) of its own gate, and the page tables
 *   page 13     the FPU's state
 *   page 17     exchanged with the memory that is borrowed: bios_call.asm's part, then the host's data
 *
 * The gate (leave/cross.h) goes out of the host and back. The ground (bios_ground.inc) runs in between, with paging off.
 */
#ifndef SEGUE_BIOS_H
#define SEGUE_BIOS_H

#include "bios/bios_call.h"
#include "leave/cross.h"

#define GROUND_AT 512u
#define BIOS_LEAVE_AT PAGE
#define BIOS_FPU_AT (BIOS_LEAVE_AT + LEAVE_PAGES * PAGE)
#define BIOS_LOW_AT (BIOS_FPU_AT + CROSS_FPU_SIZE)
_Static_assert(BIOS_LOW_AT + SEGUE_BIOS_DATA_AT + SEGUE_BIOS_DATA_MAX == SEGUE_BIOS_WORKSPACE_SIZE, "segue.h");

/* What the ground needs, after struct crossing. */
struct bios_crossing {
	struct crossing crossing;
	uint32_t target, flat;        /* bios_call.asm */
	uint32_t image;               /* physical: BIOS_LOW_AT */
	uint32_t low, low_size;       /* physical: the memory that image is exchanged with */
	uint32_t entry;               /* physical: of bios_call.asm's part, in low */
	uint32_t tpr_at, tpr;         /* the local APIC's task priority: address or MSR (0: none), value */
	int32_t result;               /* SEGUE_OK, or why nothing was called */
	struct segue_bios_registers registers;
};
_Static_assert(sizeof(struct bios_crossing) <= GROUND_AT, "the ground is after it");

extern const uint8_t segue_bios_ground[] SEGUE_HIDDEN, segue_bios_ground_end[] SEGUE_HIDDEN;

#endif
