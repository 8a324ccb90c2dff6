/* SPDX-License-Identifier: MIT */
/*
 * Leaving the host: what segue_load() puts into the workspace for segue_exec().
 *
 * The gate is the whole of segue_exec() and segue_park(), a run of library text within one page (exec.inc;
 * segue_bios() has one of its own: bios.h).
 * Nobody knows that page's physical address, so a copy of the gate lies in the workspace at the same page offset, in
 * one page with struct leave: the leave page. Under the page tables built here that page is all there is, three times:
 * at the gate's linear address (there the gate goes on when CR3 changes), at its own linear address (stack, GDT and
 * IDT that were loaded before) and at its physical address (from where paging is turned off). Wherever two of the
 * three are the same they still mean the same page: no placement of library and workspace is in conflict.
 *
 * There are tables for each format that the CPU may be using by then: 32-bit and PAE, or 4-level and 5-level.
 */
#ifndef SEGUE_LEAVE_H
#define SEGUE_LEAVE_H

#include "common/loader.h"
#include "purgatory/purgatory.h"

#define LEAVE_AT (PURGATORY_PAGES * PURGATORY_PAGE)
#define LEAVE_TABLES 11u              /* 2 + 3 * 3 for 4-level and 5-level; 1 + 3 and 1 + 3 * 2 for 32-bit and PAE */
#define LEAVE_PAGES (1 + LEAVE_TABLES)
#define LEAVE_POINTER_AT PURGATORY_PAGE /* the host's address of struct leave; purgatory builds its IDT here later */
#define GATE_LIMIT 1280u              /* bytes of library text */
#define GATE_ALIGN 2048u              /* where it stands */
#define LEAVE_SIZE 1408u              /* stack, struct leave, GDT and IDTs: fit in front of any gate, or behind it */
#define LEAVE_STACK 512u

/* The stack lies in front of it, more of the gate's tables behind. */
struct leave {
	uint64_t linear;              /* this structure's address as the host has it mapped */
	uint32_t physical;            /* and its physical one */
	uint32_t gate;                /* physical address of the gate's copy */
	uint32_t purgatory;           /* physical address */
	uint32_t root;                /* CR3 for 32-bit or 4-level paging */
	uint32_t wide_root;           /* CR3 for PAE or 5-level paging */
	uint32_t code_base;
	uint32_t gates[12];           /* the gate's own */
	/*
	 * I/O port for the exception printer, 0: none. Where purgatory's parameters have theirs: the gate's handlers are in
	 * force until purgatory has made its own IDT, and find it by EBP, which points here or to purgatory.
	 */
	uint32_t serial;
	uint32_t entry;               /* physical address where the way down ends; for segue_exec() the gate fills it in */
};
_Static_assert(offsetof(struct leave, serial) == PURGATORY_PARAMS_AT + offsetof(struct purgatory_params, serial),
	       "one place for EBP to find it at");

_Static_assert(GATE_LIMIT + 2 * LEAVE_SIZE <= PURGATORY_PAGE, "in front or behind, wherever the gate lies");

extern const uint8_t segue_gate[] SEGUE_HIDDEN, segue_gate_end[] SEGUE_HIDDEN;

/* The leave page and, behind it, pages for page tables, which are zero and taken one by one. */
struct leave_tables {
	uint8_t *page;
	uint32_t phys;                /* of page */
	uint32_t used;                /* tables */
};

/*
 * Tables that map each of three linear addresses' pages to the leave page. levels: 2 for 32-bit paging, 3 for PAE,
 * 4 for 4-level. Returns the root's physical address.
 */
uint32_t segue_leave_map(struct leave_tables *tables, unsigned levels, const addr_t linear[3]);
/* The root of 5-level tables above a 4-level root that serves for every entry: all that is mapped is one page. */
uint32_t segue_leave_map_57(struct leave_tables *tables, uint32_t root_48, const addr_t linear[3]);

/* A gate: a run of library text that does not cross a page wherever text is linked. */
struct gate {
	const uint8_t *start;         /* as the code segment has it */
	uint32_t size;
};
/* Not an initialiser: of constant addresses GCC makes written data in position-independent code. */
static inline void segue_gate_is(struct gate *gate, const uint8_t *start, const uint8_t *end)
{
	gate->start = start;
	gate->size = (uint32_t)(end - start);
}

/* Has a gate from offset gate_at of its page on room beside it, in one piece, for what LEAVE_SIZE counts? */
static inline bool segue_gate_fits(uint32_t gate_at, uint32_t size)
{
	return gate_at <= PAGE - size && (gate_at >= LEAVE_SIZE || gate_at + size <= PAGE - LEAVE_SIZE);
}

/* Where a gate is to be entered from, as the host told it. */
struct here {
	addr_t code_base, data_base;
	const uint8_t *workspace;
	addr_t workspace_phys;
	size_t size;                  /* bytes of the workspace that are used */
	struct gate gate;
};
/* Is this CPU, as it runs now, one that it can be entered from? Codes of segue_ready(). */
int segue_ready_here(const struct here *here);

/* Fills the leave page and its tables, which are zero, for a gate; purgatory and serial are the caller's. */
struct leave *segue_prepare_gate(struct leave_tables *tables, const struct gate *gate, addr_t code_base, addr_t data_base);

/* The same for segue_exec(). */
void segue_prepare_leave(const struct job *job);

#endif
