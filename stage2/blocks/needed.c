/* SPDX-License-Identifier: MIT */
/* Which blocks a load needs, and whether they are linked. */
#include "blocks/block.h"
#include "common/memory_functions.h"

/* These run before purgatory moves, or lie elsewhere. */
#define BLOCKS_THAT_STAY (BLOCK_DEVICES | BLOCK_CATCHER | BLOCK_RETURN | BLOCK_ELF_CORE | BLOCK_CRASH)

int segue_need_block(struct job *job, uint32_t id)
{
	/* By the number of the bit in id. */
	static const char names[][10] = {"cpus", "real_mode", "high", "digest", "devices", "catcher", "return", "elf_core", "crash",
					 "long_mode"};
	const char *name = names[0];

	job->blocks |= id;
	for (const struct segue_block *const *each = segue_blocks; *each; each++)
		if ((*each)->id == id)
			return SEGUE_OK;
	for (; id > 1; id >>= 1)
		name += sizeof names[0];
	return segue_refuse(&job->log, SEGUE_E_BLOCK, "%s", name);
}

static int need_what_is_asked_for(struct job *job)
{
	/* By the number of the bit in id. */
	static const uint32_t wishes[] = {
		SEGUE_LOAD_INIT_CPUS,
		SEGUE_LOAD_REAL_MODE,
		0,
		SEGUE_LOAD_DIGEST_REBOOT,
		/* A return also needs the state of the host's devices. */
		QUIET_EACH | SEGUE_LOAD_QUIET_ALL | SEGUE_LOAD_RETURN,
		SEGUE_LOAD_CATCHER,
		SEGUE_LOAD_RETURN,
		SEGUE_LOAD_CORE | SEGUE_LOAD_CRASH,
		SEGUE_LOAD_CRASH,
	};
	uint32_t flags = job->args->flags;
	int error = SEGUE_OK;

	if (segue_has_other_cpus(job))
		flags |= SEGUE_LOAD_INIT_CPUS;
	if (job->args->digest)
		flags |= SEGUE_LOAD_DIGEST_REBOOT;
	for (size_t i = 0; i < sizeof wishes / sizeof wishes[0] && error == SEGUE_OK; i++)
		if (flags & wishes[i])
			error = segue_need_block(job, 1u << i);
	/* Whether these two work is not known before the target is. */
	job->blocks &= ~(BLOCK_REAL_MODE | BLOCK_DIGEST);
	return error;
}

int segue_step_blocks(struct job *job, enum block_step step)
{
	int error = SEGUE_OK;

	for (const struct segue_block *const *each = segue_blocks; *each && error == SEGUE_OK; each++)
		if (job->blocks & (*each)->id && (*each)->steps[step])
			error = (*each)->steps[step](job);
	return error;
}

int segue_prepare_blocks(struct job *job)
{
	int error = need_what_is_asked_for(job);

	return error != SEGUE_OK ? error : segue_step_blocks(job, BLOCK_PREPARE);
}

uint32_t segue_purgatory_pages(const struct job *job)
{
	uint32_t end = PURGATORY_BLOCKS_AT;

	for (const struct segue_block *const *each = segue_blocks; *each; each++)
		if (job->blocks & (*each)->id & ~BLOCKS_THAT_STAY && (*each)->bytes->at + (*each)->bytes->size > end)
			end = (*each)->bytes->at + (*each)->bytes->size;
	return (end + PURGATORY_PAGE - 1) / PURGATORY_PAGE;
}

void segue_write_blocks(const struct job *job, struct purgatory_params *params)
{
	/* A CPU that segue_load() was not told of may park too. */
	uint32_t wanted = job->blocks | BLOCK_CPUS;

	for (const struct segue_block *const *each = segue_blocks; *each; each++) {
		const struct segue_block *block = *each;

		if (!(wanted & block->id))
			continue;
		if (block->bytes && block->bytes->at >= PURGATORY_BLOCKS_AT)
			memcpy(job->workspace + block->bytes->at, block->bytes->bytes, block->bytes->size);
		if (block->write)
			block->write(job, params);
	}
}
