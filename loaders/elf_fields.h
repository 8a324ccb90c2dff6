/* SPDX-License-Identifier: MIT */
/* The same code reads both classes of ELF file: a field is named once, and the class determines its offset. */
#ifndef SEGUE_ELF_FIELDS_H
#define SEGUE_ELF_FIELDS_H

#include "elf.h"

/* Offset of a field: the ELF32 one, plus the difference for ELF64. */
#define AT(is_64, p, structure, field) \
	((p) + offsetof(struct elf32_##structure, field) + \
	 (is_64) * (offsetof(struct elf64_##structure, field) - offsetof(struct elf32_##structure, field)))
/* A 16-bit field has the same size in both classes. */
#define HALF(is_64, p, structure, field) le16(AT(is_64, p, structure, field))
#define SIZE_OF(is_64, structure) \
	((is_64) ? (uint32_t)sizeof(struct elf64_##structure) : (uint32_t)sizeof(struct elf32_##structure))

/*
 * Reads adjacent fields whose size depends on the class: Elf32_Addr or Elf64_Addr, Elf32_Off or Elf64_Off, ... A value
 * of 4 GiB or more becomes ADDRESS_MAX, which fails every check.
 */
void segue_elf_read_words(bool is_64, const uint8_t *p, addr_t *words, size_t count);

/* Reads one such field as it is. */
uint64_t segue_elf_read_wide(bool is_64, const uint8_t *p);

/* Is the range inside the file? 64 bits as in the file, so that a message can show the numbers. */
bool segue_elf_is_inside(const struct elf_file *elf, uint64_t offset, uint64_t size);

#endif
