/* SPDX-License-Identifier: MIT */
/*
 * The blocks that are linked, in the order of their places. The table stands alone in an object: the table of a host that
 * links less replaces it (segue.h, and SEGUE_BLOCKS in segue.mk).
 */
#include "blocks/block.h"

#ifndef SEGUE_BLOCKS
#define SEGUE_BLOCK_cpus 1
#define SEGUE_BLOCK_real_mode 1
#define SEGUE_BLOCK_high 1
#define SEGUE_BLOCK_digest 1
#define SEGUE_BLOCK_devices 1
#define SEGUE_BLOCK_catcher 1
#define SEGUE_BLOCK_return 1
#define SEGUE_BLOCK_elf_core 1
#define SEGUE_BLOCK_crash 1
#define SEGUE_BLOCK_long_mode 1
#endif

const struct segue_block *const segue_blocks[] = {
#ifdef SEGUE_BLOCK_cpus
	&segue_block_cpus,
#endif
#ifdef SEGUE_BLOCK_real_mode
	&segue_block_real_mode,
#endif
#if defined(SEGUE_BLOCK_high) && ADDRESS_MAX > UINT32_MAX
	&segue_block_high,
#endif
#ifdef SEGUE_BLOCK_digest
	&segue_block_digest,
#endif
#ifdef SEGUE_BLOCK_devices
	&segue_block_devices,
#endif
#ifdef SEGUE_BLOCK_catcher
	&segue_block_catcher,
#endif
#ifdef SEGUE_BLOCK_return
	&segue_block_return,
#endif
#ifdef SEGUE_BLOCK_elf_core
	&segue_block_elf_core,
#endif
#ifdef SEGUE_BLOCK_crash
	&segue_block_crash,
#endif
#ifdef SEGUE_BLOCK_long_mode
	&segue_block_long_mode,
#endif
	NULL
};
