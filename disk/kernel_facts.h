/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_KERNEL_FACTS_H
#define SEGUE_KERNEL_FACTS_H

#include "common/loader.h"

/* "  label         " of a line of facts; print the rest and a newline behind it. */
void fact(const char *label);

/* Prints what the headers of a kernel say, of every format that it has at once. */
void print_kernel_facts(const struct bytes *kernel);

#endif
