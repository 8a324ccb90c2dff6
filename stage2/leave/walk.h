/* SPDX-License-Identifier: MIT */
/*
 * The page tables in force, read as the CPU reads them: which physical address does a linear one lead to?
 *
 * Nothing is mapped for this. Hosts have their tables mapped at one offset from their physical addresses more often than
 * not, and an offset proves itself: by tables that are read there, the address where the root is read has to lead to
 * the root. So does each table on the way before it is believed. What cannot be read, or does not agree, is unknown.
 */
#ifndef SEGUE_WALK_H
#define SEGUE_WALK_H

#include "common/loader.h"

#define WALK_UNKNOWN ADDRESS_MAX
#define WALK_ABOVE 0xfffff000u         /* i386: what lies above 4 GiB is said to be in this page, which holds no RAM */
#define PEEK_VECTORS 19u              /* up to #MC: nothing else comes with interrupts off */
#define PEEK_GATE (sizeof(uintptr_t) * 2)

/* struc peek in peek_i386.asm and peek_x86_64.asm */
struct peek {
	uintptr_t at;                 /* what is read, as the data segment has it */
	uint32_t value;
	uint16_t pad, idt_limit;      /* IDTR and GDTR, while it is read */
	uintptr_t idt_base;
	uint16_t pad2[3], gdt_limit;
	uintptr_t gdt_base;
};
_Static_assert(offsetof(struct peek, value) == sizeof(uintptr_t) && offsetof(struct peek, idt_limit) == sizeof(uintptr_t) + 6 &&
		       offsetof(struct peek, idt_base) == sizeof(uintptr_t) + 8 &&
		       offsetof(struct peek, gdt_limit) == 2 * sizeof(uintptr_t) + 14 &&
		       offsetof(struct peek, gdt_base) == 2 * sizeof(uintptr_t) + 16,
	       "peek.at and those behind it");

struct walk {
	addr_t root;                  /* physical */
	addr_t offset;                /* linear address of a table less its physical one */
	addr_t data_base;
	unsigned levels;              /* 2, 3 (PAE), 4, 5; 0: paging is off */
	bool large;                   /* 32-bit paging: with pages of 4 MiB */
	struct peek peek;
	uint8_t code[8];              /* a code segment as ours */
	uint8_t idt[PEEK_VECTORS * PEEK_GATE];
};

/* Reads peek->at. 0: it cannot be read. CPL 0; uses the caller's stack; interrupts are off meanwhile. */
IN_REGISTER uint32_t segue_peek(struct peek *peek);
extern const uint8_t segue_peek_fault[] SEGUE_HIDDEN;

/* Do the data and stack segments have that base? At CPL 0: ready.c. */
bool segue_is_data_base(addr_t data_base);
/* The base of CS, by its descriptor; what was told where that is none of code. At CPL 0, and with that data_base. */
addr_t segue_code_base(addr_t told, addr_t data_base);

/*
 * Can this CPU's tables be walked at all? Not outside CPL 0, nor where an exception takes another way than by an IDT.
 * Then either paging is off, and every walk is good; or segue_walk_try() has to find an offset.
 */
bool segue_walk_begin(struct walk *walk, addr_t code_base, addr_t data_base);
bool segue_walk_try(struct walk *walk, addr_t offset);
/* Where a linear address leads; WALK_UNKNOWN. */
addr_t segue_walk(struct walk *walk, addr_t linear);

#endif
