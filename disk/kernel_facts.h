/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_KERNEL_FACTS_H
#define SEGUE_KERNEL_FACTS_H

#include "common/loader.h"

/* Prints "  label         ". The caller prints the rest of the line and a newline. */
void fact(const char *label);

/* Prints the headers of a kernel, of all formats that it has. */
void print_kernel_facts(const struct bytes *kernel);

#endif
