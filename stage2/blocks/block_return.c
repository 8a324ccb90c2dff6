/* SPDX-License-Identifier: MIT */
/* A target that comes back (SEGUE_LOAD_RETURN): stage2/return/. */
#include "blocks/block.h"
#include "return/prepare.h"

const struct segue_block segue_block_return = {
	.id = BLOCK_RETURN, .bytes = &segue_purgatory_return, .prepare = segue_return_prepare, .opened = segue_return_tell,
	.placed = segue_return_fill, .write = segue_return_write,
};
