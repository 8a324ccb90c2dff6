/* SPDX-License-Identifier: MIT */
/*
 * The ELF core header of the host's memory (segue_core.h), which segue_load() makes for the target (SEGUE_LOAD_CORE).
 * blocks/block_elf_core.c calls segue_core_make().
 *
 * It is made in two steps: the host's memory becomes pieces, sorted by their physical address (pieces.c); the host's mappings
 * divide these into PT_LOADs (loads.c). Both sort once and sweep, because page-wise staging gives tens of thousands of each.
 * Addresses have 64 bits also on i386, whose target may read memory above 4 GiB.
 */
#ifndef SEGUE_CORE_HEADER_H
#define SEGUE_CORE_HEADER_H

#include "common/loader.h"
#include "elf.h"

/* From PN_XNUM on the count is elsewhere (gABI 4, "ELF Header", e_phnum), where Linux does not look. */
#define CORE_HEADERS_MAX 0xfffeu

/* A run of the host's memory, [start, end), and where it lies while the target runs. */
struct core_piece {
	uint64_t start, end, at;
};

/* A mapping of the host's, with those that continue it merged into it. */
struct core_mapping {
	uint64_t virt, phys, size;
};

/* Work memory is at the end of the arena, and is given back when the header is made. */
struct core {
	struct job *job;
	struct core_piece *pieces;    /* sorted, disjoint */
	uint32_t piece_count;
	struct core_mapping *mappings; /* sorted by virt, disjoint there */
	uint32_t mapping_count;
	struct core_key *by_phys;     /* the mappings' order by phys */
};

/* What is sorted: an address, and what it is of. */
struct core_key {
	uint64_t at;
	uint32_t what;
};
/* n log n and in place, with keys of 64 bits. */
void segue_core_sort(struct core_key *keys, uint32_t count);

/* Takes work memory for an array. NULL, after a refusal, if there is none. */
void *segue_core_borrow(struct job *job, size_t count, size_t element);

/* Each of these refuses with SEGUE_E_CORE or SEGUE_E_WORKSPACE_SMALL. */
int segue_core_find_pieces(struct core *core);
int segue_core_find_mappings(struct core *core);
/* Makes the header, and tells Linux of it on its command line. */
int segue_core_make(struct job *job);

/* The PT_LOADs that the pieces and mappings give; at most ADDRESS_MAX. */
addr_t segue_core_count_loads(const struct core *core);
void segue_core_write_loads(const struct core *core, struct elf64_program_header *loads);

/* The header of a core with this number of program headers; PT_NOTE is the first. */
void segue_core_write_header(struct elf64_header *header, uint32_t count, uint64_t notes_at, uint32_t notes_size);
void segue_core_write_load(struct elf64_program_header *load, uint64_t virt, uint64_t phys, uint64_t at, uint64_t size);

/* The notes as far as segue_load() knows them, unless the target is for a crash. */
void segue_core_write_notes(const struct job *job);
/* Fills in the CPU that calls segue_call(). */
struct caller;
void segue_core_note_caller(const struct job *job, const struct caller *caller, uint32_t cpu) SEGUE_HIDDEN;

#endif
