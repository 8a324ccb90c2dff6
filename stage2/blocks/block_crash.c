/* SPDX-License-Identifier: MIT */
/* A target for a crash (SEGUE_LOAD_CRASH): stage2/crash/. */
#include "blocks/block.h"
#include "crash/crash_load.h"

const struct segue_block segue_block_crash = {
	.id = BLOCK_CRASH, .steps = {[BLOCK_PREPARE] = segue_crash_prepare, [BLOCK_OPENED] = segue_crash_tell},
	.write = segue_crash_write,
};
