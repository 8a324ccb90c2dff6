/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_CORE_GDB_H
#define SEGUE_CORE_GDB_H

#include "core_file.h"

/*
 * Prints the command line that opens a core in gdb with the host's ELF file. out: the core that was made, or NULL; then a
 * core that gdb does not open gets a line that makes one, with tables as --page-tables. Returns a status.
 */
int core_print_gdb(const struct core *core, const char *kernel, const char *out, const char *tables);

#endif
