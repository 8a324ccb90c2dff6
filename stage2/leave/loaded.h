/* SPDX-License-Identifier: MIT */
/*
 * Layout of the workspace after segue_load():
 *   page 0   purgatory's core, with params filled in
 *   page 1   purgatory's IDT and stack
 *   page 2   purgatory's optional blocks, if the target needs any
 *   page 5   for segue_exec() to leave the host (leave.h): the gate's copy and its page tables
 *   page 17  where other CPUs are parked (parking.h)
 *   page 18  struct loaded, then the arena: parts, segments, the protocol's tables, the list
 */
#ifndef SEGUE_LOADED_H
#define SEGUE_LOADED_H

#include "common/loader.h"
#include "leave/parking.h"
#include "purgatory/purgatory.h"

#define LOADED_AT (PARKING_AT + PURGATORY_PAGE)
#define LOADED_MAGIC 0x64616f4c       /* "Load" */

struct arrangement;                    /* load/arrangement.h */

struct loaded {
	uint32_t magic;
	uint32_t head_sum;            /* segue_loaded_head_sum() */
	addr_t code_base, data_base;  /* arguments of segue_load() */
	const void *workspace;        /* its address at segue_load() */
	addr_t workspace_phys;
	size_t workspace_size;
	size_t summed;                /* bytes of the workspace that sum covers; CPUs write to the others in a crash */
	uint32_t flags, cpu_count;    /* arguments of segue_load() */
	uint32_t over;                /* 1: segue_call() has returned from it, and it cannot be entered again */
	/* For segue_describe() and its like. The host's structures that job points to may not be read any more. */
	struct job job;
	const struct arrangement *arrangement;
	uint32_t sum;                 /* segue_loaded_sum(), which leaves this field out */
	struct job before;            /* the job, before segue_load() tries to place the target */
};
_Static_assert(offsetof(struct loaded, magic) == 0, "the gates and purgatory find it at LOADED_AT");

/* Of the job of segue_load(), which is in it because the host's stack is small. */
static inline struct loaded *segue_loaded_of(struct job *job)
{
	return (struct loaded *)(void *)((uint8_t *)job - offsetof(struct loaded, job));
}

/*
 * The sum of the bytes that must not change after segue_load(): all but purgatory's stack and what parking CPUs write (their
 * page, the leave page and its tables, and purgatory's pointer to its GDT, which is before PARK_WRITES_END).
 */
#define PARK_WRITES_END (PURGATORY_PARK + 16u)
uint32_t segue_loaded_sum(const struct loaded *loaded);
/*
 * The sum of the fields between head_sum and sum. It is checked before these are used: by segue_ready(), and by what a CPU calls in a
 * crash, for which the other sum takes too long.
 */
uint32_t segue_loaded_head_sum(const struct loaded *loaded);

/* The state of a workspace that this copy of the library has loaded (known.h), or NULL. */
const struct loaded *segue_loaded(const void *workspace);

/* Was this workspace loaded when the host had it mapped at another address? */
bool segue_has_moved(const void *workspace);

/* volatile: other CPUs write to it. */
static inline const volatile struct parking *segue_parking_of(const struct loaded *loaded)
{
	return (const volatile struct parking *)(const void *)((const uint8_t *)loaded - LOADED_AT + PARKING_AT);
}

/* Is a CPU parked in this workspace, or about to park? Then it must not be written to. */
bool segue_is_parking(const void *workspace);

/* Must more CPUs park, by what was loaded? Reads the workspace only. */
bool segue_cpus_are_missing(const struct loaded *loaded);

/* segue_ready()'s checks of this CPU and the others. Needs CPL 0. */
int segue_cpus_ready(const struct loaded *loaded);

#endif
