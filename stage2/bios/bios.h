/* SPDX-License-Identifier: MIT */
/*
 * segue_bios(): the way to real mode and back. Its workspace:
 *   page 0      struct crossing, then the ground
 *   page 1      the leave page (leave.h) of its own gate, and the page tables
 *   page 13     exchanged with base memory while the BIOS runs: the real-mode part, then the host's data
 *   page 17     the FPU's state
 *
 * The gate (bios_gate.inc) saves the host's state and turns paging off as segue_exec() does. It
 * returns through the same page and the same tables in reverse. The ground (bios_ground.inc) runs in between, with paging off.
 */
#ifndef SEGUE_BIOS_H
#define SEGUE_BIOS_H

#include "bios/bios_call.h"
#include "leave/leave.h"

#define GROUND_AT 512u
#define BIOS_LEAVE_AT PAGE
#define BIOS_LOW_AT (BIOS_LEAVE_AT + LEAVE_PAGES * PAGE)
#define BIOS_LOW_SIZE (SEGUE_BIOS_DATA_AT + SEGUE_BIOS_DATA_MAX)
#define BIOS_FPU_AT (BIOS_LOW_AT + BIOS_LOW_SIZE)
#define BIOS_FPU_SIZE (4 * PAGE)      /* XSAVE's standard format, with AMX, takes 11008 bytes */
_Static_assert(BIOS_FPU_AT + BIOS_FPU_SIZE == SEGUE_BIOS_WORKSPACE_SIZE, "segue.h");

/* What the CPU has. */
#define CPU_CR4 0x1u
#define CPU_APIC 0x2u
#define CPU_FPU 0x4u
#define CPU_FXSR 0x8u
#define CPU_XSAVE 0x10u               /* CR4.OSXSAVE is on */
#define CPU_APIC_BASE 0x20u           /* the MSR */

/* C fills it before the gate; the gate writes the host's state and the results. */
struct crossing {
	uint64_t leave;               /* struct leave, as the host addresses it */
	uint32_t cpu;                 /* CPU_* */
	uint32_t vector;
	uint32_t image;               /* physical: BIOS_LOW_AT */
	uint32_t low, low_size;       /* physical: the base memory that image is exchanged with */
	uint32_t entry;               /* physical: of the real-mode part, in low */
	uint32_t ascend;              /* physical: the code that turns paging on again, in the gate's copy */
	uint32_t tpr_at, tpr;         /* the local APIC's task priority: address or MSR (0: none), value */
	int32_t result;               /* SEGUE_OK, or why the BIOS was not called */
	struct segue_bios_registers registers;
	uint32_t reserved;
	uint64_t cr0, cr3, cr4, efer;
	uint64_t fs_base, gs_base;
	uint64_t stack;
	uint32_t cs, ss, ds, es, fs, gs, ldtr, tr; /* i386: SS is in stack's upper half, DS to GS are pushed */
	uint8_t gdtr[10], pad[6];
	uint8_t idtr[10], pad2[6];
};
_Static_assert(sizeof(struct crossing) <= GROUND_AT, "the ground is after it");
_Static_assert(offsetof(struct crossing, gdtr) % 8 == 0 && offsetof(struct crossing, idtr) % 8 == 0, "padded");

/* The gate: calls the BIOS and returns. Interrupts must be off and the FPU's state saved. */
SEGUE_REGISTER_CALL void segue_bios_gate(struct crossing *crossing);
extern const uint8_t segue_bios_gate_start[] SEGUE_HIDDEN, segue_bios_gate_end[] SEGUE_HIDDEN, segue_bios_ground[] SEGUE_HIDDEN,
	segue_bios_ground_end[] SEGUE_HIDDEN;
/* Offset in struct leave of the descriptor of the host's TSS: 8 or 16 bytes, to be filled in */
extern const uint32_t segue_bios_tss_at SEGUE_HIDDEN;

/* How the two PICs are set up. */
struct pics {
	uint8_t vectors[2], masks[2], icw4;
};
SEGUE_REGISTER_CALL void segue_bios_set_pics(const struct pics *pics);

/*
 * Host state that C saves while the BIOS runs: bios_keep.c. segue_bios_put_back() restores it in reverse order.
 * segue_bios_keep() turns interrupts off.
 */
struct kept {
	uintptr_t flags, cr0, cr2, dr7;
	struct pics pics;
};
uint32_t segue_bios_cpu(void);        /* CPU_* */
void segue_bios_keep(struct kept *kept, const struct segue_bios_args *args, uint32_t cpu, uint8_t *fpu);
void segue_bios_put_back(const struct kept *kept, const struct segue_bios_args *args, uint32_t cpu, const uint8_t *fpu);
/* Copies TR's descriptor with the busy bit cleared, so that LTR accepts it. */
void segue_bios_copy_task(uint8_t *descriptor, addr_t data_base);

#endif
