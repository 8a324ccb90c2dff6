/* SPDX-License-Identifier: MIT */
/*
 * The return area: a part of the workspace, from a page boundary, for a target that comes back (SEGUE_LOAD_RETURN).
 *   page 0   the return page, where the target comes back
 *   page 1   struct crossing (leave/cross.h), then struct call_state, then the host's MSRs (purgatory/return_msrs.asm)
 *   page 2   the leave page (leave.h) of segue_call()'s gate, and its page tables
 *   page 14  the page for high.asm
 *   page 15  the FPU's state
 *   page 19  the devices' state (struct purgatory_kept)
 *   page 23  memory in which the planner may set bytes aside
 *
 * The return page begins with struct segue_return_block, which the target may read. struct return_page is the part of it
 * that C and purgatory's block (purgatory/return.asm) share; the block's code follows, then a stack for targets.
 */
#ifndef SEGUE_RETURN_PAGE_H
#define SEGUE_RETURN_PAGE_H

#include "leave/cross.h"
#include "purgatory/purgatory.h"
#include "segue_target.h"

#define RETURN_CROSSING_AT PAGE
#define RETURN_STATE_AT (RETURN_CROSSING_AT + 512u)
#define RETURN_MSRS_AT (RETURN_CROSSING_AT + 2048u)
#define RETURN_MSRS_SIZE 1024u
#define RETURN_LEAVE_AT (2 * PAGE)
#define RETURN_HIGH_AT (RETURN_LEAVE_AT + LEAVE_PAGES * PAGE)
#define RETURN_FPU_AT (RETURN_HIGH_AT + PAGE)
#define RETURN_KEPT_AT (RETURN_FPU_AT + CROSS_FPU_SIZE)
#define RETURN_SPARE_AT (RETURN_KEPT_AT + KEPT_SIZE)
#define RETURN_SPARE_SIZE (4 * PAGE)
#define RETURN_SIZE (RETURN_SPARE_AT + RETURN_SPARE_SIZE)

/* Its code begins here, with the two instructions that know the page's address: RETURN_PATCHES are their operands. */
#define RETURN_ENTRY_AT 256u
#define RETURN_PATCH_1 (RETURN_ENTRY_AT + 3)
#define RETURN_PATCH_2 (RETURN_ENTRY_AT + 8)
/* And the way in after a restore, with one more operand. */
#define RETURN_RESTORE_AT (RETURN_ENTRY_AT + 79)
#define RETURN_PATCH_3 (RETURN_RESTORE_AT + 2)
/* ESP of a target that is entered with a return address on its stack. */
#define RETURN_STACK_TOP (PAGE - 16u)

struct return_page {
	struct segue_return_block block;
	uint32_t purgatory;           /* physical: the core */
	uint32_t exchanges;           /* physical: the first page of the list for every crossing but the first one */
	uint32_t crossing, leave;     /* physical */
	int32_t result;               /* SEGUE_OK, SEGUE_E_DIGEST, SEGUE_RESTORED */
	uint32_t word;                /* from the target */
	uint32_t ebp, esp;            /* the target's, when it came back */
	uint32_t eip;                 /* and its return address */
};
_Static_assert(sizeof(struct return_page) <= RETURN_ENTRY_AT, "the code is after it");
/* Targets that are built with another version's segue_target.h read the block. */
_Static_assert(sizeof(struct segue_return_block) == 64, "segue_target.h");
_Static_assert(offsetof(struct segue_return_block, magic) == 0, "segue_target.h");
_Static_assert(offsetof(struct segue_return_block, size) == 4, "segue_target.h");
_Static_assert(offsetof(struct segue_return_block, entry) == 8, "segue_target.h");
_Static_assert(offsetof(struct segue_return_block, word) == 12, "segue_target.h");
_Static_assert(offsetof(struct segue_return_block, entries) == 16, "segue_target.h");
_Static_assert(offsetof(struct segue_return_block, core) == 20, "segue_target.h");
_Static_assert(offsetof(struct segue_return_block, core_size) == 24, "segue_target.h");
_Static_assert(offsetof(struct segue_return_block, reserved) == 28, "segue_target.h");

#endif
