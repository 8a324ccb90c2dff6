/* SPDX-License-Identifier: MIT */
/*
 * Walks the page tables of a host in its core (Intel SDM, volume 3, chapter "Paging"). What the tables map counts, not
 * whether it may be written or executed.
 */
#ifndef SEGUE_CORE_PAGES_H
#define SEGUE_CORE_PAGES_H

#include "core_file.h"

enum core_paging {
	CORE_PAGING_OFF,              /* or unknown */
	CORE_PAGING_32,               /* 4 KiB and 4 MiB pages */
	CORE_PAGING_PAE,
	CORE_PAGING_4_LEVEL,
	CORE_PAGING_5_LEVEL
};
/* A table may be used more than once, for example by its own entry. This bounds the time. */
#define CORE_TABLES_MAX (1u << 20)

struct core_walk {
	enum core_paging paging;
	bool large_pages;             /* CORE_PAGING_32: CR4.PSE */
	uint64_t cr3;
	uint32_t tables_left;         /* CORE_TABLES_MAX, or fewer */

	struct core_list mapped;      /* by virtual address; only what is in the core */
	/* Tables that the core does not have */
	size_t missing;
	uint64_t missing_at, missing_virt;
	bool too_many_tables, too_many_ranges;
};

/* How the host pages by its control registers. */
enum core_paging core_paging_of(const struct segue_core_host *host);
const char *core_paging_name(enum core_paging paging);

/* mapped is to be freed. */
void core_walk(const struct core *core, struct core_walk *walk);

#endif
