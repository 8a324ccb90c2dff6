/* SPDX-License-Identifier: MIT */
/*
 * The page tables in force, read as the CPU reads them: which physical address does a linear one lead to?
 *
 * Nothing is mapped for this. Hosts have their tables mapped at one offset from their physical addresses more often than
 * not, or by the tables themselves, one entry of the root leading to the root. Such a way proves itself: by tables that are
 * read so, the address where the root is read has to lead to the root. So does each table before it is believed. What
 * cannot be read, or does not agree, is unknown.
 */
#ifndef SEGUE_WALK_H
#define SEGUE_WALK_H

#include "common/loader.h"

#define WALK_UNKNOWN ADDRESS_MAX
#define WALK_ABOVE 0xfffff000u         /* i386: what lies above 4 GiB is said to be in this page, which holds no RAM */
#define PEEK_VECTORS 19u              /* up to #MC: nothing else comes with interrupts off */
#define PEEK_GATE (sizeof(uintptr_t) * 2)

struct peek {
	uintptr_t at;                 /* what is read, as the data segment has it */
	uint32_t value[2];
	uint16_t pad[3], idt_limit;   /* IDTR and GDTR, while it is read */
	uintptr_t idt_base;
	uint16_t pad2[3], gdt_limit;
	uintptr_t gdt_base;
};
/* LIDT and LGDT read a limit, and the base directly after it. */
_Static_assert(offsetof(struct peek, idt_base) == offsetof(struct peek, idt_limit) + 2 &&
		       offsetof(struct peek, gdt_base) == offsetof(struct peek, gdt_limit) + 2,
	       "Intel SDM vol. 3, 2.4.1");

struct walk {
	addr_t root;                  /* physical */
	struct tables_way way;        /* loader.h */
	addr_t data_base;
	unsigned levels;              /* 2, 3 (PAE), 4, 5; 0: paging is off, or it is not known */
	bool large;                   /* 32-bit paging: with pages of 4 MiB */
	/* The table with the entry that the last walk ended at, its level, and an address in what it maps; table 0: none. */
	addr_t last_table, last_linear;
	unsigned last_level;
	struct peek peek;
	uint8_t code[8];              /* a code segment as ours */
	uint8_t idt[PEEK_VECTORS * PEEK_GATE];
};

/* Reads the 8 bytes at peek->at. 0: they cannot be read. CPL 0; uses the caller's stack; interrupts are off meanwhile. */
IN_REGISTER uint32_t segue_peek(struct peek *peek);
extern const uint8_t segue_peek_fault[] SEGUE_HIDDEN;

/*
 * Do the data and stack segments have that base? At CPL 0: segments.c. Where walk is not NULL the GDT is read by segue_peek(),
 * and a fault answers yes: with another base there would have been no return from it.
 */
bool segue_is_data_base(addr_t data_base, struct walk *walk);
/* i386: the same of the segment of that selector, which must be loaded. */
bool segue_is_base(uint32_t selector, uint32_t is, uint32_t data_base, struct walk *walk);

/*
 * Can this CPU's tables be walked at all? Not outside CPL 0, nor where an exception takes another way than by an IDT.
 * Then either paging is off, and every walk is good; or segue_walk_try() has to succeed.
 */
bool segue_walk_begin(struct walk *walk, addr_t code_base, addr_t data_base);
/* Are the tables to be read so? root is found, but with TABLES_WINDOW and PAE: there 0 has it looked for. */
bool segue_walk_try(struct walk *walk, struct tables_way way);
/* Both, for a way that has been found before. */
bool segue_walk_again(struct walk *walk, addr_t code_base, addr_t data_base, struct tables_way way);
/*
 * Tries what is likely: the root where any entry of the root would map it; each slot of the root
 * as one that leads to it; then, for each lower level, the root as any entry of the table would map it that maps near[i] (of
 * single pages only near[0], the kernel's text). With five addresses up to 3072 reads with 32-bit paging, 4608 with PAE (and
 * all of a window's tables), 6656 with 4 levels, 9216 with 5.
 */
bool segue_walk_search(struct walk *walk, const addr_t *near, unsigned count);
/* Where a linear address leads; WALK_UNKNOWN. */
addr_t segue_walk(struct walk *walk, addr_t linear);

#endif
