/* SPDX-License-Identifier: MIT */
/* A plan in the making: shared by arrange.c and what it can do without. */
#ifndef SEGUE_ARRANGEMENT_H
#define SEGUE_ARRANGEMENT_H

#include "load/load_extra.h"
#include "leave/list.h"
#include "load/purgatory_params.h"
#include "load/runs.h"
#include "load/scratch.h"

/*
 * The list grows down from the end of the planner's memory, and the planner uses the memory below it, because neither size
 * is known beforehand. If the list meets the planner's memory, the rest is only counted, so that the refusal names a size.
 */
struct list {
	struct list_page *pages;      /* the first page, after turn_list() */
	struct list_page *end;        /* end of the memory */
	size_t memory_size;
	const size_t *held;           /* bytes of the memory that the planner uses, from its start */
	size_t taken;                 /* bytes of the list's pages */
	bool full;                    /* an entry had no room */
	uint32_t moves;
	uint32_t count;               /* of entries: the moves, then the ranges that the digest covers */
};

/* The large ones come last: i386 reaches the others by shorter instructions. */
struct arrangement {
	struct job *job;
	const struct segue_load_extra *replay; /* the extra that has it, and exchange() if that is linked; NULL: none */
	struct list list;
	struct housing housing;
	uint8_t *memory;              /* the planner's and the list's, then the replay's */
	size_t memory_size;
	bool moves_out;               /* purgatory and the list do not stay in the workspace */
	struct runs runs;
	struct plan_result result;
	struct scratch whole;         /* free RAM */
	struct scratch scratch;       /* the part that the planner may use */
	struct scratch reserve;       /* for the list; the planner does not use it */
};

/* Pages of the list for this many entries: an END follows the last, if necessary on another page. */
uint32_t segue_pages_for(uint32_t entries);
/* Bytes of the list's pages. */
size_t segue_list_size(const struct arrangement *a);

/* check_plan.c, for struct segue_load_extra */
int segue_replay_plan(struct arrangement *a);
size_t segue_replay_plan_memory(const struct arrangement *a);

/* Refuses with SEGUE_E_PLAN_SPACE. need: bytes of memory. With more memory the plan may differ and need even more. */
int segue_refuse_space(const struct arrangement *a, size_t need);

#endif
