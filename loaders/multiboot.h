/* SPDX-License-Identifier: MIT */
/* Shared by the files of the Multiboot loader. */
#ifndef SEGUE_MULTIBOOT_H
#define SEGUE_MULTIBOOT_H

#include "elf.h"
#include "multiboot_format.h"

#define MULTIBOOT_SEARCH 8192u        /* section 3.1: the header lies in the first 8192 bytes ... */
#define MULTIBOOT_ALIGN 4u            /* ... at a multiple of 4 */
#define MULTIBOOT_NEARLY_SEARCH 0x1000000u /* how far to search for a misplaced header, to warn of it */

/* Multiboot 2, section 3.1: the header lies in the first 32768 bytes, at a multiple of 8. */
#define MULTIBOOT2_SEARCH 32768u
#define MULTIBOOT2_ALIGN 8u

/*
 * Finds the next magic number at *offset or above, where the specification allows one, whatever its checksum; false if
 * none.
 */
bool segue_multiboot_next(const struct bytes *file, size_t *offset);

/* For a file without a header: says why the first bytes that look like one are not one; NULL if none do. */
const char *segue_multiboot_nearly(const struct bytes *file, size_t *offset) SEGUE_HIDDEN;

/* Places the modules, the information and the sections of elf (NULL: none), and fills in the information. */
int segue_multiboot_pass(struct job *job, const struct elf_file *elf, uint32_t *info);

#endif
