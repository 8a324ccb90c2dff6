/* SPDX-License-Identifier: MIT */
/*
 * The workspace, as segue_load() leaves it:
 *   page 0   purgatory's core, params filled in
 *   page 1   purgatory's IDT, TSS and stack
 *   page 2   purgatory's optional blocks, where they are asked for
 *   page 5   what segue_exec() leaves the host with (leave.h): the gate's copy and its page tables
 *   page 17  where other CPUs wait (parking.h)
 *   page 18  struct loaded, then the arena: parts, segments, the protocol's tables, the list
 */
#ifndef SEGUE_LOADED_H
#define SEGUE_LOADED_H

#include "common/loader.h"
#include "leave/parking.h"
#include "purgatory/purgatory.h"

#define LOADED_AT (PARKING_AT + PURGATORY_PAGE)
#define LOADED_MAGIC 0x64616f4c       /* "Load" */

struct list_page;                      /* load/list.h */

struct loaded {
	uint32_t magic;
	addr_t code_base, data_base;  /* as segue_load() was told */
	const void *workspace;        /* its address then */
	addr_t workspace_phys;
	size_t workspace_size;
	struct tables_way tables;     /* as in struct job */
	uint32_t flags, cpu_count;    /* as segue_load() was told */
	struct segue_description description;
	struct segue_segment *segments;
	struct list_page *list;
	uint32_t sum;                 /* segue_loaded_sum() without it */
};
_Static_assert(offsetof(struct loaded, magic) == 0, "the gates and purgatory find it at LOADED_AT");

/*
 * The sum of what must stay as segue_load() has left it: all but purgatory's stack, and what CPUs that park write to (their
 * page; the leave page and its tables; purgatory's pointer to its GDT, which stands before PARK_WRITES_END).
 */
#define PARK_WRITES_END (PURGATORY_PARK + 16u)
uint32_t segue_loaded_sum(const struct loaded *loaded);

/* The state of a workspace in which this boot has loaded a target (known.h), or NULL. */
const struct loaded *segue_loaded(const void *workspace);

/* Is it one that was loaded at another address, where the host had it mapped then? */
bool segue_has_moved(const void *workspace);

/* Does a CPU wait in this workspace, or is on its way there? Then nobody may write to it. */
bool segue_is_parking(const void *workspace);

/* segue_ready()'s part about this CPU among the others; at CPL 0. */
int segue_cpus_ready(const struct loaded *loaded);

#endif
