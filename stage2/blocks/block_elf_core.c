/* SPDX-License-Identifier: MIT */
/* The core header of the host's memory (SEGUE_LOAD_CORE): stage2/core/. */
#include "blocks/block.h"
#include "core/core.h"

const struct segue_block segue_block_elf_core = {.id = BLOCK_ELF_CORE, .steps = {[BLOCK_OPENED] = segue_core_make}};
