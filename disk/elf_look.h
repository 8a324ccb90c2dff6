/* SPDX-License-Identifier: MIT */
/* Looks into an ELF file, 32 or 64 bits, little-endian, that may be damaged. */
#ifndef SEGUE_ELF_LOOK_H
#define SEGUE_ELF_LOOK_H

#include "disk.h"

/* EM_386 or EM_X86_64; 0: not an ELF file for one of these. */
unsigned elf_machine(const struct file *file);
/* Does the program need an interpreter, the dynamic linker (PT_INTERP)? The file has a machine. */
bool elf_is_dynamic(const struct file *file);
/* Finds a section by its name. NULL: there is none, or it is not inside the file. */
const uint8_t *elf_section(const struct file *file, const char *name, size_t *size);

#endif
