/* SPDX-License-Identifier: MIT */
/*
 * The state of a target that is entered in 64-bit mode, as data. The loader fills it in, and makes the page tables and the
 * GDT as a segment of the target. Purgatory's long_mode block begins with this structure (stage2/purgatory/long_mode.asm).
 *
 * The block relies on this:
 * - CR3, the GDT and its TSS are below 4 GiB. The page tables map them, the entry and all of purgatory's pages to themselves.
 * - The GDT has flat 32-bit code at LONG_ENTRY_SWITCH, through which the CPU changes its mode, 64-bit code at .code, flat
 *   writable data at .data, and a 64-bit TSS at .tss.
 */
#ifndef SEGUE_LONG_ENTRY_H
#define SEGUE_LONG_ENTRY_H

#include <stddef.h>
#include <stdint.h>

/* In .registers, as instructions number them (Intel SDM vol. 2, table 3-1). */
enum { LONG_RAX, LONG_RCX, LONG_RDX, LONG_RBX, LONG_RSP, LONG_RBP, LONG_RSI, LONG_RDI, LONG_R8, LONG_REGISTERS = 16 };

#define LONG_ENTRY_SWITCH 0x08u

struct long_entry {
	uint64_t registers[LONG_REGISTERS];
	uint64_t rip, rflags;
	uint64_t efer;                /* as written: the CPU adds LMA */
	uint64_t pat;
	uint32_t cr0, cr3, cr4;
	uint32_t gdt;                 /* physical address */
	uint16_t gdt_limit;
	uint16_t code, data, tss;     /* selectors */
};
_Static_assert(offsetof(struct long_entry, rip) == 128 && offsetof(struct long_entry, efer) == 144 &&
		       offsetof(struct long_entry, cr0) == 160 && offsetof(struct long_entry, gdt_limit) == 176 &&
		       sizeof(struct long_entry) == 184,
	       "the same for both architectures");

#endif
