/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_CORE_PRINT_H
#define SEGUE_CORE_PRINT_H

#include "core_pages.h"

/* Prints what a core is of. mapped: what the page tables map, or NULL for the ranges as the file has them. */
void core_print(const struct core *core, const struct core_list *mapped);

#endif
