/* SPDX-License-Identifier: MIT */
/* What the user is shown of the machine, the target and the plan. */
#ifndef STANDALONE_SHOW_H
#define STANDALONE_SHOW_H

#include "boot_info.h"

/* A size for people: in the largest unit that leaves three digits or more. */
void show_size(uint64_t size, uint32_t *number, const char **unit);

/* Who has started us, with what. verbose: lists are shown whole. */
void show_boot_info(const struct boot_info *boot, bool verbose);

/* What is loaded in the workspace. */
void show_target(const void *workspace, bool verbose);

#endif
