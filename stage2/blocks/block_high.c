/* SPDX-License-Identifier: MIT */
/* Sources above 4 GiB: purgatory/high.asm. arrange.c sets params for it. On i386 there are none. */
#include "blocks/block.h"

#if ADDRESS_MAX > UINT32_MAX
const struct segue_block segue_block_high = {.id = BLOCK_HIGH, .bytes = &segue_purgatory_high};
#endif
