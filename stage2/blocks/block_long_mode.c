/* SPDX-License-Identifier: MIT */
/* A target that is entered in 64-bit mode: purgatory/long_mode.asm. */
#include "blocks/block.h"
#include "common/long_entry.h"
#include "common/memory_functions.h"
#include "leave/processor.h"

static int check_cpu(struct job *job)
{
	return segue_has_long_mode() ? SEGUE_OK : segue_refuse(&job->log, SEGUE_E_LONG_MODE, NULL);
}

/* The block begins with the structure. The catcher, if there is one, is another: purgatory/catcher64.asm. */
static void write_long_mode(const struct job *job, struct purgatory_params *params)
{
	memcpy(job->workspace + segue_purgatory_long_mode.at, job->entry.wide, sizeof *job->entry.wide);
	params->flags |= PURGATORY_LONG_MODE;
	if (job->catcher)
		memcpy(job->catcher, segue_purgatory_catcher64.bytes, segue_purgatory_catcher64.size);
}

const struct segue_block segue_block_long_mode = {
	.id = BLOCK_LONG_MODE, .bytes = &segue_purgatory_long_mode, .steps = {[BLOCK_PLACED] = check_cpu}, .write = write_long_mode,
};
