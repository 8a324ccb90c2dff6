/* SPDX-License-Identifier: MIT */
/*
 * The way out of the host and back, for segue_bios() and segue_call(). The gate (cross.inc) saves the host's state and turns
 * paging off as segue_exec() does. It returns through the same page and the same tables in reverse. In between runs what
 * struct leave names as entry, with paging off.
 *
 * C saves what needs no gate (keep.c), and restores it in reverse order.
 */
#ifndef SEGUE_CROSS_H
#define SEGUE_CROSS_H

#include "leave/leave.h"

/* What the CPU has. */
#define CPU_CR4 0x1u
#define CPU_APIC 0x2u
#define CPU_FPU 0x4u
#define CPU_FXSR 0x8u
#define CPU_XSAVE 0x10u               /* CR4.OSXSAVE is on */
#define CPU_APIC_BASE 0x20u           /* the MSR */
#define CPU_EFER 0x40u
#define CPU_CET 0x80u

/*
 * C fills it before the gate; the gate writes the host's state. It begins the page before the leave page, by which the gate
 * finds it on the way back.
 */
struct crossing {
	uint64_t leave;               /* struct leave, as the host addresses it */
	uint32_t cpu;                 /* CPU_* */
	uint32_t ascend;              /* physical: where to come back, in the gate's copy; the gate fills it in */
	uint64_t cr0, cr3, cr4, efer;
	uint64_t fs_base, gs_base, s_cet;
	uint64_t stack;
	uint32_t cs, ss, ds, es, fs, gs, ldtr, tr; /* i386: SS is in stack's upper half, DS to GS are pushed */
	uint8_t gdtr[10], pad[6];
	uint8_t idtr[10], pad2[6];
};
_Static_assert(offsetof(struct crossing, gdtr) % 8 == 0 && offsetof(struct crossing, idtr) % 8 == 0, "padded");

/*
 * Out and back. Interrupts must be off and the FPU's state saved. What runs in between finds EAX struct leave's purgatory and
 * EBP struct leave, both physical, ESP the same as EBP, flat segments, EFER.LME 0. It may change all registers. At the end it
 * jumps to ascend, whose contract is in cross.inc.
 */
SEGUE_REGISTER_CALL void segue_cross(struct crossing *crossing);
extern const uint8_t segue_cross_start[] SEGUE_HIDDEN, segue_cross_end[] SEGUE_HIDDEN;
/* Offset in struct leave of the descriptor of the host's TSS: 8 or 16 bytes, for segue_copy_task() */
extern const uint32_t segue_cross_tss_at SEGUE_HIDDEN;
/*
 * Copies TR's descriptor with the busy bit cleared, so that LTR accepts it. Zeros, if the host has no TSS: TR cannot be loaded
 * with null, so after segue_call() it has the selector of purgatory's TSS, for which the host's GDT has no busy TSS.
 */
void segue_copy_task(uint8_t *descriptor, addr_t data_base);

/* How the two PICs are set up. */
struct pics {
	uint8_t vectors[2], masks[2], icw4;
};
SEGUE_REGISTER_CALL void segue_set_pics(const struct pics *pics);
/* Their masks, as they are. */
void segue_read_pic_masks(struct pics *pics);
void segue_write_pic_masks(const struct pics *pics);
/* Restarts the PIT's counter 0. */
void segue_set_pit(uint32_t mode, uint32_t reload);

#define CROSS_FPU_SIZE (4 * PAGE)     /* XSAVE's standard format, with AMX, takes 11008 bytes */

struct kept {
	uintptr_t flags, cr0, cr2, dr7;
};
uint32_t segue_cpu_has(void);         /* CPU_* */
/* Turns interrupts off. fpu: CROSS_FPU_SIZE bytes, aligned to 64. */
void segue_keep(struct kept *kept, uint32_t cpu, uint8_t *fpu);
void segue_put_back(const struct kept *kept, uint32_t cpu, const uint8_t *fpu);

#endif
