/* SPDX-License-Identifier: MIT */
/* Shows the machine, the target and the plan to the user. */
#ifndef STANDALONE_SHOW_H
#define STANDALONE_SHOW_H

#include "boot_info.h"

/* A size for a reader, in the largest unit that leaves at least three digits. */
void show_size(uint64_t size, uint32_t *number, const char **unit);

/* Shows the boot loader and what it has passed. verbose: whole lists. */
void show_boot_info(const struct boot_info *boot, bool verbose);

/* Shows the target that is loaded in the workspace. */
void show_target(const void *workspace, bool verbose);

#endif
