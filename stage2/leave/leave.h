/* SPDX-License-Identifier: MIT */
/*
 * Leaving the host: what segue_load() writes to the workspace for segue_exec().
 *
 * The gate is the code of segue_exec() and segue_park(), library text within one page (exec.inc; segue_bios() has its
 * own gate: bios.h). The physical address of that page is unknown, so the workspace holds a copy of
 * the gate at the same page offset, in one page with struct leave: the leave page. The page tables built here map only that
 * page, at three addresses: at the gate's linear address, where execution continues when CR3 changes; at its own linear
 * address, for the stack, GDT and IDT that were loaded before; and at its physical address, from which paging is turned
 * off. If two of these addresses are equal they still map the same page, so any placement of library and workspace works.
 *
 * There are tables for each paging mode that the CPU may be using then: 32-bit and PAE, or 4-level and 5-level.
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
#define GATE_ALIGN 2048u              /* its alignment: a power of two not below any gate's size, so that none crosses a page */
#define LEAVE_SIZE 1408u              /* stack, struct leave, GDT and IDTs, below or above the gate in its page */
#define LEAVE_STACK 512u

/* The stack is below it; more of the gate's tables follow it. */
struct leave {
	uint64_t linear;              /* this structure's linear address in the host */
	uint32_t physical;            /* and its physical address */
	uint32_t gate;                /* physical address of the gate's copy */
	uint32_t purgatory;           /* physical address */
	uint32_t root;                /* CR3 for 32-bit or 4-level paging */
	uint32_t wide_root;           /* CR3 for PAE or 5-level paging */
	uint32_t code_base;
	uint32_t gates[12];           /* used by the gate only */
	/*
	 * I/O port for the exception printer; 0: none. At the same offset as in purgatory's parameters: the gate's handlers stay
	 * in use until purgatory has built its IDT, and find the port by EBP, which points to struct leave or to purgatory.
	 */
	uint32_t serial;
	uint32_t entry;               /* physical address to jump to at the end; for segue_exec() the gate fills it in */
};
_Static_assert(offsetof(struct leave, serial) == PURGATORY_PARAMS_AT + offsetof(struct purgatory_params, serial),
	       "one place for EBP to find it at");

_Static_assert(GATE_LIMIT + 2 * LEAVE_SIZE <= PURGATORY_PAGE, "LEAVE_SIZE bytes fit below or above the gate");

extern const uint8_t segue_gate[] SEGUE_HIDDEN, segue_gate_end[] SEGUE_HIDDEN;

/* The leave page, followed by zeroed pages for page tables, which are taken one by one. */
struct leave_tables {
	uint8_t *page;
	uint32_t phys;                /* physical address of page */
	uint32_t used;                /* number of tables taken */
};

/*
 * Builds tables that map the pages of three linear addresses to the leave page. levels: 2 for 32-bit paging, 3 for PAE, 4
 * for 4-level. Returns the root's physical address.
 */
uint32_t segue_leave_map(struct leave_tables *tables, unsigned levels, const addr_t linear[3]);
/* Builds the root of 5-level tables. All its entries use the same 4-level root, because only one page is mapped. */
uint32_t segue_leave_map_57(struct leave_tables *tables, uint32_t root_48, const addr_t linear[3]);

/* A gate: library text that is aligned so that it does not cross a page. */
struct gate {
	const uint8_t *start;         /* offset in the code segment */
	uint32_t size;
};
/* Not an initialiser: from constant addresses GCC makes writable data in position-independent code. */
static inline void segue_gate_is(struct gate *gate, const uint8_t *start, const uint8_t *end)
{
	gate->start = start;
	gate->size = (uint32_t)(end - start);
}

/* Does a gate at offset gate_at fit in its page with LEAVE_SIZE contiguous bytes below or above it? */
static inline bool segue_gate_fits(uint32_t gate_at, uint32_t size)
{
	return gate_at <= PAGE - size && (gate_at >= LEAVE_SIZE || gate_at + size <= PAGE - LEAVE_SIZE);
}

/* The host's state in which a gate is entered, as the host described it. */
struct here {
	addr_t code_base, data_base;
	const uint8_t *workspace;
	addr_t workspace_phys;
	size_t size;                  /* bytes of the workspace that are used */
	struct gate gate;
};
/* Can the gate be entered in this CPU's present state? Returns codes of segue_ready(). */
int segue_ready_here(const struct here *here);

/* Fills in a zeroed leave page and its tables for a gate. The caller fills in purgatory and serial. */
struct leave *segue_prepare_gate(struct leave_tables *tables, const struct gate *gate, addr_t code_base, addr_t data_base);

/* The same for segue_exec(). */
void segue_prepare_leave(const struct job *job);

#endif
