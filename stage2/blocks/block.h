/* SPDX-License-Identifier: MIT */
/*
 * Purgatory's optional blocks, as segue_load() sees them: a block's bytes, and what must be done for it. Only the table
 * (blocks.c) names them all, so a host with a table of its own links no others (segue.h: segue_blocks).
 *
 * All blocks are assembled together with the core, each for its own place in purgatory's pages, so that calls between the
 * core and a block are plain ones. A block refers to the core and to itself, and the core enters a block only if params say
 * that it is there.
 */
#ifndef SEGUE_BLOCK_H
#define SEGUE_BLOCK_H

#include "common/loader.h"
#include "purgatory/purgatory.h"

#define BLOCK_CPUS 0x1u
#define BLOCK_REAL_MODE 0x2u
#define BLOCK_HIGH 0x4u               /* not on i386 */
#define BLOCK_DIGEST 0x8u
#define BLOCK_DEVICES 0x10u
#define BLOCK_CATCHER 0x20u
#define BLOCK_RETURN 0x40u
#define BLOCK_ELF_CORE 0x80u           /* has no bytes in purgatory */
#define BLOCK_CRASH 0x100u             /* nor has this one */
#define BLOCK_LONG_MODE 0x200u

/* All that SEGUE_LOAD_QUIET_ALL stands for. */
#define QUIET_EACH \
	(SEGUE_LOAD_QUIET_IOAPIC | SEGUE_LOAD_QUIET_LAPIC | SEGUE_LOAD_QUIET_HPET | SEGUE_LOAD_QUIET_PIT | \
	 SEGUE_LOAD_QUIET_PIC | SEGUE_LOAD_QUIET_RTC | SEGUE_LOAD_QUIET_BUS_MASTERS | SEGUE_LOAD_QUIET_VGA)

/* The steps of segue_load() that blocks take part in. */
enum block_step {
	BLOCK_PREPARE,                /* before the parts are read, if the block is needed by then */
	BLOCK_OPENED,                 /* the blob is opened: job->bundle is known */
	BLOCK_PLACED,                 /* the loader has added the target's segments */
	BLOCK_STEPS
};
struct segue_block {
	uint32_t id;                  /* BLOCK_* */
	const struct purgatory_bytes *bytes; /* NULL: none */
	int (*steps[BLOCK_STEPS])(struct job *job); /* NULL: nothing */
	/* Fills in the block's parameters, after its bytes are in the workspace. NULL: it has none. */
	void (*write)(const struct job *job, struct purgatory_params *params);
};
extern const struct segue_block *const segue_blocks[] SEGUE_HIDDEN;
extern const struct segue_block segue_block_cpus SEGUE_HIDDEN, segue_block_real_mode SEGUE_HIDDEN, segue_block_high SEGUE_HIDDEN,
	segue_block_digest SEGUE_HIDDEN, segue_block_devices SEGUE_HIDDEN, segue_block_catcher SEGUE_HIDDEN,
	segue_block_return SEGUE_HIDDEN, segue_block_elf_core SEGUE_HIDDEN, segue_block_crash SEGUE_HIDDEN,
	segue_block_long_mode SEGUE_HIDDEN;

/* Adds the block to job->blocks. Refuses if it is not linked. */
int segue_need_block(struct job *job, uint32_t id);
/* Lets the blocks that are needed take the step. */
int segue_step_blocks(struct job *job, enum block_step step);
/* Needs the blocks that the arguments ask for, and lets them take their first step. */
int segue_prepare_blocks(struct job *job);

/* Pages of purgatory where it runs after its move, with the blocks that still work there. */
uint32_t segue_purgatory_pages(const struct job *job);
/* Puts the needed blocks into the workspace and calls their write(). */
void segue_write_blocks(const struct job *job, struct purgatory_params *params);

/* CPUs that segue_load() was told of, or that get an INIT without being told of. */
static inline bool segue_has_other_cpus(const struct job *job)
{
	return job->args->cpu_count > 1 || job->args->flags & SEGUE_LOAD_INIT_CPUS;
}

static inline bool segue_shuts_a20(const struct job *job)
{
	return segue_is_real_mode(&job->entry) && job->machine && job->machine->a20_was_shut;
}

#endif
