/* SPDX-License-Identifier: MIT */
/* A target that comes back (SEGUE_LOAD_RETURN): stage2/return/. */
#include "blocks/block.h"
#include "return/prepare.h"

const struct segue_block segue_block_return = {
	.id = BLOCK_RETURN, .bytes = &segue_purgatory_return, .write = segue_return_write,
	.steps = {[BLOCK_PREPARE] = segue_return_prepare, [BLOCK_OPENED] = segue_return_tell, [BLOCK_PLACED] = segue_return_fill},
};
