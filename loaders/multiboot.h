/* SPDX-License-Identifier: MIT */
/* Shared by the files of the Multiboot loader. */
#ifndef SEGUE_MULTIBOOT_H
#define SEGUE_MULTIBOOT_H

#include "elf.h"
#include "common/multiboot_format.h"

#define MULTIBOOT_NEARLY_SEARCH 0x1000000u /* how far to search for a misplaced header, to warn of it */

/* Multiboot 2, section 3.1: the header lies in the first 32768 bytes, at a multiple of 8. */
#define MULTIBOOT2_SEARCH 32768u
#define MULTIBOOT2_ALIGN 8u

/* The table's address in the target, and the offsets of its parts. */
struct multiboot_table {
	struct multiboot_info *info;
	uint32_t dest;
	addr_t floor;                 /* segue_floor() */
	addr_t kernel, kernel_end;    /* its first address, and the end, at least floor: sections and modules may follow */
	addr_t end;                   /* end of the kernel and the modules */
	addr_t modules_at;            /* address of the first module */
	size_t kernel_segments, module_count, modules, map_count, map, vbe, strings;
};

/* Member 0 is the kernel; the modules follow as the target counts them. May be put into *made. */
const struct member *segue_multiboot_member(const struct bundle *bundle, size_t i, struct member *made);

/* multiboot_place.c: the modules; the place of a table, above 1 MiB, or below 640 KiB if there is room. */
#define TABLE_ALIGN 16u
extern const struct place segue_multiboot_place SEGUE_HIDDEN;
int segue_multiboot_place_modules(struct job *job, struct multiboot_table *table, addr_t sections);
bool segue_multiboot_find_low(const struct job *job, size_t size, const struct multiboot_table *table, struct place *place);

/*
 * What the table in multiboot_extras.c names: the ELF sections (multiboot_sections.c). has_sections() says why not, and sets the
 * size of the sections after the kernel. place_sections() places them and their headers, and fills in the information.
 */
struct segue_multiboot_extra {
	bool (*has_sections)(const struct job *job, const struct elf_file *elf, addr_t *size);
	int (*place_sections)(struct job *job, const struct elf_file *elf, const struct multiboot_table *table);
};
extern const struct segue_multiboot_extra *const segue_multiboot_extras[] SEGUE_HIDDEN;

/* Places the modules, the information and the sections of elf (NULL: none), and fills in the information. */
int segue_multiboot_pass(struct job *job, const struct elf_file *elf, uint32_t *info);

#endif
