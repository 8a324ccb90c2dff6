/* SPDX-License-Identifier: MIT */
/* Other CPUs: purgatory/cpus.asm. */
#include "blocks/block.h"

static void write_cpus(const struct job *job, struct purgatory_params *params)
{
	params->flags |= PURGATORY_CPUS;
	if (segue_has_other_cpus(job))
		params->flags |= PURGATORY_PARKED;
	if (job->args->flags & SEGUE_LOAD_INIT_CPUS)
		params->flags |= PURGATORY_INIT_CPUS;
}

const struct segue_block segue_block_cpus = {.id = BLOCK_CPUS, .bytes = &segue_purgatory_cpus, .write = write_cpus};
