/* SPDX-License-Identifier: MIT */
/*
 * Walks the page tables in force: to which physical address is a linear one mapped?
 *
 * Segue maps nothing for this. Most hosts map their tables at a constant offset from physical addresses (a direct map), or
 * by a recursive slot: an entry of the root that points to the root. A way of reading is verified by its own result: by
 * the tables read in this way, the address where the root is read must be mapped to the root. Each other table is verified
 * in the same way before it is used. If a table cannot be read, or this check fails, the result is unknown.
 */
#ifndef SEGUE_WALK_H
#define SEGUE_WALK_H

#include "common/loader.h"

#define WALK_UNKNOWN ADDRESS_MAX
#define WALK_ABOVE 0xfffff000u         /* i386: stands for any address above 4 GiB; this page is not RAM */
#define PEEK_VECTORS 19u              /* up to #MC; with interrupts off no other vector occurs */
#define PEEK_GATE (sizeof(uintptr_t) * 2)

struct peek {
	uintptr_t at;                 /* offset in the data segment of the bytes to read */
	uint32_t value[2];
	uint16_t pad[3], idt_limit;   /* IDTR and GDTR during the read */
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
	unsigned levels;              /* 2, 3 (PAE), 4, 5; 0: paging is off, or unknown */
	bool large;                   /* 32-bit paging: with pages of 4 MiB */
	/* The table where the last walk ended, an address that it maps, and its level; table 0: none. */
	addr_t last_table, last_linear;
	unsigned last_level;
	struct peek peek;
	uint8_t code[8];              /* descriptor of a code segment like the present one */
	uint8_t idt[PEEK_VECTORS * PEEK_GATE];
};

/* Reads the 8 bytes at peek->at. 0: the read faulted. CPL 0; uses the caller's stack; interrupts are off during the read. */
IN_REGISTER uint32_t segue_peek(struct peek *peek);
extern const uint8_t segue_peek_fault[] SEGUE_HIDDEN;

/*
 * Do the data and stack segments have that base? Needs CPL 0. In segments.c. If walk is not NULL, the GDT is read by
 * segue_peek(), and a fault counts as yes: with another base the fault would not have returned.
 */
bool segue_is_data_base(addr_t data_base, struct walk *walk);
/* i386: the same of the segment of that selector, which must be loaded. */
bool segue_is_base(uint32_t selector, uint32_t is, uint32_t data_base, struct walk *walk);

/*
 * Can this CPU's tables be walked at all? False outside CPL 0, and if exceptions are not delivered through an IDT (FRED).
 * If true, either paging is off and every walk succeeds, or segue_walk_try() must succeed first.
 */
bool segue_walk_begin(struct walk *walk, addr_t code_base, addr_t data_base);
/* Can the tables be read in this way? way.root is computed, except for PAE with TABLES_WINDOW: there 0 searches for it. */
bool segue_walk_try(struct walk *walk, struct tables_way way);
/* Both, for a way that has been found before. */
bool segue_walk_again(struct walk *walk, addr_t code_base, addr_t data_base, struct tables_way way);
/*
 * Tries likely ways: an offset by which any entry of the root would map the root; each slot of the root as a recursive
 * slot; then for each lower level an offset by which any entry of the table for near[i] would map the root (for single
 * pages only near[0], the kernel's text). With five addresses at most 3072 reads with 32-bit paging, 4608 with PAE (and
 * all tables of a recursive slot), 6656 with 4 levels, 9216 with 5.
 */
bool segue_walk_search(struct walk *walk, const addr_t *near, unsigned count);
/* The physical address of a linear one, or WALK_UNKNOWN. */
addr_t segue_walk(struct walk *walk, addr_t linear);

#endif
