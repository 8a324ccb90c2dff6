/* SPDX-License-Identifier: MIT */
/* A target that starts in real mode: purgatory/real_mode.asm. */
#include "blocks/block.h"

static void write_real_mode(const struct job *job, struct purgatory_params *params)
{
	if (!segue_is_real_mode(&job->entry))
		return;
	if (job->args->target_memory_count > 0)
		segue_say(&job->log, SEGUE_LOG_WARNING, "the BIOS tells the target of RAM outside target_memory");
	params->flags |= PURGATORY_REAL_MODE;
	if (job->entry.real_interrupts)
		params->flags |= PURGATORY_INTERRUPTS;
	if (segue_shuts_a20(job))
		params->flags |= PURGATORY_SHUT_A20;
	params->code_selector = job->entry.real_code;
	params->data_selector = job->entry.real_data;
}

const struct segue_block segue_block_real_mode = {
	.id = BLOCK_REAL_MODE, .bytes = &segue_purgatory_real_mode, .write = write_real_mode,
};
