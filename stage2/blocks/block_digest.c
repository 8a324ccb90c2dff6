/* SPDX-License-Identifier: MIT */
/* The check of a digest: purgatory/digest.asm. */
#include "blocks/block.h"
#include "common/memory_functions.h"

static void write_digest(const struct job *job, struct purgatory_params *params)
{
	_Static_assert(SEGUE_LOAD_DIGEST_REBOOT == PURGATORY_DIGEST_REBOOT, "copied as it stands");
	if (!job->bundle.digest)
		return;
	params->flags |= (uint16_t)(PURGATORY_DIGEST | (job->args->flags & SEGUE_LOAD_DIGEST_REBOOT));
	memcpy(params->digest, job->bundle.digest, sizeof params->digest);
}

const struct segue_block segue_block_digest = {.id = BLOCK_DIGEST, .bytes = &segue_purgatory_digest, .write = write_digest};
