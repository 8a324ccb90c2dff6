/* SPDX-License-Identifier: MIT */
/* Purgatory's blocks that segue.elf needs: it starts targets for good (segue.h: segue_blocks). */
#include "segue.h"

const struct segue_block *const segue_blocks[] = {
	&segue_block_cpus, &segue_block_real_mode, &segue_block_digest, &segue_block_devices, &segue_block_catcher,
	&segue_block_long_mode, NULL,
};
